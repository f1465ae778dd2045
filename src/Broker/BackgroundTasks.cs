namespace PipeRoll.Broker;

/// <summary>
/// Work that nobody awaits where it is started: kept until it ends, so that a stop can wait for it.
/// </summary>
/// <remarks>Any thread. The work runs on the scheduler of whoever starts it (design, rule 9), and must not throw.</remarks>
internal sealed class BackgroundTasks
{
    private readonly Lock _gate = new();
    private readonly HashSet<Task> _running = [];

    public void Start(Func<Task> work)
    {
        Task task = Task.Factory.StartNew(
            work, CancellationToken.None, TaskCreationOptions.DenyChildAttach, TaskScheduler.Current).Unwrap();
        lock (_gate)
        {
            _running.Add(task);
        }

        task.ContinueWith(
            static (ended, state) => ((BackgroundTasks)state!).Forget(ended),
            this, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Current);
    }

    public async Task WhenAllAsync()
    {
        while (true)
        {
            Task[] running;
            lock (_gate)
            {
                // Those that ended may not have been forgotten yet: waiting for them again would not give anybody the chance to.
                _running.RemoveWhere(static task => task.IsCompleted);
                if (_running.Count == 0)
                {
                    return;
                }

                running = [.. _running];
            }

            await Task.WhenAll(running);
        }
    }

    private void Forget(Task ended)
    {
        lock (_gate)
        {
            _running.Remove(ended);
        }
    }
}
