namespace PipeRoll.Foundation.Scheduling;

/// <summary>
/// A bounded queue with one consumer at a time: items are handled in order, each to its end before the next one.
/// </summary>
/// <remarks>
/// Owner: whoever made it. Thread: post from anywhere; the handler runs on the scheduler given (by default the one on
/// which the mailbox was made, so that simulation owns it), never inside a post. Failure: when the handler throws,
/// that item's exception goes to <c>onFailure</c>, what is queued is dropped, and every later post is refused: a
/// handler deals with expected failures itself.
/// </remarks>
public sealed class Mailbox<T>
{
    private readonly Lock _lock = new();
    private readonly Queue<(T Item, long Weight)> _items = new();
    private readonly Queue<TaskCompletionSource> _waitingForRoom = new();
    private readonly Func<T, ValueTask> _handle;
    private readonly Action<Exception> _onFailure;
    private readonly TaskScheduler _scheduler;
    private readonly long _capacity;
    private TaskCompletionSource? _drained;
    private long _weight;
    private bool _running;
    private bool _closed;

    /// <param name="handle">Handles one item; never called for two at the same time.</param>
    /// <param name="capacity">Bound on the sum of the weights of what is queued; one item is always let in.</param>
    /// <param name="onFailure">Receives what <paramref name="handle"/> threw.</param>
    /// <param name="scheduler">Null for <see cref="TaskScheduler.Current"/>.</param>
    public Mailbox(Func<T, ValueTask> handle, long capacity, Action<Exception> onFailure, TaskScheduler? scheduler = null)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(capacity);
        _handle = handle;
        _capacity = capacity;
        _onFailure = onFailure;
        _scheduler = scheduler ?? TaskScheduler.Current;
    }

    /// <summary>Sum of the weights of the items that are queued and not yet being handled.</summary>
    public long QueuedWeight
    {
        get
        {
            lock (_lock)
            {
                return _weight;
            }
        }
    }

    /// <summary>Queues the item, unless the mailbox is full or closed. The weight is in bytes, or 1 where items are alike.</summary>
    public bool TryPost(T item, long weight = 1)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(weight);
        lock (_lock)
        {
            if (_closed || !HasRoom(weight))
            {
                return false;
            }

            Enqueue(item, weight);
            return true;
        }
    }

    /// <summary>Queues the item as soon as there is room.</summary>
    /// <returns>False when the mailbox was closed instead.</returns>
    public async ValueTask<bool> PostAsync(T item, long weight = 1)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(weight);
        while (true)
        {
            Task room;
            lock (_lock)
            {
                if (_closed)
                {
                    return false;
                }

                if (HasRoom(weight))
                {
                    Enqueue(item, weight);
                    return true;
                }

                var waiter = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                _waitingForRoom.Enqueue(waiter);
                room = waiter.Task;
            }

            await room;
        }
    }

    /// <summary>Refuses further posts and ends when everything that was queued has been handled.</summary>
    public Task CloseAsync()
    {
        lock (_lock)
        {
            _closed = true;
            WakeWaiters();
            if (!_running)
            {
                return Task.CompletedTask;
            }

            _drained ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return _drained.Task;
        }
    }

    private bool HasRoom(long weight) => _items.Count == 0 || _weight + weight <= _capacity;

    private void Enqueue(T item, long weight)
    {
        _items.Enqueue((item, weight));
        _weight += weight;
        if (!_running)
        {
            _running = true;
            _ = Task.Factory.StartNew(RunAsync, CancellationToken.None, TaskCreationOptions.None, _scheduler);
        }
    }

    private async Task RunAsync()
    {
        while (TryTake(out T? item))
        {
            try
            {
                await _handle(item);
            }
            catch (Exception failure)
            {
                Refuse();
                _onFailure(failure);
                // Whoever waits for the end may rely on the failure having been dealt with.
                EndAfterFailure();
                return;
            }
        }
    }

    private bool TryTake(out T item)
    {
        lock (_lock)
        {
            if (_items.TryDequeue(out (T Item, long Weight) next))
            {
                _weight -= next.Weight;
                WakeWaiters();
                item = next.Item;
                return true;
            }

            _running = false;
            _drained?.TrySetResult();
            item = default!;
            return false;
        }
    }

    private void Refuse()
    {
        lock (_lock)
        {
            _closed = true;
            _items.Clear();
            _weight = 0;
            WakeWaiters();
        }
    }

    private void EndAfterFailure()
    {
        lock (_lock)
        {
            _running = false;
            _drained?.TrySetResult();
        }
    }

    private void WakeWaiters()
    {
        while (_waitingForRoom.TryDequeue(out TaskCompletionSource? waiter))
        {
            waiter.TrySetResult();
        }
    }
}
