using PipeRoll.Foundation.Scheduling;

namespace PipeRoll.Streams.Compaction;

/// <summary>
/// Keeps the two ways to rewrite what is stored apart on one broker: while a stream's content is rewritten, its ranges stay where they are.
/// </summary>
/// <remarks>
/// Any thread. Between brokers nothing keeps them apart: there the metadata refuses whichever comes second, and it is tried again.
/// </remarks>
internal sealed class SwapGate : IDisposable
{
    private readonly SemaphoreSlim _gate = new(1, 1);
    private readonly Lock _lock = new();
    private readonly HashSet<StreamId> _rewritten = [];

    public void Dispose() => _gate.Dispose();

    /// <summary>Ends when no swap is under way that may move the stream's ranges; none will, until <see cref="EndRewrite"/>.</summary>
    public async ValueTask BeginRewriteAsync(StreamId id, CancellationToken cancellation)
    {
        await _gate.EnterAsync(cancellation);
        lock (_lock)
        {
            _rewritten.Add(id);
        }

        _gate.Release();
    }

    public void EndRewrite(StreamId id)
    {
        lock (_lock)
        {
            _rewritten.Remove(id);
        }
    }

    /// <summary>Runs the swap; it is told which streams must be left out.</summary>
    public async ValueTask<T> SwapAsync<T>(Func<IReadOnlySet<StreamId>, ValueTask<T>> swap, CancellationToken cancellation)
    {
        await _gate.EnterAsync(cancellation);
        try
        {
            HashSet<StreamId> rewritten;
            lock (_lock)
            {
                rewritten = [.. _rewritten];
            }

            return await swap(rewritten);
        }
        finally
        {
            _gate.Release();
        }
    }
}
