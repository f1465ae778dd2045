namespace PipeRoll.Broker.Cluster;

/// <summary>Lets a loop sleep until there is something to do, or a while has passed. A signal that comes while nobody waits is kept.</summary>
/// <remarks>Any thread signals; one task waits.</remarks>
internal sealed class WakeSignal(TimeProvider time)
{
    private readonly Lock _gate = new();
    private TaskCompletionSource? _waiter;
    private bool _isSet;

    public void Set()
    {
        TaskCompletionSource? waiter;
        lock (_gate)
        {
            waiter = _waiter;
            _waiter = null;
            _isSet = waiter is null;
        }

        waiter?.TrySetResult();
    }

    /// <summary>Ends at the next signal (at once when one was kept), or after <paramref name="max"/>.</summary>
    public async ValueTask WaitAsync(TimeSpan max, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        TaskCompletionSource waiter;
        lock (_gate)
        {
            if (_isSet)
            {
                _isSet = false;
                return;
            }

            waiter = _waiter = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }

        using ITimer timer = time.CreateTimer(
            static state => ((TaskCompletionSource)state!).TrySetResult(), waiter, max, Timeout.InfiniteTimeSpan);
        using CancellationTokenRegistration cancelled = cancellation.UnsafeRegister(
            static (state, token) => ((TaskCompletionSource)state!).TrySetCanceled(token), waiter);
        try
        {
            await waiter.Task;
        }
        finally
        {
            lock (_gate)
            {
                _waiter = _waiter == waiter ? null : _waiter;
            }
        }
    }
}
