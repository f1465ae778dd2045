using Microsoft.Extensions.Logging;
using PipeRoll.Broker.Groups.Consumer;
using PipeRoll.Broker.Groups.Offsets;

namespace PipeRoll.Broker.Groups;

/// <summary>What groups need from outside.</summary>
/// <param name="NewGuid">Makes the unique part of member ids.</param>
/// <param name="IsTopicGone">Whether there is no topic of the name any more, for certain. Throws when that can't be told now.</param>
/// <param name="Topics">What there is to subscribe to.</param>
internal sealed record GroupServices(
    GroupOptions Options,
    IOffsetsLog Log,
    TimeProvider Time,
    GroupClock Clock,
    GroupBudget Budget,
    Func<Guid> NewGuid,
    Func<string, CancellationToken, ValueTask<bool>> IsTopicGone,
    ITopicImage Topics,
    ILogger Logger);

/// <summary>
/// Milliseconds since the Unix epoch that never go back: where the wall clock was at the start, and what has passed since.
/// </summary>
internal sealed class GroupClock(TimeProvider time)
{
    private readonly long _startMs = time.GetUtcNow().ToUnixTimeMilliseconds();
    private readonly long _startStamp = time.GetTimestamp();

    public long NowMs => _startMs + (long)time.GetElapsedTime(_startStamp).TotalMilliseconds;
}

/// <summary>Bytes that all groups together may hold: subscriptions, assignments, offsets. Any thread.</summary>
internal sealed class GroupBudget(long bytesMax)
{
    private long _bytes;

    public bool IsExhausted => Interlocked.Read(ref _bytes) >= bytesMax;

    public void Change(long delta) => Interlocked.Add(ref _bytes, delta);
}
