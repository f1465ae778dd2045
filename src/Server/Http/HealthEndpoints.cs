using PipeRoll.Broker;
using PipeRoll.Broker.Cluster;

namespace PipeRoll.Server.Http;

/// <summary>Is the process alive, does it serve clients, and what does it count?</summary>
internal static class HealthEndpoints
{
    /// <param name="web">Where to map them.</param>
    /// <param name="read">What holds now; may be asked before the broker has started.</param>
    public static void Map(WebApplication web, Func<Readiness> read)
    {
        // Alive: whoever restarts processes looks here, so it must not fail for what a restart would not mend.
        web.MapGet("/healthz", static () => Results.Text("ok\n"));
        web.MapGet("/readyz", () =>
        {
            Readiness readiness = read();
            return Results.Json(
                readiness, statusCode: readiness.Ready ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable);
        });
        web.MapPrometheusScrapingEndpoint("/metrics");
    }

    public static Readiness Of(BrokerStatus status, long recoveredBatches) => new(
        status.IsReady, status.Phase.ToString(), status.Topics, status.Partitions, status.PartitionsOpen, status.PartitionsFailed,
        status.Connections, recoveredBatches);

    /// <summary>
    /// A broker of a cluster. It stays ready while the database or the store is away, since it goes on serving within its bounds, and nobody
    /// could do better; <see cref="ClusterReadiness.Warnings"/> then says so.
    /// </summary>
    /// <param name="status">Of the broker; null before it was made.</param>
    /// <param name="cluster">Of the member; null before it has registered.</param>
    /// <param name="storeAwaySince">Since when the object store has not answered; null while it does.</param>
    /// <param name="now">For how long something has been away.</param>
    public static Readiness Of(BrokerStatus? status, ClusterStatus? cluster, DateTimeOffset? storeAwaySince, DateTimeOffset now)
    {
        List<string> warnings = [];
        if (cluster?.FencedBecause is { } because)
        {
            warnings.Add($"this broker was declared dead ({because}): the process ends and is to be started again");
        }

        if (cluster?.MetadataAwaySince is { } since)
        {
            warnings.Add($"the database has not answered for {(now - since).TotalSeconds:0} s: open partitions are served until the log "
                + "cache is full; nothing can be moved, opened, made or recovered");
        }

        if (storeAwaySince is { } away)
        {
            warnings.Add($"the object store has not answered for {(now - away).TotalSeconds:0} s: producers wait for their acknowledgements");
        }

        if (cluster is { Leaderless: > 0 })
        {
            warnings.Add($"{cluster.Leaderless} partitions of the cluster have no leader");
        }

        bool isReady = status is { IsReady: true } && cluster is { FencedBecause: null };
        var ofCluster = new ClusterReadiness(
            cluster?.NodeId ?? -1, cluster?.Epoch.Value ?? 0, cluster?.IsController ?? false, cluster?.Leaderless ?? 0,
            cluster?.MetadataAwaySince, storeAwaySince, cluster?.FencedBecause, warnings);
        Readiness readiness = status is null ? new Readiness(false, "Starting", 0, 0, 0, 0, 0, 0) : Of(status, 0);
        return readiness with { Ready = isReady, Cluster = ofCluster };
    }

    /// <param name="Partitions">Those that this broker leads.</param>
    /// <param name="PartitionsOpen">How many of them take produce and fetch now.</param>
    /// <param name="PartitionsFailed">Partitions that could not be opened and are being tried again.</param>
    /// <param name="RecoveredBatches">Batches that the start had to read back from the write-ahead log: 0 after a clean stop, and in a cluster.</param>
    internal sealed record Readiness(
        bool Ready, string Phase, int Topics, int Partitions, int PartitionsOpen, int PartitionsFailed, int Connections, long RecoveredBatches)
    {
        /// <summary>Null for a server that is alone.</summary>
        public ClusterReadiness? Cluster { get; init; }
    }

    /// <param name="Leaderless">Partitions of the whole cluster that nobody serves.</param>
    /// <param name="Warnings">What an operator should know, in sentences; empty when all is well.</param>
    internal sealed record ClusterReadiness(
        int NodeId, long Epoch, bool IsController, int Leaderless, DateTimeOffset? MetadataAwaySince, DateTimeOffset? StoreAwaySince,
        string? FencedBecause, IReadOnlyList<string> Warnings);
}
