using PipeRoll.Streams.Metadata;
using PipeRoll.Streams.Stores;

namespace PipeRoll.Streams.Wal.Objects;

/// <param name="Batches">Batches that this call committed; what others had committed before does not count.</param>
/// <param name="Bytes">Their bytes.</param>
/// <param name="ObjectsRead">Objects of the log that were read.</param>
/// <param name="Fence">Number at which the log ends for ever.</param>
internal readonly record struct TakeoverResult(long Batches, long Bytes, long ObjectsRead, long Fence);

/// <summary>
/// Recovery of a dead broker's log by a survivor: ends the log by a fence, so that its writer can acknowledge nothing more, and commits
/// everything in it that is not committed yet as ordinary objects.
/// </summary>
/// <remarks>
/// Any number of calls, here and by other brokers, one after the other or at the same time: what one has committed, another skips. Objects
/// that a crash leaves uncommitted expire. A database that is away is waited for. Failure: other exceptions of the metadata and of the
/// store pass; the call is then repeated as a whole.
/// </remarks>
/// <param name="context">The survivor's; fences are put through its store.</param>
/// <param name="commitStore">Where the log is read and objects are written, under the priority of commits.</param>
internal sealed class WalTakeover(ObjectWalContext context, IMetadataStore metadata, IObjectStore commitStore)
{
    /// <param name="dead">Its life has been fenced in the metadata, which then takes no trim point of it any more.</param>
    /// <param name="walFirst"><see cref="BrokerRecord.WalFirst"/>, read after that.</param>
    /// <exception cref="CorruptDataException">The log is damaged, or does not fit the streams; nothing after that place was committed.</exception>
    /// <exception cref="BrokerFencedException">Somebody else is to recover it now, or the survivor itself was fenced.</exception>
    public async ValueTask<TakeoverResult> RunAsync(BrokerEpoch dead, long walFirst, CancellationToken cancellation = default)
    {
        long first = Math.Max(walFirst, ObjectWalFormat.FirstNumber);
        var log = new DeadLogReader(context, dead, commitStore);
        using var run = new TakeoverRun(dead, new TakeoverWriter(context, dead, metadata, commitStore), metadata, context);

        // 1. Up to the fence: everything that can be committed now.
        long fence = await log.ReadToFenceAsync(first, batch => run.TakeAsync(batch, cancellation), cancellation);
        await run.CommitAllAsync(cancellation);

        // 2. What has to wait until other logs, of the dead or of the living, have given their earlier part: nothing here waits for it
        //    meanwhile, or two recoveries would wait for each other.
        for (int attempt = 0; run.Deferred > 0; attempt++)
        {
            await Task.Delay(context.RetryDelay(attempt), context.Time, cancellation);
            if (await run.ResumeAsync(cancellation) is { } resumed)
            {
                attempt = 0;
                await log.ReadAgainAsync(resumed, fence, batch => run.TakeAsync(batch, cancellation), cancellation);
                await run.CommitAllAsync(cancellation);
            }
        }

        return new TakeoverResult(run.Batches, run.Bytes, log.ObjectsRead, fence);
    }
}
