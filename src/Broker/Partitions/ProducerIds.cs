using PipeRoll.Foundation.Scheduling;
using PipeRoll.Streams.Metadata;

namespace PipeRoll.Broker.Partitions;

/// <summary>
/// Numbers that nobody was ever given: ids of producers, and the leader epoch of each start.
/// </summary>
/// <remarks>
/// The catalog gives blocks of ids that ascend for ever. The number of a block is therefore an epoch above every earlier
/// one, with no state of its own to keep: a start takes a block, names its epoch after it, and hands out its ids.
/// Any thread.
/// </remarks>
internal sealed class ProducerIds(ITopicCatalog catalog) : IDisposable
{
    public const int BlockSize = 1_000;

    private readonly SemaphoreSlim _gate = new(1);
    private long _next;
    private long _end;

    /// <exception cref="OverflowException">More than 2^31 blocks were taken: leader epochs are 32 bits in the protocol.</exception>
    public async ValueTask<int> NextEpochAsync(CancellationToken cancellation)
    {
        await _gate.EnterAsync(cancellation);
        try
        {
            await TakeBlockAsync(cancellation);
            return checked((int)(_next / BlockSize));
        }
        finally
        {
            _gate.Release();
        }
    }

    public async ValueTask<long> NextAsync(CancellationToken cancellation)
    {
        await _gate.EnterAsync(cancellation);
        try
        {
            if (_next == _end)
            {
                await TakeBlockAsync(cancellation);
            }

            return _next++;
        }
        finally
        {
            _gate.Release();
        }
    }

    public void Dispose() => _gate.Dispose();

    private async ValueTask TakeBlockAsync(CancellationToken cancellation)
    {
        _next = await catalog.AllocateProducerIdsAsync(BlockSize, cancellation);
        _end = _next + BlockSize;
    }
}
