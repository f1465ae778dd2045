using PipeRoll.Foundation.Scheduling;
using PipeRoll.Streams.Metadata;
using PipeRoll.Streams.Objects;
using PipeRoll.Streams.Stores;

namespace PipeRoll.Streams.Wal.Objects;

/// <summary>Consecutive batches of one stream out of a dead log.</summary>
/// <param name="Epoch">The newest one under which any of them was written.</param>
internal sealed record TakeoverCut(StreamId Stream, long Epoch, IReadOnlyList<StreamBatch> Batches)
{
    public long EndOffset => Batches[^1].EndOffset;

    public long Bytes { get; } = Batches.Sum(static b => (long)b.Bytes.Length);
}

/// <summary>Writes cuts as objects and commits them for the dead broker.</summary>
internal sealed class TakeoverWriter(ObjectWalContext context, BrokerEpoch dead, IMetadataStore metadata, IObjectStore store)
{
    /// <param name="cuts">One per stream, by stream.</param>
    /// <exception cref="TimeoutException">The store did not take the objects while they could still be committed.</exception>
    public async ValueTask<CommitOutcome> CommitAsync(IReadOnlyList<TakeoverCut> cuts, CancellationToken cancellation)
    {
        // A request sent last must have ended when the prepared objects expire: one that arrives after its deletion would stay for ever.
        TimeSpan limit = context.Options.PreparedTimeToLive / 2;
        using var late = new CancellationTokenSource(limit, context.Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(late.Token, cancellation);
        List<ObjectCommit> commits;
        try
        {
            commits = await WriteAsync(cuts, either.Token);
        }
        catch (OperationCanceledException) when (late.IsCancellationRequested && !cancellation.IsCancellationRequested)
        {
            throw new TimeoutException($"the object store did not take what was recovered within {limit}; the recovery has to be repeated");
        }

        var writer = new CommitWriter(context.Broker, dead);
        CommitOutcome outcome = await context.AskAsync(() => metadata.CommitObjectsAsync(commits, writer, cancellation), cancellation);
        commits.ForEach(c => context.Metrics.Uploaded(c.Bytes));
        return outcome;
    }

    private async ValueTask<List<ObjectCommit>> WriteAsync(IReadOnlyList<TakeoverCut> cuts, CancellationToken cancellation)
    {
        List<IReadOnlyList<TakeoverCut>> objects = [.. cuts.Where(IsLarge).Select(static c => (IReadOnlyList<TakeoverCut>)[c])];
        TakeoverCut[] shared = [.. cuts.Where(c => !IsLarge(c))];
        if (shared.Length > 0)
        {
            objects.Add(shared);
        }

        long objectId = await context.AskAsync(
            () => metadata.PrepareObjectsAsync(objects.Count, context.Options.PreparedTimeToLive, context.Broker, cancellation), cancellation);
        var commits = new List<ObjectCommit>(objects.Count);
        var puts = new List<Task>(objects.Count);
        foreach (IReadOnlyList<TakeoverCut> content in objects)
        {
            ObjectKind kind = IsLarge(content[0]) ? ObjectKind.Stream : ObjectKind.StreamSet;
            var writer = new ObjectWriter(objectId, kind, context.Options.BlockBytes);
            foreach (TakeoverCut cut in content)
            {
                foreach (StreamBatch batch in cut.Batches)
                {
                    writer.Add(cut.Stream, cut.Epoch, batch);
                }
            }

            commits.Add(writer.Finish());
            puts.Add(store.PutAsync(ObjectKeys.ForData(objectId++), writer.TakeParts(), PutCondition.None, cancellation).AsTask().Follow());
        }

        // Ends when all of them have ended, also when one fails: then nobody reads the batches any more.
        await Task.WhenAll(puts);
        return commits;
    }

    private bool IsLarge(TakeoverCut cut) => cut.Bytes >= context.Options.StreamObjectBytes;
}
