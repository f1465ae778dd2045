using System.Globalization;
using Confluent.Kafka;

namespace PipeRoll.Cli.Commands;

/// <summary>
/// Where reading begins: "beginning", "end", an offset, a negative count from the end, or "@" and a time (ISO 8601 or ms).
/// </summary>
internal sealed record StartOffset(string Text)
{
    /// <summary>Checks the text; a wrong one is a usage error.</summary>
    public static StartOffset Parse(string text)
    {
        var start = new StartOffset(text);
        _ = start.IsNamed || start.Number is not null || start.TimestampMs is not null
            ? 0
            : throw new UsageException($"'{text}' is no place to begin: use beginning, end, an offset, -N for the last N, or @TIME");
        return start;
    }

    public bool IsNamed => Text is "beginning" or "end";

    public long? Number => long.TryParse(Text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long number)
        ? number
        : null;

    public long? TimestampMs
    {
        get
        {
            if (!Text.StartsWith('@'))
            {
                return null;
            }

            if (long.TryParse(Text[1..], NumberStyles.None, CultureInfo.InvariantCulture, out long ms))
            {
                return ms;
            }

            const DateTimeStyles Styles = DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal;
            return DateTimeOffset.TryParse(Text[1..], CultureInfo.InvariantCulture, Styles, out DateTimeOffset time)
                ? time.ToUnixTimeMilliseconds()
                : null;
        }
    }

    /// <summary>The offset of a partition at which to begin.</summary>
    public long In(IConsumer<byte[]?, byte[]?> consumer, TopicPartition partition, long low, long high)
    {
        if (TimestampMs is { } ms)
        {
            TopicPartitionOffset found = consumer.OffsetsForTimes(
                [new TopicPartitionTimestamp(partition, new Timestamp(ms, TimestampType.CreateTime))], TimeSpan.FromSeconds(10))[0];
            return found.Offset.IsSpecial ? high : found.Offset.Value;
        }

        return Text switch
        {
            "beginning" => low,
            "end" => high,
            _ => Number is < 0 and { } back ? Math.Max(low, high + back) : Math.Clamp(Number!.Value, low, high),
        };
    }
}
