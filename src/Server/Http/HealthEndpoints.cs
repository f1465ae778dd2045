using PipeRoll.Broker;
using PipeRoll.Streams;

namespace PipeRoll.Server.Http;

/// <summary>Is the process alive, does it serve clients, and what does it count?</summary>
internal static class HealthEndpoints
{
    public static void Map(WebApplication web, Broker.Broker broker, EmbeddedStorage storage)
    {
        // Alive: whoever restarts processes looks here, so it must not fail for what a restart would not mend.
        web.MapGet("/healthz", static () => Results.Text("ok\n"));
        web.MapGet("/readyz", () =>
        {
            BrokerStatus status = broker.Status;
            var readiness = new Readiness(
                status.IsReady, status.Phase.ToString(), status.Topics, status.Partitions, status.PartitionsOpen, status.PartitionsFailed,
                status.Connections, storage.RecoveredBatches);
            return Results.Json(readiness, statusCode: status.IsReady ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable);
        });
        web.MapPrometheusScrapingEndpoint("/metrics");
    }

    /// <param name="PartitionsFailed">Partitions that could not be opened and are being tried again.</param>
    /// <param name="RecoveredBatches">Batches that the start had to read back from the write-ahead log: 0 after a clean stop.</param>
    internal sealed record Readiness(
        bool Ready, string Phase, int Topics, int Partitions, int PartitionsOpen, int PartitionsFailed, int Connections, long RecoveredBatches);
}
