namespace PipeRoll.Streams.Stores;

/// <summary>Who goes first when the object store can't take everything at once.</summary>
public enum StorePriority
{
    WriteAheadLog,
    Commit,
    TailRead,
    ColdRead,
    Compaction,
    Delete,
}

/// <summary>
/// Bounds the requests and bytes under way at the same time; when full, waiters are let in by priority, then in order.
/// </summary>
/// <remarks>Any thread. A request larger than the whole bound is let in alone.</remarks>
internal sealed class StoreBudget(int requestsMax, long bytesMax)
{
    private readonly Lock _lock = new();
    private readonly LinkedList<Waiter>[] _waiting = [.. Enum.GetValues<StorePriority>().Select(_ => new LinkedList<Waiter>())];
    private int _requests;
    private long _bytes;

    /// <summary>Ends when the request may be made. Whoever enters must <see cref="Exit"/> with the same bytes.</summary>
    public async ValueTask EnterAsync(StorePriority priority, long bytes, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        Waiter waiter;
        LinkedListNode<Waiter> node;
        lock (_lock)
        {
            if (_waiting.All(w => w.Count == 0) && Fits(bytes))
            {
                Take(bytes);
                return;
            }

            waiter = new Waiter(bytes);
            node = _waiting[(int)priority].AddLast(waiter);
        }

        using CancellationTokenRegistration registration = cancellation.Register(() => Abandon(priority, node, cancellation));
        await waiter.Admitted.Task;
    }

    public void Exit(long bytes)
    {
        lock (_lock)
        {
            _requests--;
            _bytes -= bytes;
            Admit();
        }
    }

    private void Abandon(StorePriority priority, LinkedListNode<Waiter> node, CancellationToken cancellation)
    {
        lock (_lock)
        {
            if (node.List is null)
            {
                return;
            }

            _waiting[(int)priority].Remove(node);
            node.Value.Admitted.TrySetCanceled(cancellation);
            Admit();
        }
    }

    private void Admit()
    {
        foreach (LinkedList<Waiter> queue in _waiting)
        {
            while (queue.First is { } first)
            {
                if (!Fits(first.Value.Bytes))
                {
                    // A lower priority must not slip past: it would keep the large request waiting for ever.
                    return;
                }

                queue.RemoveFirst();
                Take(first.Value.Bytes);
                first.Value.Admitted.TrySetResult();
            }
        }
    }

    private bool Fits(long bytes) => _requests < requestsMax && (_bytes + bytes <= bytesMax || _requests == 0);

    private void Take(long bytes)
    {
        _requests++;
        _bytes += bytes;
    }

    private sealed class Waiter(long bytes)
    {
        public long Bytes { get; } = bytes;

        public TaskCompletionSource Admitted { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
