using PipeRoll.Broker.Security;
using PipeRoll.Broker.Security.Sasl;
using PipeRoll.Streams.Metadata;
using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Handlers;

/// <summary>
/// DescribeDelegationToken (41): the tokens that who asks owns, asked for or may renew, and those that he may describe; others are left out.
/// </summary>
internal sealed class DescribeDelegationTokenHandler(BrokerSecurity security, TimeProvider time)
    : Handler<DescribeDelegationTokenRequest, DescribeDelegationTokenResponse>
{
    public override ValueTask<DescribeDelegationTokenResponse> HandleAsync(DescribeDelegationTokenRequest request, RequestContext context)
    {
        KafkaError error = context.Client.Session.User is not { IsByToken: false } ? KafkaError.DelegationTokenRequestNotAllowed
            : !security.Directory.HasCatalog ? KafkaError.DelegationTokenAuthDisabled
            : KafkaError.None;
        if (error != KafkaError.None)
        {
            return ValueTask.FromResult(new DescribeDelegationTokenResponse { ErrorCode = (short)error, Tokens = [] });
        }

        HashSet<string>? owners = request.Owners is { } named
            ? [.. named.Select(static owner => $"{owner.PrincipalType}:{owner.PrincipalName}")]
            : null;
        long nowMs = time.GetUtcNow().ToUnixTimeMilliseconds();
        return ValueTask.FromResult(new DescribeDelegationTokenResponse
        {
            Tokens =
            [
                .. security.Directory.Current.Tokens
                    .Where(token => nowMs < token.ExpiryMs && (owners is null || owners.Contains(token.Owner)) && MaySee(token, context))
                    .OrderBy(static token => token.Id, StringComparer.Ordinal)
                    .Select(Describe),
            ],
        });
    }

    private static bool MaySee(TokenRecord token, RequestContext context)
    {
        string principal = context.Client.Principal;
        return principal == token.Owner || principal == token.Requester || token.Renewers.Contains(principal, StringComparer.Ordinal)
            || context.MaySee(AclOperation.Describe, ResourceType.DelegationToken, token.Id)
            || context.MaySee(AclOperation.DescribeTokens, ResourceType.User, token.Owner);
    }

    private DescribeDelegationTokenResponse.DescribedDelegationToken Describe(TokenRecord token)
    {
        (string ownerType, string ownerName) = Principals.Split(token.Owner);
        (string requesterType, string requesterName) = Principals.Split(token.Requester);
        return new DescribeDelegationTokenResponse.DescribedDelegationToken
        {
            PrincipalType = ownerType,
            PrincipalName = ownerName,
            TokenRequesterPrincipalType = requesterType,
            TokenRequesterPrincipalName = requesterName,
            IssueTimestamp = token.IssuedMs,
            ExpiryTimestamp = token.ExpiryMs,
            MaxTimestamp = token.MaxMs,
            TokenId = token.Id,
            Hmac = TokenSecrets.Of(security.Directory.TokenSecret, token.Id),
            Renewers = [.. token.Renewers.Select(static renewer =>
            {
                (string type, string name) = Principals.Split(renewer);
                return new DescribeDelegationTokenResponse.DescribedDelegationTokenRenewer { PrincipalType = type, PrincipalName = name };
            })],
        };
    }
}
