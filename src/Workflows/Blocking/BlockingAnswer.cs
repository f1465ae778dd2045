namespace PipeRoll.Workflows.Blocking;

/// <summary>How a request ended.</summary>
public enum BlockingResult
{
    /// <summary>Event and decision are durable.</summary>
    Decided,

    /// <summary>The deadline passed first: the declared outcome, which is recorded.</summary>
    ByDeadline,

    /// <summary>The idempotency key stands for another event.</summary>
    KeyReused,

    /// <summary>The request can't be taken as it is; the problem says what to change.</summary>
    Refused,

    /// <summary>Too much is under way.</summary>
    Busy,

    /// <summary>The cluster does not answer. Whether the event was stored is not known: repeat it with the same idempotency key.</summary>
    Unavailable,
}

/// <summary>The answer to one request.</summary>
/// <param name="Offset">The event's offset in its partition; null while it is not known.</param>
/// <param name="Outcome">The decision's or the declared one; null without either.</param>
/// <param name="Record">The decision record (docs/formats/decision-record.md); null without a decision.</param>
/// <param name="Problem">What is wrong, where something is.</param>
public sealed record BlockingAnswer(
    BlockingResult Result, int Partition, long? Offset, string? Outcome, byte[]? Record, string? Problem = null);
