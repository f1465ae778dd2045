using System.Buffers.Text;
using Confluent.Kafka;

namespace PipeRoll.Workflows.Deciding;

/// <summary>
/// The headers of every record that a worker writes (docs/formats/outputs.md). Numbers are decimal digits, so that any tool shows them.
/// </summary>
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
        Span<byte> digits = stackalloc byte[20];
        Utf8Formatter.TryFormat(number, digits, out int length);
        return digits[..length].ToArray();
    }

    /// <summary>The number in a header; null if the header is missing or no such number.</summary>
    internal static long? Number(Headers? headers, string name) =>
        headers is not null && headers.TryGetLastBytes(name, out byte[] bytes)
        && Utf8Parser.TryParse(bytes, out long number, out int used) && used == bytes.Length && number >= 0
            ? number
            : null;

    internal static bool IsClaim(Headers? headers) => headers is not null && headers.TryGetLastBytes(Claim, out _);
}
