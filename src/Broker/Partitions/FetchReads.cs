using PipeRoll.Broker.Network;
using PipeRoll.Foundation.Scheduling;
using PipeRoll.Streams;

namespace PipeRoll.Broker.Partitions;

/// <summary>The reads of one fetch: started side by side, waited for within reason, and paid for from the budget.</summary>
/// <remarks>
/// Owner: one <see cref="FetchOperation"/>; reads that end after it let go of themselves. The reservation shrinks to what
/// was really read and is given back as the answers are sent.
/// </remarks>
internal sealed class FetchReads(ByteBudget budget, long reserved)
{
    private readonly List<(int At, FetchedBatches? Batches, Exception? Error)> _ended = [];
    private readonly List<(int At, Task<FetchedBatches> Read)> _pending = [];
    private readonly Lock _gate = new();
    private long _reserved = reserved;
    private long _held;
    private int _open;

    public int Count { get; private set; }

    /// <returns>The bytes that came at once, or -1 when the read takes its time.</returns>
    public int Start(int at, ValueTask<FetchedBatches> read)
    {
        Count++;
        if (read.IsCompletedSuccessfully)
        {
            FetchedBatches batches = read.Result;
            _ended.Add((at, batches, null));
            return batches.TotalBytes;
        }

        _pending.Add((at, read.AsTask()));
        return -1;
    }

    /// <summary>Takes more of the budget, if there is more at once.</summary>
    public bool TryExtend(int bytes)
    {
        bool taken = budget.TryAcquire(bytes);
        _reserved += taken ? bytes : 0;
        return taken;
    }

    /// <param name="grace">How long to wait when there are records already.</param>
    /// <param name="patience">How long to wait for the first records.</param>
    public async ValueTask WaitAsync(TimeSpan grace, TimeSpan patience, TimeProvider time, CancellationToken cancellation)
    {
        if (_pending.Count == 0)
        {
            return;
        }

        Task all = Task.WhenAll(_pending.Select(pair => (Task)pair.Read));
        Task first = _ended.Count > 0 ? all : Task.WhenAny(_pending.Select(pair => (Task)pair.Read));
        await WithinAsync(first, _ended.Count > 0 ? grace : patience, time, cancellation);
        if (_ended.Count == 0 && !all.IsCompleted)
        {
            await WithinAsync(all, grace, time, cancellation);
        }
    }

    /// <summary>The reads that have ended; the batches are the caller's.</summary>
    public IReadOnlyList<(int At, FetchedBatches? Batches, Exception? Error)> TakeEnded()
    {
        for (int index = _pending.Count - 1; index >= 0; index--)
        {
            (int at, Task<FetchedBatches> read) = _pending[index];
            if (!read.IsCompleted)
            {
                continue;
            }

            _pending.RemoveAt(index);
            _ended.Add(read.IsCompletedSuccessfully
                ? (at, read.Result, null)
                : (at, null, read.Exception?.InnerException ?? new OperationCanceledException()));
        }

        return _ended;
    }

    /// <summary>Disposes the batches and gives their share of the budget back.</summary>
    public IDisposable LeaseOf(FetchedBatches batches)
    {
        _open++;
        _held += batches.TotalBytes;
        return new Lease(this, batches);
    }

    /// <summary>Lets go of what has not ended, and of the reservation beyond what the leases hold.</summary>
    public void Abandon()
    {
        long held = _held;
        long pending = 0;
        if (_pending.Count > 0)
        {
            // The share of reads still under way stays taken until they end: they hold memory.
            pending = Math.Max(0, _reserved - held);
            _ = ReleaseWhenEndedAsync(pending);
        }

        lock (_gate)
        {
            // More was read than reserved when a single batch exceeds every limit; the lease then gives back what was taken.
            long excess = _reserved - pending - held;
            _reserved = Math.Min(held, _reserved);
            if (excess > 0)
            {
                budget.Release(excess);
            }

            if (_open == 0 && _reserved > 0)
            {
                budget.Release(_reserved);
                _reserved = 0;
            }
        }
    }

    private async Task ReleaseWhenEndedAsync(long share)
    {
        Task<FetchedBatches>[] reads = [.. _pending.Select(pair => pair.Read)];
        foreach (Task<FetchedBatches> read in reads)
        {
            try
            {
                (await read).Dispose();
            }
            catch (Exception)
            {
                // Nobody asks any more; the next fetch meets the same failure and reports it.
            }
        }

        budget.Release(share);
    }

    private void Return(FetchedBatches batches)
    {
        batches.Dispose();
        lock (_gate)
        {
            _open--;
            long share = _open == 0 ? _reserved : Math.Min(_reserved, batches.TotalBytes);
            _reserved -= share;
            budget.Release(share);
        }
    }

    private static async ValueTask WithinAsync(Task task, TimeSpan time, TimeProvider clock, CancellationToken cancellation)
    {
        if (task.IsCompleted)
        {
            return;
        }

        var over = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using ITimer timer = clock.CreateTimer(
            static state => ((TaskCompletionSource)state!).TrySetResult(), over, time, Timeout.InfiniteTimeSpan);
        using CancellationTokenRegistration gone = cancellation.UnsafeRegister(
            static state => ((TaskCompletionSource)state!).TrySetResult(), over);
        await Task.WhenAny(task, over.Task.Follow());
    }

    private sealed class Lease(FetchReads reads, FetchedBatches batches) : IDisposable
    {
        private bool _disposed;

        public void Dispose()
        {
            if (!_disposed)
            {
                _disposed = true;
                reads.Return(batches);
            }
        }
    }
}
