using Confluent.Kafka;
using PipeRoll.Policies;
using PipeRoll.Wire.Records;

namespace PipeRoll.Workflows.Deciding;

/// <summary>An event as it stands in the source topic; good as long as the bytes that it was read from.</summary>
internal readonly ref struct SourceEvent
{
    public required long Offset { get; init; }

    /// <summary>Milliseconds since 1970 UTC.</summary>
    public required long TimestampMs { get; init; }

    public ReadOnlySpan<byte> Key { get; init; }

    public bool IsKeyNull { get; init; }

    public ReadOnlySpan<byte> Value { get; init; }

    public bool IsValueNull { get; init; }

    /// <summary>Null if there are none, or nobody asks for them.</summary>
    public RecordHeader[]? Headers { get; init; }

    /// <summary>What follows in the partition, if it is at hand.</summary>
    public UpcomingEvent Next { get; init; }

    public static SourceEvent From(in Record record, in Record next) => new()
    {
        Next = new UpcomingEvent(next.Timestamp, next.Value),
        Offset = record.Offset,
        TimestampMs = record.Timestamp,
        Key = record.Key,
        IsKeyNull = record.IsKeyNull,
        Value = record.Value,
        IsValueNull = record.IsValueNull,
        Headers = record.HeaderCount == 0 ? null : Copy(record),
    };

    /// <summary>Without its headers: for state only.</summary>
    public static SourceEvent From(ConsumeResult<byte[]?, byte[]?> record) => new()
    {
        Offset = record.Offset.Value,
        TimestampMs = record.Message.Timestamp.UnixTimestampMs,
        Key = record.Message.Key,
        IsKeyNull = record.Message.Key is null,
        Value = record.Message.Value,
        IsValueNull = record.Message.Value is null,
    };

    private static RecordHeader[] Copy(in Record record)
    {
        var headers = new RecordHeader[record.HeaderCount];
        RecordHeaderReader reader = record.Headers;
        for (int index = 0; reader.MoveNext(); index++)
        {
            headers[index] = new RecordHeader(
                System.Text.Encoding.UTF8.GetString(reader.Key), reader.IsValueNull ? null : (ReadOnlyMemory<byte>?)reader.Value.ToArray());
        }

        return headers;
    }
}
