namespace PipeRoll.Broker.Network;

/// <summary>
/// A bound on bytes that several parties hold at a time. Whoever wants more than is left waits, first come, first served.
/// </summary>
/// <remarks>
/// Any thread. One that wants more than the whole budget gets it alone, so that no size that was allowed elsewhere waits
/// for ever. Failure: a cancelled wait takes nothing.
/// </remarks>
internal sealed class ByteBudget(long bytesMax)
{
    private readonly Lock _gate = new();
    private readonly LinkedList<Waiter> _waiters = new();
    private long _used;

    public long Used => Interlocked.Read(ref _used);

    public bool TryAcquire(long bytes)
    {
        lock (_gate)
        {
            return _waiters.Count == 0 && Take(bytes);
        }
    }

    public ValueTask AcquireAsync(long bytes, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        Waiter waiter;
        lock (_gate)
        {
            if (_waiters.Count == 0 && Take(bytes))
            {
                return ValueTask.CompletedTask;
            }

            waiter = new Waiter(bytes);
            waiter.Place = _waiters.AddLast(waiter);
        }

        return WaitAsync(waiter, cancellation);
    }

    public void Release(long bytes)
    {
        lock (_gate)
        {
            _used -= bytes;
            if (_used < 0)
            {
                throw new InvalidOperationException("more bytes were given back than taken");
            }

            Serve();
        }
    }

    private async ValueTask WaitAsync(Waiter waiter, CancellationToken cancellation)
    {
        using CancellationTokenRegistration registration = cancellation.UnsafeRegister(
            static (state, token) =>
            {
                (ByteBudget budget, Waiter waiter) = ((ByteBudget, Waiter))state!;
                budget.GiveUp(waiter, token);
            },
            (this, waiter));
        await waiter.Granted.Task;
    }

    private void GiveUp(Waiter waiter, CancellationToken token)
    {
        lock (_gate)
        {
            if (waiter.Place is null)
            {
                return;
            }

            _waiters.Remove(waiter.Place);
            waiter.Place = null;
            Serve();
        }

        waiter.Granted.TrySetCanceled(token);
    }

    private void Serve()
    {
        while (_waiters.First is { } next && Take(next.Value.Bytes))
        {
            _waiters.RemoveFirst();
            next.Value.Place = null;
            next.Value.Granted.TrySetResult();
        }
    }

    private bool Take(long bytes)
    {
        if (_used != 0 && _used + bytes > bytesMax)
        {
            return false;
        }

        _used += bytes;
        return true;
    }

    private sealed class Waiter(long bytes)
    {
        public long Bytes { get; } = bytes;

        public LinkedListNode<Waiter>? Place { get; set; }

        public TaskCompletionSource Granted { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
