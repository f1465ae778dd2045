namespace PipeRoll.Foundation.Scheduling;

/// <summary>
/// Runs tasks one after the other on one thread of its own: for work that blocks (a device, a database file), so
/// that it neither starves the thread pool nor waits for it.
/// </summary>
/// <remarks>
/// A true edge: simulation never makes one. Disposing lets queued tasks end, then ends the thread; tasks that come
/// later fail to start with <see cref="ObjectDisposedException"/>.
/// </remarks>
public sealed class DedicatedThreadScheduler : TaskScheduler, IDisposable
{
    private readonly Lock _lock = new();
    private readonly SemaphoreSlim _available = new(0);
    private readonly Queue<Task> _tasks = new();
    private readonly Thread _thread;
    private bool _closed;

    /// <param name="name">What the thread is called in dumps and debuggers.</param>
    /// <param name="priority">Above normal for what acknowledgements wait for.</param>
    public DedicatedThreadScheduler(string name, ThreadPriority priority = ThreadPriority.Normal)
    {
        _thread = new Thread(Run) { Name = name, IsBackground = true, Priority = priority };
        _thread.Start();
    }

    public override int MaximumConcurrencyLevel => 1;

    /// <summary>Called from one of its own tasks, it returns at once and the thread ends after that task.</summary>
    public void Dispose()
    {
        lock (_lock)
        {
            if (_closed)
            {
                return;
            }

            _closed = true;
        }

        _available.Release();
        if (Thread.CurrentThread != _thread)
        {
            _thread.Join();
        }
    }

    protected override void QueueTask(Task task)
    {
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_closed, this);
            _tasks.Enqueue(task);
        }

        _available.Release();
    }

    protected override bool TryExecuteTaskInline(Task task, bool taskWasPreviouslyQueued) =>
        Thread.CurrentThread == _thread && !taskWasPreviouslyQueued && TryExecuteTask(task);

    protected override IEnumerable<Task> GetScheduledTasks()
    {
        lock (_lock)
        {
            return [.. _tasks];
        }
    }

    private void Run()
    {
        while (true)
        {
            _available.Wait();
            Task? task;
            lock (_lock)
            {
                if (!_tasks.TryDequeue(out task) && _closed)
                {
                    return;
                }
            }

            if (task is not null)
            {
                TryExecuteTask(task);
            }
        }
    }
}
