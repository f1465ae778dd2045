namespace PipeRoll.Streams.Tests.Support;

/// <summary>A wall clock that tests move; timers run in real time.</summary>
public sealed class ShiftedTime : TimeProvider
{
    private TimeSpan _shift;

    public void Advance(TimeSpan by) => _shift += by;

    public override DateTimeOffset GetUtcNow() => DateTimeOffset.UnixEpoch + TimeSpan.FromDays(20_000) + _shift;
}
