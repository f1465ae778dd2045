namespace PipeRoll.Foundation.Scheduling;

/// <summary>
/// Runs tasks on a thread of its own, one after the other, or on a few such threads: for work that blocks (a device, a database),
/// so that it neither starves the thread pool nor waits for it.
/// </summary>
/// <remarks>
/// A true edge: simulation never makes one. Disposing lets queued tasks end, then ends the threads; tasks that come
/// later fail to start with <see cref="ObjectDisposedException"/>.
/// </remarks>
public sealed class DedicatedThreadScheduler : TaskScheduler, IDisposable
{
    // A monitor, since waiting for it does not spin: with few cores, spinning takes time from whoever is to bring the next task.
    private readonly object _lock = new();
    private readonly Queue<Task> _tasks = new();
    private readonly Thread[] _threads;
    private bool _closed;

    /// <param name="name">What the threads are called in dumps and debuggers.</param>
    /// <param name="priority">Above normal for what acknowledgements wait for.</param>
    /// <param name="threads">How many tasks may run at the same time.</param>
    public DedicatedThreadScheduler(string name, ThreadPriority priority = ThreadPriority.Normal, int threads = 1)
    {
        _threads = [.. Enumerable.Range(0, threads).Select(_ => new Thread(Run) { Name = name, IsBackground = true, Priority = priority })];
        foreach (Thread thread in _threads)
        {
            thread.Start();
        }
    }

    public override int MaximumConcurrencyLevel => _threads.Length;

    /// <summary>Called from one of its own tasks, it returns at once and the threads end after their tasks.</summary>
    public void Dispose()
    {
        lock (_lock)
        {
            if (_closed)
            {
                return;
            }

            _closed = true;
            Monitor.PulseAll(_lock);
        }

        if (!_threads.Contains(Thread.CurrentThread))
        {
            foreach (Thread thread in _threads)
            {
                thread.Join();
            }
        }
    }

    protected override void QueueTask(Task task)
    {
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_closed, this);
            _tasks.Enqueue(task);
            Monitor.Pulse(_lock);
        }
    }

    protected override bool TryExecuteTaskInline(Task task, bool taskWasPreviouslyQueued) =>
        _threads.Contains(Thread.CurrentThread) && !taskWasPreviouslyQueued && TryExecuteTask(task);

    protected override IEnumerable<Task> GetScheduledTasks()
    {
        lock (_lock)
        {
            return [.. _tasks];
        }
    }

    private void Run()
    {
        while (Next() is { } task)
        {
            TryExecuteTask(task);
        }
    }

    /// <summary>Waits for a task; null when there will be no more.</summary>
    private Task? Next()
    {
        lock (_lock)
        {
            Task? task;
            while (!_tasks.TryDequeue(out task) && !_closed)
            {
                Monitor.Wait(_lock);
            }

            return task;
        }
    }
}
