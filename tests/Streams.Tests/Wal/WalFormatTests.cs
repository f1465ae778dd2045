using CsCheck;
using PipeRoll.Foundation.Hashing;
using PipeRoll.Streams.Wal;

namespace PipeRoll.Streams.Tests.Wal;

public sealed class WalFormatTests
{
    private static readonly Gen<WalGroupHeader> Headers =
        from log in Gen.ULong
        from segment in Gen.ULong
        from grp in Gen.ULong
        from live in Gen.ULong
        from clean in Gen.Bool
        from records in Gen.Int[0, 100_000]
        from body in Gen.Long[0, int.MaxValue]
        from crc in Gen.UInt
        select new WalGroupHeader(log, segment, grp, live, clean, records, body, crc);

    private static readonly Gen<WalRecordEntry> Entries =
        from stream in Gen.Long
        from epoch in Gen.Long
        from offset in Gen.Long
        from time in Gen.Long
        from count in Gen.Int
        from bytes in Gen.Int
        from crc in Gen.UInt
        select new WalRecordEntry(new StreamId(stream), epoch, offset, time, count, bytes, crc);

    [Fact]
    public void Any_header_is_read_back() => Headers.Sample(header =>
    {
        byte[] bytes = new byte[WalFormat.GroupHeaderBytes];
        WalFormat.WriteGroupHeader(bytes, header);
        Assert.True(WalFormat.TryReadGroupHeader(bytes, out WalGroupHeader read));
        Assert.Equal(header, read);
    });

    [Fact]
    public void Any_entry_is_read_back() => Entries.Sample(entry =>
    {
        byte[] bytes = new byte[WalFormat.RecordEntryBytes];
        WalFormat.WriteRecordEntry(bytes, entry);
        Assert.Equal(entry, WalFormat.ReadRecordEntry(bytes));
    });

    [Fact]
    public void A_header_with_any_bit_flipped_is_no_header() =>
        Gen.Select(Headers, Gen.Int[0, (WalFormat.GroupHeaderBytes * 8) - 1]).Sample((header, bit) =>
        {
            byte[] bytes = new byte[WalFormat.GroupHeaderBytes];
            WalFormat.WriteGroupHeader(bytes, header);
            bytes[bit / 8] ^= (byte)(1 << (bit % 8));
            Assert.False(WalFormat.TryReadGroupHeader(bytes, out _));
        });

    [Fact]
    public void Random_bytes_never_pass_for_a_group() => Gen.Byte.Array[0, 400].Sample(bytes =>
    {
        Assert.False(WalFormat.TryReadGroupHeader(bytes, out _));
        int records = bytes.Length / WalFormat.RecordEntryBytes;
        long body = bytes.Length - ((long)records * WalFormat.RecordEntryBytes);
        if (records > 0)
        {
            uint crc = Crc32C.Compute(bytes.AsSpan(0, records * WalFormat.RecordEntryBytes));
            // Even with a table whose checksum is right, wild lengths inside are refused.
            Assert.False(WalFormat.IsIntact(new WalGroupHeader(1, 1, 1, 1, false, records, body, crc), bytes)
                && bytes.Any(b => b != 0));
        }
    });

    [Fact]
    public void The_layout_is_the_one_that_is_specified()
    {
        byte[] bytes = new byte[WalFormat.GroupHeaderBytes];
        WalFormat.WriteGroupHeader(bytes, new WalGroupHeader(0x1122334455667788, 2, 3, 4, true, 5, 6, 7));
        Assert.Equal(
            "50525747" + "0100" + "0100" + "8877665544332211" + "0200000000000000" + "0300000000000000" + "0400000000000000"
            + "0600000000000000" + "05000000" + "07000000" + "00000000", Convert.ToHexStringLower(bytes.AsSpan(0, 60)));
    }

    [Fact]
    public void An_intact_header_of_another_version_is_refused_with_advice()
    {
        byte[] bytes = new byte[WalFormat.GroupHeaderBytes];
        WalFormat.WriteGroupHeader(bytes, new WalGroupHeader(1, 1, 1, 1, false, 0, 0, 0));
        bytes[4] = 9;
        BitConverter.GetBytes(Crc32C.Compute(bytes.AsSpan(0, 60))).CopyTo(bytes, 60);
        var refused = Assert.Throws<CorruptDataException>(() => WalFormat.TryReadGroupHeader(bytes, out _));
        Assert.Contains("version 9", refused.Message, StringComparison.Ordinal);
    }
}
