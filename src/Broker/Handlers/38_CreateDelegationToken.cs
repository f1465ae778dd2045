using PipeRoll.Broker.Security;
using PipeRoll.Broker.Security.Sasl;
using PipeRoll.Streams.Metadata;
using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Handlers;

/// <summary>
/// CreateDelegationToken (38, KIP-48): a token by which others act as its owner: who asks, or (version 3 on, KIP-373) somebody for whom he may
/// make tokens.
/// </summary>
/// <remarks>Who is anonymous, or came with a token himself, gets none: DELEGATION_TOKEN_REQUEST_NOT_ALLOWED.</remarks>
internal sealed class CreateDelegationTokenHandler(BrokerSecurity security, TimeProvider time, Func<Guid> newGuid)
    : Handler<CreateDelegationTokenRequest, CreateDelegationTokenResponse>
{
    private const string UserType = "User";

    public override async ValueTask<CreateDelegationTokenResponse> HandleAsync(CreateDelegationTokenRequest request, RequestContext context)
    {
        string requester = context.Client.Principal;
        string owner = string.IsNullOrEmpty(request.OwnerPrincipalName) ? requester : $"{request.OwnerPrincipalType}:{request.OwnerPrincipalName}";
        if (Refuse(request, owner, context) is { } refused)
        {
            return Refused(refused, owner, requester);
        }

        long nowMs = time.GetUtcNow().ToUnixTimeMilliseconds();
        long lifetimeMs = request.MaxLifetimeMs <= 0
            ? security.Options.TokenLifetimeMaxMs
            : Math.Min(request.MaxLifetimeMs, security.Options.TokenLifetimeMaxMs);
        var token = new TokenRecord(
            newGuid().ToString("N"), owner, requester,
            [.. request.Renewers.Select(static renewer => $"{renewer.PrincipalType}:{renewer.PrincipalName}")],
            nowMs, nowMs + Math.Min(security.Options.TokenExpiryMs, lifetimeMs), nowMs + lifetimeMs);
        try
        {
            await security.Directory.PutTokenAsync(requester, token, CancellationToken.None);
        }
        catch (MetadataUnavailableException)
        {
            return Refused(KafkaError.RequestTimedOut, owner, requester);
        }

        security.Audit.Changed(context.Client, "CreateDelegationToken", "DelegationToken", token.Id, $"made the token {token.Id} of {owner}");
        return Answer(KafkaError.None, token, TokenSecrets.Of(security.Directory.TokenSecret, token.Id));
    }

    private KafkaError? Refuse(CreateDelegationTokenRequest request, string owner, RequestContext context)
    {
        ClientSession session = context.Client.Session;
        if (session.User is not { IsByToken: false })
        {
            return KafkaError.DelegationTokenRequestNotAllowed;
        }

        if (request.Renewers.Any(static renewer => renewer.PrincipalType != UserType) || !owner.StartsWith("User:", StringComparison.Ordinal))
        {
            return KafkaError.InvalidPrincipalType;
        }

        if (!security.Directory.HasCatalog)
        {
            return KafkaError.DelegationTokenAuthDisabled;
        }

        return owner != context.Client.Principal && !context.Allows(AclOperation.CreateTokens, ResourceType.User, owner)
            ? KafkaError.DelegationTokenAuthorizationFailed
            : null;
    }

    private static CreateDelegationTokenResponse Refused(KafkaError error, string owner, string requester) =>
        Answer(error, new TokenRecord("", owner, requester, [], -1, -1, -1), []);

    private static CreateDelegationTokenResponse Answer(KafkaError error, TokenRecord token, byte[] hmac)
    {
        (string ownerType, string ownerName) = Principals.Split(token.Owner);
        (string requesterType, string requesterName) = Principals.Split(token.Requester);
        return new CreateDelegationTokenResponse
        {
            ErrorCode = (short)error,
            PrincipalType = ownerType,
            PrincipalName = ownerName,
            TokenRequesterPrincipalType = requesterType,
            TokenRequesterPrincipalName = requesterName,
            IssueTimestampMs = token.IssuedMs,
            ExpiryTimestampMs = token.ExpiryMs,
            MaxTimestampMs = token.MaxMs,
            TokenId = token.Id,
            Hmac = hmac,
        };
    }
}

/// <summary>Principals as the protocol of delegation tokens has them.</summary>
internal static class Principals
{
    public static (string Type, string Name) Split(string principal)
    {
        int colon = principal.IndexOf(':', StringComparison.Ordinal);
        return colon < 0 ? ("", principal) : (principal[..colon], principal[(colon + 1)..]);
    }
}
