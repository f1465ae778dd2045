using PipeRoll.Streams;
using PipeRoll.Wire;

namespace PipeRoll.Broker.Partitions;

/// <summary>What clients are told when a stream can't take a call.</summary>
internal static class StreamErrors
{
    public static KafkaError ErrorOf(Exception error) => error switch
    {
        OffsetOutOfRangeException => KafkaError.OffsetOutOfRange,
        // Before anything was appended, and retried by every client after a pause: what a full log needs.
        StreamUnavailableException { Reason: StreamUnavailableReason.Full } => KafkaError.NotEnoughReplicas,
        StreamUnavailableException { Reason: StreamUnavailableReason.Failed } => KafkaError.KafkaStorageError,
        StreamUnavailableException => KafkaError.NotLeaderOrFollower,
        _ => KafkaError.KafkaStorageError,
    };

    /// <summary>Whether the stream must be opened again before it can take anything.</summary>
    public static bool IsFinal(StreamUnavailableException error) => error.Reason != StreamUnavailableReason.Full;
}
