using CsCheck;
using PipeRoll.Foundation.Buffers;
using PipeRoll.Foundation.Hashing;
using PipeRoll.Streams.Metadata;
using PipeRoll.Streams.Wal;
using PipeRoll.Streams.Wal.Objects;

namespace PipeRoll.Streams.Tests.Wal.Objects;

public sealed class ObjectWalFormatTests
{
    private static readonly BrokerEpoch Log = new(0x1a);

    private static readonly Gen<(long Stream, long Epoch, long Offset, int Count, long Time, byte[] Bytes)[]> Records =
        Gen.Select(Gen.Long, Gen.Long, Gen.Long[0, 1L << 50], Gen.Int[1, 100_000], Gen.Long, Gen.Byte.Array[0, 300]).Array[1, 20];

    [Fact]
    public void Any_group_is_read_back() => Gen.Select(Records, Gen.Long[1, long.MaxValue]).Sample((records, number) =>
    {
        using WalObject read = ObjectWalFormat.Read(Log, number, Rent(Encode(records, number)));
        Assert.False(read.IsFence);
        Assert.Equal(number, read.Number);
        Assert.Equal(
            records.Select(static r => (r.Stream, r.Epoch, r.Offset, r.Count, r.Time, Convert.ToHexString(r.Bytes))),
            read.Batches().Select(static b => (
                b.Stream.Value, b.Epoch, b.Batch.BaseOffset, b.Batch.Count, b.Batch.MaxTimestamp, Convert.ToHexString(b.Batch.Bytes.Span))));
    });

    [Fact]
    public void Any_fence_is_read_back() => Gen.Select(Gen.Long[1, long.MaxValue], Gen.Long[1, long.MaxValue]).Sample((number, by) =>
    {
        byte[] fence = ObjectWalFormat.Fence(Log, number, new BrokerEpoch(by));
        Assert.Equal(ObjectWalFormat.FenceBytes, fence.Length);
        using WalObject read = ObjectWalFormat.Read(Log, number, Rent(fence));
        Assert.True(read.IsFence);
        Assert.Equal(by, read.FencedBy.Value);
        Assert.Empty(read.Batches());
    });

    [Fact]
    public void Any_flipped_bit_is_damage_that_names_the_object() =>
        Gen.Select(Records, Gen.Int[0, int.MaxValue]).Sample((records, at) =>
        {
            byte[] bytes = Encode(records, 5);
            // The zeros at the end of each table entry are the table's checksum's to guard, as all of it is.
            at %= bytes.Length * 8;
            bytes[at / 8] ^= (byte)(1 << (at % 8));
            var damaged = Assert.Throws<CorruptDataException>(() => ObjectWalFormat.Read(Log, 5, Rent(bytes)));
            Assert.Contains("wal/000000000000001a/0000000000000005", damaged.Message, StringComparison.Ordinal);
        });

    [Fact]
    public void Bytes_missing_or_added_at_the_end_are_damage() => Gen.Select(Records, Gen.Int[-400, 400]).Sample((records, change) =>
    {
        byte[] bytes = Encode(records, 5);
        Array.Resize(ref bytes, Math.Max(0, bytes.Length + (change == 0 ? 1 : change)));
        Assert.Throws<CorruptDataException>(() => ObjectWalFormat.Read(Log, 5, Rent(bytes)));
    });

    [Theory]
    [InlineData(0x1b, 5)]
    [InlineData(0x1a, 6)]
    public void An_object_of_another_log_or_number_is_damage(long log, long number)
    {
        byte[] fence = ObjectWalFormat.Fence(Log, 5, new BrokerEpoch(9));
        Assert.Throws<CorruptDataException>(() => ObjectWalFormat.Read(new BrokerEpoch(log), number, Rent(fence)));
    }

    [Fact]
    public void The_layout_is_the_one_that_is_specified()
    {
        byte[] fence = ObjectWalFormat.Fence(new BrokerEpoch(0x1122334455667788), 3, new BrokerEpoch(9));
        Assert.Equal(
            "50525747" + "0100" + "0200" + "8877665544332211" + "0900000000000000" + "0300000000000000" + "0000000000000000"
            + "0000000000000000" + "00000000" + "00000000" + "00000000", Convert.ToHexStringLower(fence.AsSpan(0, 60)));
        Assert.Equal(Crc32C.Compute(fence.AsSpan(0, 60)), BitConverter.ToUInt32(fence, 60));
        Assert.Equal("wal/1122334455667788/00000000000000ff", ObjectWalFormat.KeyOf(new BrokerEpoch(0x1122334455667788), 255));
    }

    [Fact]
    public void Keys_sort_by_number_and_are_read_back() => Gen.Select(Gen.Long[1, long.MaxValue], Gen.Long[1, long.MaxValue]).Sample((a, b) =>
    {
        Assert.Equal(a.CompareTo(b), Math.Sign(string.CompareOrdinal(ObjectWalFormat.KeyOf(Log, a), ObjectWalFormat.KeyOf(Log, b))));
        Assert.True(ObjectWalFormat.TryParse(Log, ObjectWalFormat.KeyOf(Log, a), out long number));
        Assert.Equal(a, number);
        Assert.False(ObjectWalFormat.TryParse(new BrokerEpoch(2), ObjectWalFormat.KeyOf(Log, a), out _));
    });

    private static byte[] Encode((long Stream, long Epoch, long Offset, int Count, long Time, byte[] Bytes)[] records, long number)
    {
        var group = new WalGroup { Sequence = (ulong)number };
        foreach ((long stream, long epoch, long offset, int count, long time, byte[] bytes) in records)
        {
            group.Add(new WalRecord(new StreamId(stream), epoch, new StreamBatch(offset, count, time, bytes, null), Crc32C.Compute(bytes), null));
        }

        IReadOnlyList<ReadOnlyMemory<byte>> parts = new WalGroupEncoder().Encode(group, (ulong)Log.Value, 0, 0, padded: false);
        Assert.Equal(group.PayloadBytes, parts.Sum(static p => (long)p.Length));
        return [.. parts.SelectMany(static p => p.ToArray())];
    }

    private static SharedBuffer Rent(byte[] bytes)
    {
        SharedBuffer buffer = SharedBuffer.Rent(bytes.Length);
        bytes.CopyTo(buffer.Span);
        return buffer;
    }
}
