using System.Collections.Concurrent;

namespace PipeRoll.Workflows.Kafka;

/// <summary>
/// A thread for calls that block. The thread pool is not for these: a server that runs a broker beside them needs its few threads to answer
/// the very calls that block. Owner: its creator; calls run one after the other. Dispose lets what is queued finish.
/// </summary>
internal sealed class CallThread : IDisposable
{
    private readonly BlockingCollection<Action> _calls = [];
    private readonly Thread _thread;

    public CallThread(string name)
    {
        _thread = new Thread(Work) { IsBackground = true, Name = name };
        _thread.Start();
    }

    /// <summary>Runs a call; its exception is the task's.</summary>
    public Task<T> Run<T>(Func<T> call)
    {
        var done = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        _calls.Add(() =>
        {
            try
            {
                done.SetResult(call());
            }
            catch (Exception error)
            {
                done.SetException(error);
            }
        });
        return done.Task;
    }

    /// <summary>Runs a call and waits for it. False if it did not come back in time; it goes on.</summary>
    public bool TryRun(Action call, TimeSpan patience)
    {
        Task<bool> running = Run(() =>
        {
            call();
            return true;
        });
        return Task.WaitAny([running], patience) == 0 && running.GetAwaiter().GetResult();
    }

    public void Dispose() => _calls.CompleteAdding();

    private void Work()
    {
        foreach (Action call in _calls.GetConsumingEnumerable())
        {
            call();
        }

        _calls.Dispose();
    }
}
