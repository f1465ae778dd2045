namespace PipeRoll.Streams.Tests.Support;

/// <summary>
/// A clock and a scheduler in one thread: time stands still while anything can run, and then jumps to the next timer. So a test of minutes of
/// lingering takes milliseconds, and gives the same counts each time.
/// </summary>
internal sealed class VirtualTime : TimeProvider
{
    private readonly Pump _pump = new();
    private readonly PriorityQueue<(VirtualTimer Timer, int Generation), (long At, long Sequence)> _timers = new();
    private long _now;
    private long _sequence;

    private VirtualTime()
    {
    }

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public double NowMs => TimeSpan.FromTicks(_now).TotalMilliseconds;

    public static void Run(Func<VirtualTime, Task> test)
    {
        SynchronizationContext? context = SynchronizationContext.Current;
        SynchronizationContext.SetSynchronizationContext(null); // awaits would prefer it to the task scheduler
        try
        {
            var time = new VirtualTime();
            Task all = Task.Factory.StartNew(() => test(time), CancellationToken.None, TaskCreationOptions.None, time._pump).Unwrap();
            while (!all.IsCompleted)
            {
                if (!time._pump.RunOne() && !time.FireNext())
                {
                    throw new InvalidOperationException("stuck: nothing is ready and no timer is armed, yet the test waits");
                }
            }

            all.GetAwaiter().GetResult();
        }
        finally
        {
            SynchronizationContext.SetSynchronizationContext(context);
        }
    }

    public override DateTimeOffset GetUtcNow() => DateTimeOffset.UnixEpoch + TimeSpan.FromDays(20_000) + TimeSpan.FromTicks(_now);

    public override long GetTimestamp() => _now;

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        Assert.Equal(Timeout.InfiniteTimeSpan, period);
        var timer = new VirtualTimer(this, callback, state);
        timer.Change(dueTime, period);
        return timer;
    }

    /// <summary>Ends when nothing else can run now.</summary>
    public Task SettleAsync() => DelayAsync(TimeSpan.FromTicks(1));

    public Task DelayMsAsync(double ms) => DelayAsync(TimeSpan.FromMilliseconds(ms));

    /// <summary>As <c>Assert.ThrowsAsync</c>, which leaves the thread.</summary>
    public static async Task<T> ThrowsAsync<T>(Task task)
        where T : Exception
    {
        try
        {
            await task;
        }
        catch (Exception failure)
        {
            return Assert.IsType<T>(failure);
        }

        throw new InvalidOperationException($"no {typeof(T).Name} was thrown");
    }

    private Task DelayAsync(TimeSpan delay)
    {
        var ended = new TaskCompletionSource();
        CreateTimer(static e => ((TaskCompletionSource)e!).SetResult(), ended, delay, Timeout.InfiniteTimeSpan);
        return ended.Task;
    }

    private bool FireNext()
    {
        while (_timers.TryDequeue(out (VirtualTimer Timer, int Generation) next, out (long At, long Sequence) due))
        {
            if (next.Timer.Generation == next.Generation)
            {
                _now = Math.Max(_now, due.At);
                Task.Factory.StartNew(next.Timer.Fire, CancellationToken.None, TaskCreationOptions.None, _pump);
                return true;
            }
        }

        return false;
    }

    private sealed class VirtualTimer(VirtualTime time, TimerCallback callback, object? state) : ITimer
    {
        public int Generation { get; private set; }

        public void Fire() => callback(state);

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            Generation++;
            if (dueTime != Timeout.InfiniteTimeSpan)
            {
                time._timers.Enqueue((this, Generation), (time._now + dueTime.Ticks, time._sequence++));
            }

            return true;
        }

        public void Dispose() => Generation++;

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }
    }

    private sealed class Pump : TaskScheduler
    {
        private readonly Queue<Task> _ready = new();
        private readonly int _threadId = Environment.CurrentManagedThreadId;

        public bool RunOne() => _ready.TryDequeue(out Task? task) && (TryExecuteTask(task) || true);

        protected override void QueueTask(Task task)
        {
            if (Environment.CurrentManagedThreadId != _threadId)
            {
                Environment.FailFast("a task came back from another thread: " + Environment.StackTrace);
            }

            _ready.Enqueue(task);
        }

        protected override bool TryExecuteTaskInline(Task task, bool taskWasPreviouslyQueued) => false;

        protected override IEnumerable<Task> GetScheduledTasks() => _ready;
    }
}
