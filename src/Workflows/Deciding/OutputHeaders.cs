using System.Buffers.Text;
using Confluent.Kafka;

namespace PipeRoll.Workflows.Deciding;

/// <summary>The header of every record that a worker writes (docs/formats/outputs.md).</summary>
public static class OutputHeaders
{
    /// <summary>
    /// The offset, in the source partition of the same number, of the event that this record is about: decimal digits, so that any tool shows it.
    /// </summary>
    public const string SourceOffset = "pr-src-offset";

    /// <summary>Enough for any offset.</summary>
    internal const int DigitsMax = 20;

    /// <returns>How many digits were written.</returns>
    internal static int Encode(long number, Span<byte> digits)
    {
        Utf8Formatter.TryFormat(number, digits, out int length);
        return length;
    }

    /// <summary>The event's offset; null if the record has none, so that something else wrote it.</summary>
    internal static long? Source(Headers? headers) =>
        headers is not null && headers.TryGetLastBytes(SourceOffset, out byte[] bytes)
        && Utf8Parser.TryParse(bytes, out long number, out int used) && used == bytes.Length && number >= 0
            ? number
            : null;
}
