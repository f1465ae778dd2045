using PipeRoll.Broker.Telemetry;
using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Handlers;

/// <summary>
/// GetTelemetrySubscriptions (71, KIP-714): tells a client which of its metrics are wanted and how often; none, and every five minutes,
/// when no subscription matches it. A client without an id gets one.
/// </summary>
internal sealed class GetTelemetrySubscriptionsHandler(BrokerServices services, ClientTelemetry telemetry)
    : Handler<GetTelemetrySubscriptionsRequest, GetTelemetrySubscriptionsResponse>
{
    public override ValueTask<GetTelemetrySubscriptionsResponse> HandleAsync(
        GetTelemetrySubscriptionsRequest request, RequestContext context)
    {
        Guid instance = request.ClientInstanceId == Guid.Empty ? services.NewGuid() : request.ClientInstanceId;
        (KafkaError error, TelemetrySubscription subscription) = telemetry.Subscribe(instance, context.ClientId ?? "", context.Client);
        return ValueTask.FromResult(new GetTelemetrySubscriptionsResponse
        {
            ErrorCode = (short)error,
            ClientInstanceId = instance,
            SubscriptionId = subscription.Id,
            AcceptedCompressionTypes = [.. ClientTelemetry.Codecs.Select(static codec => (sbyte)codec)],
            PushIntervalMs = subscription.IntervalMs,
            TelemetryMaxBytes = services.Options.TelemetryBytesMax,
            DeltaTemporality = true,
            RequestedMetrics = [.. subscription.Metrics],
        });
    }
}
