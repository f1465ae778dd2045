using PipeRoll.Broker;
using PipeRoll.Streams;

namespace PipeRoll.Server.Http;

/// <summary>Is the process alive, does it serve clients, and what does it count?</summary>
internal static class HealthEndpoints
{
    public static void Map(WebApplication web, Broker.Broker broker, StreamStorage storage)
    {
        // Alive: whoever restarts processes looks here, so it must not fail for what a restart would not mend.
        web.MapGet("/healthz", static () => Results.Text("ok\n"));
        web.MapGet("/readyz", () =>
        {
            BrokerStatus status = broker.Status;
            return Results.Json(new Readiness(status.IsReady, status, storage.RecoveredBatches), statusCode: status.IsReady ? 200 : 503);
        });
        web.MapPrometheusScrapingEndpoint("/metrics");
    }

    /// <param name="RecoveredBatches">Batches that the start had to read back from the write-ahead log: 0 after a clean stop.</param>
    internal sealed record Readiness(bool Ready, BrokerStatus Broker, long RecoveredBatches);
}
