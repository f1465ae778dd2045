using PipeRoll.Simulation.Streams;
using PipeRoll.Streams;
using PipeRoll.Streams.Metadata;
using PipeRoll.Streams.Stores;
using PipeRoll.Streams.Wal.Objects;

namespace PipeRoll.Simulation.Brokers;

/// <summary>Bugs planted on purpose around the real brokers of a cluster, to prove that the checkers find such.</summary>
public enum ClusterBug
{
    None,

    /// <summary>Whoever takes over a log does not fence it.</summary>
    FenceSkipped,

    /// <summary>A dead broker's log is declared recovered, and was not.</summary>
    RecoverySkipped,

    /// <summary>A group of the log is taken for stored while it is still on its way.</summary>
    LogAcknowledgedEarly,

    /// <summary>An append is acknowledged together with the one before it.</summary>
    AcknowledgedOutOfOrder,

    /// <summary>A partition is handed over as it is in objects, without what only the log has.</summary>
    SealedTooEarly,

    /// <summary>Objects are deleted while they are still to be committed.</summary>
    DeletedBeforeCommit,

    /// <summary>Uploads leave a copy behind that nobody knows of.</summary>
    OrphanLeft,
}

internal static class ClusterBugs
{
    public static PlantedMetadata Plant(ClusterBug bug, IMetadataStore inner) => bug == ClusterBug.DeletedBeforeCommit
        ? PlantedMetadata.For(PlantedBug.DeletedBeforeCommit, new Random(1), inner)
        : new PlantedMetadata();

    public static IObjectStore Plant(ClusterBug bug, IObjectStore inner) => bug switch
    {
        ClusterBug.FenceSkipped or ClusterBug.LogAcknowledgedEarly => new BuggyStore(inner, bug),
        ClusterBug.OrphanLeft => new LitteringStore(inner),
        _ => inner,
    };

    public static IStreamStorage Plant(ClusterBug bug, IStreamStorage inner) => bug switch
    {
        ClusterBug.RecoverySkipped => new SkippingStorage(inner),
        ClusterBug.AcknowledgedOutOfOrder => new PassingStorage(inner, static stream => new PlantedStream(stream, PlantedBug.AcknowledgedOutOfOrder)),
        ClusterBug.SealedTooEarly => new PassingStorage(inner, static stream => new HastyStream(stream)),
        _ => inner,
    };

    private sealed class HastyStream(IStream inner) : PassingStream(inner)
    {
        public override async ValueTask<long> SealAsync(CancellationToken cancellation = default)
        {
            await base.SealAsync(cancellation);
            return CommittedOffset;
        }
    }

    private sealed class SkippingStorage(IStreamStorage inner) : PassingStorage(inner, static stream => stream)
    {
        public override ValueTask RecoverAsync(BrokerEpoch dead, CancellationToken cancellation = default) => ValueTask.CompletedTask;
    }

    private sealed class BuggyStore(IObjectStore inner, ClusterBug bug) : IObjectStore
    {
        public async ValueTask PutAsync(
            string key, IReadOnlyList<ReadOnlyMemory<byte>> content, PutCondition condition = PutCondition.None,
            CancellationToken cancellation = default)
        {
            bool isLog = key.StartsWith(ObjectWalFormat.Prefix, StringComparison.Ordinal);
            bool isFence = isLog && content.Sum(static part => part.Length) == ObjectWalFormat.FenceBytes;
            if (bug == ClusterBug.FenceSkipped && isFence)
            {
                return;
            }

            if (bug == ClusterBug.LogAcknowledgedEarly && isLog && !isFence)
            {
                ReadOnlyMemory<byte>[] copy = [.. content.Select(static part => (ReadOnlyMemory<byte>)part.ToArray())];
                _ = PutLaterAsync(key, copy, condition);
                return;
            }

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

        private async Task PutLaterAsync(string key, IReadOnlyList<ReadOnlyMemory<byte>> content, PutCondition condition)
        {
            try
            {
                await inner.PutAsync(key, content, condition);
            }
            catch (ObjectStoreException)
            {
                // Nobody looks.
            }
        }
    }
}
