using PipeRoll.Broker.Security;
using PipeRoll.Broker.Security.Sasl;
using PipeRoll.Streams.Metadata;
using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Handlers;

/// <summary>ExpireDelegationToken (40): has a token end at a time, or at once (a negative period); for its owner and its renewers.</summary>
internal sealed class ExpireDelegationTokenHandler(BrokerSecurity security, TimeProvider time)
    : Handler<ExpireDelegationTokenRequest, ExpireDelegationTokenResponse>
{
    public override async ValueTask<ExpireDelegationTokenResponse> HandleAsync(ExpireDelegationTokenRequest request, RequestContext context)
    {
        long nowMs = time.GetUtcNow().ToUnixTimeMilliseconds();
        long? atMs = request.ExpiryTimePeriodMs < 0 ? null : RenewDelegationTokenHandler.Later(nowMs, request.ExpiryTimePeriodMs);
        (KafkaError error, long expiryMs) =
            await TokenChanges.ExpireAtAsync(security, request.Hmac, nowMs, atMs, context, "ExpireDelegationToken");
        return new ExpireDelegationTokenResponse { ErrorCode = (short)error, ExpiryTimestampMs = expiryMs };
    }
}

/// <summary>What RenewDelegationToken and ExpireDelegationToken have in common.</summary>
internal static class TokenChanges
{
    /// <param name="atMs">When it is to expire; null ends it now.</param>
    public static async ValueTask<(KafkaError Error, long ExpiryMs)> ExpireAtAsync(
        BrokerSecurity security, ReadOnlyMemory<byte> hmac, long nowMs, long? atMs, RequestContext context, string api)
    {
        if (context.Client.Session.User is not { IsByToken: false })
        {
            return (KafkaError.DelegationTokenRequestNotAllowed, -1);
        }

        if (!security.Directory.HasCatalog)
        {
            return (KafkaError.DelegationTokenAuthDisabled, -1);
        }

        if (TokenSecrets.Find(security.Directory, hmac) is not { } token)
        {
            return (KafkaError.DelegationTokenNotFound, -1);
        }

        string principal = context.Client.Principal;
        if (principal != token.Owner && principal != token.Requester && !token.Renewers.Contains(principal, StringComparer.Ordinal))
        {
            // There is no entry for it: the token itself says whose it is.
            security.Audit.Denied(new Denial(
                context.Client, api,
                new AccessQuestion(principal, context.Client.RemoteAddress, AclOperation.Alter, ResourceType.DelegationToken, token.Id)));
            return (KafkaError.DelegationTokenOwnerMismatch, -1);
        }

        if (atMs is not null && (nowMs >= token.ExpiryMs || nowMs >= token.MaxMs))
        {
            return (KafkaError.DelegationTokenExpired, -1);
        }

        try
        {
            if (atMs is not { } later)
            {
                await security.Directory.DeleteTokensAsync(principal, [token.Id], CancellationToken.None);
                security.Audit.Changed(context.Client, api, "DelegationToken", token.Id, $"ended the token {token.Id} of {token.Owner}");
                return (KafkaError.None, nowMs);
            }

            TokenRecord changed = token with { ExpiryMs = Math.Min(later, token.MaxMs) };
            await security.Directory.PutTokenAsync(principal, changed, CancellationToken.None);
            security.Audit.Changed(
                context.Client, api, "DelegationToken", token.Id, $"set when the token {token.Id} of {token.Owner} expires to {changed.ExpiryMs}");
            return (KafkaError.None, changed.ExpiryMs);
        }
        catch (MetadataUnavailableException)
        {
            return (KafkaError.RequestTimedOut, -1);
        }
    }
}
