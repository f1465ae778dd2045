using PipeRoll.Foundation.Buffers;

namespace PipeRoll.Streams.Tests.Support;

/// <summary>Batches whose bytes say which stream and offset they belong to.</summary>
public static class Batches
{
    public static StreamBatch Make(StreamId stream, long baseOffset, int count = 1, int bytes = 100, long timestamp = 0)
    {
        SharedBuffer owner = SharedBuffer.Rent(bytes);
        Fill(stream, baseOffset, owner.Span);
        return new StreamBatch(baseOffset, count, timestamp, owner.Memory, owner);
    }

    public static byte[] Expected(StreamId stream, long baseOffset, int bytes)
    {
        byte[] expected = new byte[bytes];
        Fill(stream, baseOffset, expected);
        return expected;
    }

    /// <summary>Appends and gives the test's own reference back at once.</summary>
    public static Task AppendAsync(this IStream stream, int count = 1, int bytes = 100, long timestamp = 0)
    {
        StreamBatch batch = Make(stream.Id, stream.NextOffset, count, bytes, timestamp);
        try
        {
            return stream.Append(batch);
        }
        finally
        {
            batch.Owner!.Release();
        }
    }

    /// <summary>Reads everything from <paramref name="from"/> to the confirmed end.</summary>
    public static async Task<byte[]> ReadAllAsync(this IStream stream, long from, int maxBytes = 1000)
    {
        using var all = new MemoryStream();
        long at = from;
        while (at < stream.ConfirmedOffset)
        {
            using FetchedBatches fetched = await stream.FetchAsync(at, maxBytes);
            Assert.True(fetched.EndOffset > at, $"nothing was read at {at}");
            foreach (ReadOnlyMemory<byte> segment in fetched.Segments)
            {
                all.Write(segment.Span);
            }

            at = fetched.EndOffset;
        }

        return all.ToArray();
    }

    public static byte[] ExpectedRange(StreamId stream, long from, long to, int count, int bytes)
    {
        using var all = new MemoryStream();
        for (long at = from; at < to; at += count)
        {
            all.Write(Expected(stream, at, bytes));
        }

        return all.ToArray();
    }

    private static void Fill(StreamId stream, long baseOffset, Span<byte> bytes)
    {
        new Random(HashCode.Combine(1, (int)stream.Value) ^ (int)baseOffset).NextBytes(bytes);
    }
}
