namespace PipeRoll.Simulation.Engine;

/// <summary>
/// One incarnation of one operating system process: everything that dies together. It is the task scheduler that
/// its tasks, and all that they await, go back to; killing it means that none of them runs again.
/// </summary>
/// <remarks>
/// Owner: the scenario. A restart is a new process over what the old one left on its disk, in the object store and
/// in the metadata store. Fakes of such outside things run on <see cref="SimulatedWorld.Environment"/>, which never dies,
/// so that a request already sent may still take effect after its sender's death.
/// </remarks>
public sealed class SimulatedProcess : TaskScheduler
{
    private readonly SimulatedWorld _world;
    private readonly List<Action> _onKill = [];
    private readonly List<Task> _parked = [];
    private readonly TaskCompletionSource<string> _ended = new();
    private long _killAtStep = long.MaxValue;

    internal SimulatedProcess(SimulatedWorld world, int number, string name, TimeSpan clockSkew)
    {
        _world = world;
        Number = number;
        Name = name;
        Time = new ProcessTime(world.Clock, this, clockSkew);
    }

    public int Number { get; }

    public string Name { get; }

    public bool IsAlive { get; private set; } = true;

    /// <summary>Stopped as by SIGSTOP.</summary>
    public bool IsPaused { get; private set; }

    /// <summary>How many pieces of work between two awaits it has run.</summary>
    public long Steps { get; private set; }

    /// <summary>The clock that code in this process is given.</summary>
    public TimeProvider Time { get; }

    /// <summary>Ends with the reason when the process dies.</summary>
    public Task<string> Ended => _ended.Task;

    public override int MaximumConcurrencyLevel => 1;

    /// <summary>Starts work in this process. If the process dies first, the returned task never ends.</summary>
    public Task Run(Func<Task> work) =>
        Task.Factory.StartNew(work, CancellationToken.None, TaskCreationOptions.DenyChildAttach, this).Unwrap();

    /// <summary>Starts work in this process. If the process dies first, the returned task never ends.</summary>
    public Task<T> Run<T>(Func<Task<T>> work) =>
        Task.Factory.StartNew(work, CancellationToken.None, TaskCreationOptions.DenyChildAttach, this).Unwrap();

    /// <summary>Dies after so many further steps: between two awaits, wherever that then is.</summary>
    public void KillAfterSteps(long steps) => _killAtStep = Steps + steps;

    /// <summary>Waits in this process, to the tick; Task.Delay counts whole milliseconds and completes at once below one.</summary>
    public Task DelayAsync(TimeSpan delay)
    {
        var ended = new TaskCompletionSource();
        Time.CreateTimer(
            static state => ((TaskCompletionSource)state!).TrySetResult(), ended, delay, Timeout.InfiniteTimeSpan);
        return ended.Task;
    }

    /// <summary>
    /// As by SIGSTOP: nothing of it runs, timers that come due wait, while time and the rest of the world go on. Requests that it has sent
    /// take effect all the same.
    /// </summary>
    public void Pause()
    {
        if (IsAlive && !IsPaused)
        {
            IsPaused = true;
            _world.Trace.Note("pause", Number, Steps);
            _parked.AddRange(_world.Scheduler.Drop(this));
        }
    }

    /// <summary>As by SIGCONT: it goes on where it was, and knows nothing of the time between but by its clock.</summary>
    public void Resume()
    {
        if (IsPaused)
        {
            IsPaused = false;
            _world.Trace.Note("resume", Number, _parked.Count);
            _parked.ForEach(QueueTask);
            _parked.Clear();
        }
    }

    public void OnKill(Action action) => _onKill.Add(action);

    /// <summary>
    /// Ends the process now. When called from within, the piece of work that calls it still runs to its next await,
    /// but nothing that it queues is ever run.
    /// </summary>
    public void Kill(string reason)
    {
        if (!IsAlive)
        {
            return;
        }

        IsAlive = false;
        _parked.Clear();
        _world.Trace.Note("kill", Number, Steps);
        _world.Scheduler.Drop(this);
        foreach (Action action in _onKill)
        {
            action();
        }

        _ended.TrySetResult(reason);
    }

    internal void Execute(Task task)
    {
        Steps++;
        TryExecuteTask(task);
        if (Steps >= _killAtStep)
        {
            Kill("crash");
        }
    }

    protected override void QueueTask(Task task) => _world.Scheduler.Enqueue(this, task);

    /// <summary>Keeps what comes while it is paused.</summary>
    internal void Park(Task task) => _parked.Add(task);

    /// <summary>Never inlines, so that each continuation is a step that the seed orders.</summary>
    protected override bool TryExecuteTaskInline(Task task, bool taskWasPreviouslyQueued) => false;

    protected override IEnumerable<Task> GetScheduledTasks() => [];
}
