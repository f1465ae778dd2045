using PipeRoll.Broker.Telemetry;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Handlers;

/// <summary>
/// PushTelemetry (72, KIP-714): takes a client's metrics. They are counted (pushes, bytes, data points) and then let go.
/// </summary>
internal sealed class PushTelemetryHandler(ClientTelemetry telemetry) : Handler<PushTelemetryRequest, PushTelemetryResponse>
{
    public override ValueTask<PushTelemetryResponse> HandleAsync(PushTelemetryRequest request, RequestContext context) =>
        ValueTask.FromResult(new PushTelemetryResponse { ErrorCode = (short)telemetry.Push(request, context.Client) });
}
