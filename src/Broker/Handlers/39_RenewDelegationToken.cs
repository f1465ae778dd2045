using PipeRoll.Broker.Security;
using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Handlers;

/// <summary>RenewDelegationToken (39): lets a token live on, never beyond its last day; for its owner and its renewers.</summary>
internal sealed class RenewDelegationTokenHandler(BrokerSecurity security, TimeProvider time)
    : Handler<RenewDelegationTokenRequest, RenewDelegationTokenResponse>
{
    public override async ValueTask<RenewDelegationTokenResponse> HandleAsync(RenewDelegationTokenRequest request, RequestContext context)
    {
        long nowMs = time.GetUtcNow().ToUnixTimeMilliseconds();
        long period = request.RenewPeriodMs < 0 ? security.Options.TokenExpiryMs : request.RenewPeriodMs;
        (KafkaError error, long expiryMs) = await TokenChanges.ExpireAtAsync(
            security, request.Hmac, nowMs, Later(nowMs, period), context, "RenewDelegationToken");
        return new RenewDelegationTokenResponse { ErrorCode = (short)error, ExpiryTimestampMs = expiryMs };
    }

    internal static long Later(long nowMs, long periodMs) => periodMs > long.MaxValue - nowMs ? long.MaxValue : nowMs + periodMs;
}
