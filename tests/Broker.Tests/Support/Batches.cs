using System.Text;
using PipeRoll.Wire.Records;

namespace PipeRoll.Broker.Tests.Support;

/// <summary>Builds record batches for tests.</summary>
internal static class Batches
{
    public const long Now = 1_790_000_000_000;

    /// <param name="timestamps">One record each; null for records at the host's time.</param>
    public static byte[] Of(
        int count, long producerId = -1, short epoch = -1, int sequence = -1, CompressionCodec codec = CompressionCodec.None,
        long[]? timestamps = null, bool withKeys = true, int valueBytes = 10, bool isTransactional = false)
    {
        using var builder = new RecordBatchBuilder
        {
            Codec = codec,
            ProducerId = producerId,
            ProducerEpoch = epoch,
            BaseSequence = sequence,
            IsTransactional = isTransactional,
        };
        long now = TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds();
        for (int index = 0; index < count; index++)
        {
            ReadOnlyMemory<byte>? key = withKeys ? Encoding.UTF8.GetBytes($"k{index}") : (ReadOnlyMemory<byte>?)null;
            builder.Append(timestamps?[index] ?? now, key, Encoding.UTF8.GetBytes($"v{index}".PadRight(valueBytes, '.')));
        }

        return builder.Build();
    }

    public static byte[] Joined(params byte[][] batches) => [.. batches.SelectMany(batch => batch)];

    /// <summary>Base offset and record count of every batch in some bytes.</summary>
    public static IReadOnlyList<(long BaseOffset, int Count)> Headers(ReadOnlyMemory<byte> bytes)
    {
        var headers = new List<(long BaseOffset, int Count)>();
        while (RecordBatches.TryTakeFirst(ref bytes, out RecordBatchHeader header, out _))
        {
            headers.Add((header.BaseOffset, header.RecordCount));
        }

        return headers;
    }
}
