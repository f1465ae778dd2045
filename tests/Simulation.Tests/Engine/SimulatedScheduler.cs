namespace PipeRoll.Simulation.Engine;

/// <summary>In which order ready tasks are picked; up to the seed, since some bugs need a starved task and others a hasty one.</summary>
public enum PickOrder
{
    Uniform,
    MostlyOldest,
    MostlyNewest,
}

/// <summary>
/// The ready tasks of all simulated processes, run one at a time on the thread that made it, in an order drawn from the seed.
/// </summary>
/// <remarks>
/// Owner: the <see cref="SimulatedWorld"/>. Thread: the simulation's own; work that arrives from any other thread has
/// left the simulation (a <c>ConfigureAwait(false)</c>, a pool thread, a real timer), and both that thread and the run
/// fail. Each continuation after an await is a task of its own here, because nothing is inlined: that makes every await
/// a place where another task, or a crash, can come in between.
/// </remarks>
public sealed class SimulatedScheduler
{
    private readonly List<Ready> _ready = [];
    private readonly Random _random;
    private readonly SimulationTrace _trace;
    private readonly int _threadId = Environment.CurrentManagedThreadId;
    private volatile Exception? _leak;

    internal SimulatedScheduler(Random random, SimulationTrace trace)
    {
        _random = random;
        _trace = trace;
        Order = (PickOrder)random.Next(3);
    }

    private readonly record struct Ready(Task Task, SimulatedProcess Process);

    public PickOrder Order { get; }

    public long Steps { get; private set; }

    public int ReadyCount => _ready.Count;

    /// <summary>Set when work came back from outside of the simulation.</summary>
    public Exception? Leak => _leak;

    internal void Enqueue(SimulatedProcess process, Task task)
    {
        if (Environment.CurrentManagedThreadId != _threadId)
        {
            _leak ??= new InvalidOperationException(
                $"process {process.Name}: a task was queued from a thread outside of the simulation; something awaited off the "
                + $"scheduler (see build/BannedSymbols.txt). Queued from:\n{Environment.StackTrace}");
            throw _leak;
        }

        if (process.IsPaused)
        {
            process.Park(task);
        }
        else if (process.IsAlive)
        {
            _ready.Add(new Ready(task, process));
        }
    }

    /// <summary>Runs one ready task to its next await. Returns the process it belonged to; null when nothing was ready.</summary>
    internal SimulatedProcess? RunOne()
    {
        if (_ready.Count == 0)
        {
            return null;
        }

        int index = Pick();
        Ready next = _ready[index];
        _trace.Step(next.Process.Number, index, _ready.Count);
        _ready.RemoveAt(index);
        Steps++;
        next.Process.Execute(next.Task);
        return next.Process;
    }

    /// <returns>What was ready of the process, in its order.</returns>
    internal IReadOnlyList<Task> Drop(SimulatedProcess process)
    {
        Task[] dropped = [.. _ready.Where(ready => ready.Process == process).Select(static ready => ready.Task)];
        _ready.RemoveAll(ready => ready.Process == process);
        return dropped;
    }

    private int Pick()
    {
        int count = _ready.Count;
        if (count == 1)
        {
            return 0;
        }

        bool biased = Order != PickOrder.Uniform && _random.Next(8) != 0;
        return !biased ? _random.Next(count) : Order == PickOrder.MostlyOldest ? 0 : count - 1;
    }
}
