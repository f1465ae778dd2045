using PipeRoll.Foundation.Buffers;
using PipeRoll.Streams;
using PipeRoll.Streams.Metadata;
using PipeRoll.Streams.Stores;

namespace PipeRoll.Simulation.Streams;

/// <summary>Bugs planted on purpose around the real storage, to prove that the checkers find such.</summary>
public enum PlantedBug
{
    None,

    /// <summary>The disk says that it has synced and never does.</summary>
    SyncLies,

    /// <summary>Acknowledged before the sync: it is carried out a little later.</summary>
    SyncLate,

    /// <summary>Now and then a write goes nowhere.</summary>
    WriteLost,

    /// <summary>A commit of uploaded objects is skipped, but the log is trimmed as if it had happened.</summary>
    CommitSkipped,

    /// <summary>Objects are deleted while they are still to be committed.</summary>
    DeletedBeforeCommit,

    /// <summary>Uploads leave a copy behind that nobody knows of.</summary>
    OrphanLeft,

    /// <summary>An append is acknowledged together with the one before it.</summary>
    AcknowledgedOutOfOrder,

    /// <summary>A reference on a batch's buffer is never released.</summary>
    BufferLeaked,

    /// <summary>A trim is acknowledged and not stored.</summary>
    TrimForgotten,
}

/// <summary>Metadata calls that replace the real ones; null leaves one alone.</summary>
internal sealed record PlantedMetadata
{
    public Func<IReadOnlyList<ObjectCommit>, ValueTask<CommitOutcome>>? Commit { get; init; }

    public Func<int, TimeSpan, ValueTask<IReadOnlyList<long>>>? ListDueDeletes { get; init; }

    public Func<ValueTask<bool>>? Trim { get; init; }

    public static PlantedMetadata For(PlantedBug bug, Random random, IMetadataStore inner)
    {
        var once = new HashSet<long>();
        return bug switch
        {
            PlantedBug.CommitSkipped => new PlantedMetadata
            {
                Commit = commits => random.Next(4) == 0
                    ? ValueTask.FromResult(new CommitOutcome([]))
                    : inner.CommitObjectsAsync(commits),
            },
            PlantedBug.DeletedBeforeCommit => new PlantedMetadata
            {
                ListDueDeletes = async (max, grace) =>
                {
                    IReadOnlyList<ObjectRecord> all = await inner.ListObjectsAsync(0, max);
                    IEnumerable<ObjectRecord> early = all.Where(static record => record.State == ObjectState.Prepared);
                    return [.. early.Select(static record => record.Id).Where(once.Add), .. await inner.ListDueDeletesAsync(max, grace)];
                },
            },
            PlantedBug.TrimForgotten => new PlantedMetadata { Trim = static () => ValueTask.FromResult(true) },
            _ => new PlantedMetadata(),
        };
    }
}

/// <summary>A store that leaves a copy of what is put.</summary>
internal sealed class LitteringStore(IObjectStore inner) : IObjectStore
{
    public async ValueTask PutAsync(
        string key, IReadOnlyList<ReadOnlyMemory<byte>> content, PutCondition condition = PutCondition.None,
        CancellationToken cancellation = default)
    {
        await inner.PutAsync(key + ".part", content, PutCondition.None, cancellation);
        await inner.PutAsync(key, content, condition, cancellation);
    }

    public ValueTask<IObjectUpload> BeginUploadAsync(string key, CancellationToken cancellation = default) =>
        inner.BeginUploadAsync(key, cancellation);

    public ValueTask<int> ReadAsync(string key, long position, Memory<byte> destination, CancellationToken cancellation = default) =>
        inner.ReadAsync(key, position, destination, cancellation);

    public ValueTask DeleteAsync(IReadOnlyList<string> keys, CancellationToken cancellation = default) =>
        inner.DeleteAsync(keys, cancellation);

    public ValueTask<IReadOnlyList<StoredObject>> ListAsync(
        string prefix, string after, int max, CancellationToken cancellation = default) =>
        inner.ListAsync(prefix, after, max, cancellation);
}

/// <summary>A stream with a bug in it.</summary>
internal sealed class PlantedStream(IStream inner, PlantedBug bug) : PassingStream(inner)
{
    private Task _last = Task.CompletedTask;

    public override Task Append(in StreamBatch batch)
    {
        if (bug == PlantedBug.BufferLeaked && batch.Owner is SharedBuffer owner && batch.BaseOffset % 7 == 0)
        {
            owner.AddReference();
        }

        Task before = _last;
        _last = base.Append(batch);
        return bug == PlantedBug.AcknowledgedOutOfOrder ? before : _last;
    }
}
