using System.Buffers.Binary;
using Confluent.Kafka;

namespace PipeRoll.Workflows.Deciding;

/// <summary>The headers of every record that a worker writes (docs/formats/outputs.md). Numbers are 8 bytes, big-endian.</summary>
public static class OutputHeaders
{
    /// <summary>The offset, in the source partition of the same number, of the event that this record is about.</summary>
    public const string SourceOffset = "pr-src-offset";

    /// <summary>The offset, in this very partition, of the claim under which the record was written.</summary>
    public const string Epoch = "pr-epoch";

    /// <summary>Marks a claim; the value is the worker's unique id as text.</summary>
    public const string Claim = "pr-claim";

    /// <summary>
    /// No worker ever has more events whose offset is not yet committed than this. It bounds what a worker that lost its partition can
    /// still write there, and so how far back a tail must be read.
    /// </summary>
    public const int InFlightMax = 10_000;

    internal static byte[] Encode(long number)
    {
        var bytes = new byte[sizeof(long)];
        BinaryPrimitives.WriteInt64BigEndian(bytes, number);
        return bytes;
    }

    /// <summary>The number in a header; null if the header is missing or no such number.</summary>
    internal static long? Number(Headers? headers, string name) =>
        headers is not null && headers.TryGetLastBytes(name, out byte[] bytes) && bytes.Length == sizeof(long)
            ? BinaryPrimitives.ReadInt64BigEndian(bytes)
            : null;

    internal static bool IsClaim(Headers? headers) => headers is not null && headers.TryGetLastBytes(Claim, out _);
}
