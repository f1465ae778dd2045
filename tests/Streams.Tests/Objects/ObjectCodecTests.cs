using CsCheck;
using PipeRoll.Streams.Metadata;
using PipeRoll.Streams.Objects;

namespace PipeRoll.Streams.Tests.Objects;

public sealed class ObjectCodecTests
{
    private static readonly Gen<(StreamId Stream, StreamBatch[] Batches)[]> Contents =
        Gen.Select(Gen.Int[1, 4], Gen.Int[1, 30], Gen.Int, (streams, batches, seed) =>
        {
            var random = new Random(seed);
            return Enumerable.Range(1, streams).Select(s =>
            {
                long offset = random.Next(1000);
                return (new StreamId(s * 3), Enumerable.Range(0, batches).Select(_ =>
                {
                    byte[] bytes = new byte[random.Next(1, 400)];
                    random.NextBytes(bytes);
                    // Gaps are what compaction leaves.
                    offset += random.Next(3) == 0 ? random.Next(10) : 0;
                    var batch = new StreamBatch(offset, random.Next(1, 9), random.Next(), bytes, null);
                    offset = batch.EndOffset;
                    return batch;
                }).ToArray());
            }).ToArray();
        });

    [Fact]
    public void Any_content_is_read_back_and_indexed() => Gen.Select(Contents, Gen.Int[60, 2000]).Sample((content, blockBytes) =>
    {
        (byte[] bytes, ObjectCommit commit) = Write(content, blockBytes);
        ObjectIndex index = Parse(bytes, commit);
        Assert.Equal(content.Length, commit.Ranges.Count);
        Assert.Equal(bytes.Length, commit.Bytes);
        foreach ((StreamId stream, StreamBatch[] batches) in content)
        {
            RangeCommit range = commit.Ranges.Single(r => r.Stream == stream);
            Assert.Equal(batches[0].BaseOffset, range.BaseOffset);
            Assert.Equal(batches[^1].EndOffset, range.EndOffset);
            Assert.Equal(batches.Max(b => b.MaxTimestamp), range.MaxTimestamp);
            Assert.Equal(batches.Sum(b => b.Bytes.Length), range.Bytes);
            Assert.Equal(batches.Select(b => (b.BaseOffset, Convert.ToHexString(b.Bytes.Span))), ReadBack(bytes, index, stream));
            foreach (StreamBatch batch in batches)
            {
                BlockEntry block = index.Blocks[index.FindBlock(stream, batch.EndOffset - 1)];
                Assert.True(block.BaseOffset < batch.EndOffset && block.EndOffset >= batch.EndOffset);
            }

            Assert.Equal(-1, index.FindBlock(stream, range.EndOffset));
        }

        Assert.Equal(-1, index.FindBlock(new StreamId(2), 0));
    }, iter: 300);

    [Fact]
    public void Any_changed_byte_is_noticed() => Gen.Select(Contents, Gen.Int[60, 2000], Gen.Int[0, int.MaxValue]).Sample((content, blockBytes, at) =>
    {
        (byte[] bytes, ObjectCommit commit) = Write(content, blockBytes);
        bytes[at % bytes.Length] ^= (byte)(1 << (at % 8));
        bool noticed;
        try
        {
            ObjectIndex index = Parse(bytes, commit);
            noticed = index.Blocks.Any(b => ObjectFormat.FindBlockFault(bytes.AsSpan((int)b.Position, b.Bytes), b) is not null);
        }
        catch (CorruptDataException corrupt)
        {
            noticed = corrupt.Message.Contains("data/11/0000000000000011.obj", StringComparison.Ordinal);
        }

        Assert.True(noticed);
    }, iter: 300);

    [Fact]
    public void Random_bytes_are_refused_as_an_index() => Gen.Byte.Array[0, 300].Sample(bytes =>
        Assert.Throws<CorruptDataException>(() => ObjectIndex.Parse(1, 0, bytes)));

    [Fact]
    public void A_forged_index_with_right_checksums_is_refused() => Gen.Select(Contents, Gen.Int[0, int.MaxValue]).Sample((content, at) =>
    {
        (byte[] bytes, ObjectCommit commit) = Write(content, 200);
        byte[] tail = bytes[(int)commit.IndexPosition..];
        int entries = tail.Length - ObjectFormat.FooterBytes;
        // Positions and sizes chain up, so that any change to them shows even when the checksums are made to fit.
        int field = (at % (entries / ObjectFormat.IndexEntryBytes) * ObjectFormat.IndexEntryBytes) + (at % 2 == 0 ? 24 : 40);
        tail[field] ^= 1;
        ObjectFooter footer = ObjectFormat.ReadFooter(tail.AsSpan(entries))!.Value;
        ObjectFormat.WriteFooter(tail.AsSpan(entries), footer with { IndexCrc = Foundation.Hashing.Crc32C.Compute(tail.AsSpan(0, entries)) });
        Assert.Throws<CorruptDataException>(() => ObjectIndex.Parse(17, commit.IndexPosition, tail));
    }, iter: 200);

    [Fact]
    public void Batches_out_of_order_are_refused()
    {
        var writer = new ObjectWriter(1, ObjectKind.StreamSet, 1000);
        writer.Add(new StreamId(5), 1, new StreamBatch(10, 2, 0, new byte[5], null));
        Assert.Throws<ArgumentException>(() => writer.Add(new StreamId(5), 1, new StreamBatch(11, 2, 0, new byte[5], null)));
        Assert.Throws<ArgumentException>(() => writer.Add(new StreamId(4), 1, new StreamBatch(0, 2, 0, new byte[5], null)));
        var single = new ObjectWriter(1, ObjectKind.Stream, 1000);
        single.Add(new StreamId(5), 1, new StreamBatch(10, 2, 0, new byte[5], null));
        Assert.Throws<ArgumentException>(() => single.Add(new StreamId(6), 1, new StreamBatch(0, 2, 0, new byte[5], null)));
    }

    private static (byte[] Bytes, ObjectCommit Commit) Write((StreamId Stream, StreamBatch[] Batches)[] content, int blockBytes)
    {
        var writer = new ObjectWriter(17, ObjectKind.StreamSet, blockBytes);
        using var bytes = new MemoryStream();
        foreach ((StreamId stream, StreamBatch[] batches) in content)
        {
            foreach (StreamBatch batch in batches)
            {
                writer.Add(stream, 1, batch);
            }

            Drain(writer, bytes);
        }

        ObjectCommit commit = writer.Finish();
        Drain(writer, bytes);
        return (bytes.ToArray(), commit);
    }

    private static void Drain(ObjectWriter writer, MemoryStream bytes)
    {
        foreach (ReadOnlyMemory<byte> part in writer.TakeParts())
        {
            bytes.Write(part.Span);
        }
    }

    private static ObjectIndex Parse(byte[] bytes, ObjectCommit commit) =>
        ObjectIndex.Parse(17, commit.IndexPosition, bytes.AsSpan((int)commit.IndexPosition));

    private static IEnumerable<(long, string)> ReadBack(byte[] bytes, ObjectIndex index, StreamId stream)
    {
        foreach (BlockEntry block in index.Blocks.Where(b => b.Stream == stream))
        {
            byte[] content = bytes[(int)block.Position..(int)(block.Position + block.Bytes)];
            Assert.Null(ObjectFormat.FindBlockFault(content, block));
            int position = ObjectFormat.BodyPosition(block.BatchCount);
            for (int i = 0; i < block.BatchCount; i++)
            {
                BatchEntry batch = ObjectFormat.ReadBatchEntry(content, i);
                yield return (batch.BaseOffset, Convert.ToHexString(content, position, batch.Bytes));
                position += batch.Bytes;
            }
        }
    }
}
