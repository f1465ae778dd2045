namespace PipeRoll.Simulation.Engine;

/// <summary>The one virtual clock of a simulation. It stands still while anything can run.</summary>
public sealed class SimulatedTime
{
    /// <summary>An arbitrary fixed instant, so that timestamps look like timestamps.</summary>
    public static readonly DateTimeOffset Start = new(2030, 1, 1, 0, 0, 0, TimeSpan.Zero);

    private readonly PriorityQueue<Due, (long AtTicks, long Sequence)> _due = new();
    private readonly SimulationTrace _trace;
    private long _sequence;

    internal SimulatedTime(SimulationTrace trace) => _trace = trace;

    private readonly record struct Due(SimulatedTimer Timer, long Generation);

    /// <summary>100 ns units since the start of the run.</summary>
    public long NowTicks { get; private set; }

    public TimeSpan Elapsed => TimeSpan.FromTicks(NowTicks);

    internal void Arm(SimulatedTimer timer, long atTicks, long generation) =>
        _due.Enqueue(new Due(timer, generation), (atTicks, _sequence++));

    /// <summary>Goes to the next instant at which a timer is due and fires all of that instant. False when there is none.</summary>
    internal bool AdvanceToNextTimer()
    {
        bool fired = false;
        while (_due.TryPeek(out Due next, out (long AtTicks, long Sequence) at))
        {
            if (!next.Timer.IsCurrent(next.Generation))
            {
                _due.Dequeue();
                continue;
            }

            if (fired && at.AtTicks > NowTicks)
            {
                break;
            }

            _due.Dequeue();
            if (at.AtTicks > NowTicks)
            {
                NowTicks = at.AtTicks;
            }

            if (!fired)
            {
                _trace.Time(NowTicks);
            }

            fired = true;
            next.Timer.Fire();
        }

        return fired;
    }
}

/// <summary>The clock as one process sees it: its timers run in that process and die with it.</summary>
internal sealed class ProcessTime(SimulatedTime clock, SimulatedProcess process, TimeSpan skew) : TimeProvider
{
    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override TimeZoneInfo LocalTimeZone => TimeZoneInfo.Utc;

    /// <summary>By how much its wall clock is wrong.</summary>
    public TimeSpan Skew { get; set; } = skew;

    public override DateTimeOffset GetUtcNow() => SimulatedTime.Start + Skew + clock.Elapsed;

    public override long GetTimestamp() => clock.NowTicks;

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new SimulatedTimer(clock, process, callback, state);
        timer.Change(dueTime, period);
        return timer;
    }
}

internal sealed class SimulatedTimer(SimulatedTime clock, SimulatedProcess process, TimerCallback callback, object? state) : ITimer
{
    private TimeSpan _period = Timeout.InfiniteTimeSpan;
    private long _generation;
    private bool _armed;

    public bool Change(TimeSpan dueTime, TimeSpan period)
    {
        _generation++;
        _period = period;
        _armed = dueTime != Timeout.InfiniteTimeSpan;
        if (_armed)
        {
            clock.Arm(this, clock.NowTicks + Math.Max(0, dueTime.Ticks), _generation);
        }

        return true;
    }

    public void Dispose()
    {
        _generation++;
        _armed = false;
    }

    public ValueTask DisposeAsync()
    {
        Dispose();
        return ValueTask.CompletedTask;
    }

    internal bool IsCurrent(long generation) => _armed && generation == _generation && process.IsAlive;

    internal void Fire()
    {
        _armed = false;
        if (_period > TimeSpan.Zero)
        {
            Change(_period, _period);
        }

        Task.Factory.StartNew(
            static boxed => ((SimulatedTimer)boxed!).Call(), this, CancellationToken.None, TaskCreationOptions.DenyChildAttach, process);
    }

    private void Call() => callback(state);
}
