using System.Text;
using PipeRoll.Wire.Records;

namespace PipeRoll.Wire.Tests.Records;

/// <summary>Batches for tests, built and random.</summary>
internal static class Batches
{
    public const long Time = 1_700_000_000_000;

    public static byte[] Utf8(string text) => Encoding.UTF8.GetBytes(text);

    /// <summary>Records "key-i" to "value-i", one millisecond apart.</summary>
    public static byte[] Of(int count, CompressionCodec codec = CompressionCodec.None, long producerId = -1, int baseSequence = -1)
    {
        using var builder = new RecordBatchBuilder
        {
            Codec = codec,
            ProducerId = producerId,
            ProducerEpoch = (short)(producerId < 0 ? -1 : 3),
            BaseSequence = baseSequence,
        };
        for (int index = 0; index < count; index++)
        {
            builder.Append(Time + index, Utf8($"key-{index}"), Utf8($"value-{index}"));
        }

        return builder.Build();
    }

    /// <summary>Records of every shape: null and empty keys and values, headers with null values, times before the first.</summary>
    public static byte[] Random(Random random, CompressionCodec codec)
    {
        using var builder = new RecordBatchBuilder { Codec = codec };
        int count = random.Next(1, 30);
        for (int index = 0; index < count; index++)
        {
            RecordHeader[] headers =
                [.. Enumerable.Range(0, random.Next(3)).Select(number => new RecordHeader($"h{number}é", Bytes(random)))];
            builder.Append(Time + random.Next(-5000, 5000), Bytes(random), Bytes(random), headers);
        }

        return builder.Build();
    }

    /// <summary>One line per record, with all that a consumer sees.</summary>
    public static List<string> Lines(RecordBatchHeader header, ReadOnlySpan<byte> records)
    {
        var lines = new List<string>();
        foreach (var record in new RecordReader(header, records))
        {
            string key = record.IsKeyNull ? "null" : Convert.ToHexString(record.Key);
            string value = record.IsValueNull ? "null" : Convert.ToHexString(record.Value);
            string line = $"{record.Offset}@{record.Timestamp} {key}={value}";
            RecordHeaderReader headers = record.Headers;
            while (headers.MoveNext())
            {
                line += $" {Encoding.UTF8.GetString(headers.Key)}:{(headers.IsValueNull ? "null" : Convert.ToHexString(headers.Value))}";
            }

            lines.Add(line);
        }

        return lines;
    }

    private static ReadOnlyMemory<byte>? Bytes(Random random)
    {
        int kind = random.Next(10);
        if (kind == 0)
        {
            return null;
        }

        byte[] bytes = new byte[kind == 1 ? 0 : kind == 2 ? random.Next(20_000) : random.Next(40)];
        if (random.Next(2) == 0)
        {
            random.NextBytes(bytes);
        }

        return bytes;
    }
}
