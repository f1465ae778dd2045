using PipeRoll.Broker.Security;
using PipeRoll.Broker.Security.Sasl;
using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Handlers;

/// <summary>SaslHandshake (17): chooses the mechanism of an authentication, the first or a further one (KIP-368).</summary>
/// <remarks>
/// After version 0 the mechanism's tokens come as bare frames, after version 1 in SaslAuthenticate. An unknown mechanism is answered with those
/// that there are.
/// </remarks>
internal sealed class SaslHandshakeHandler(BrokerSecurity security) : Handler<SaslHandshakeRequest, SaslHandshakeResponse>
{
    public override ValueTask<SaslHandshakeResponse> HandleAsync(SaslHandshakeRequest request, RequestContext context)
    {
        var response = new SaslHandshakeResponse { Mechanisms = [.. security.Mechanisms] };
        ClientSession session = context.Client.Session;
        // Who showed a certificate may still say who he is; who has said it stays with how he did.
        if (session.User is { IsByCertificate: false } user && user.Mechanism != request.Mechanism)
        {
            security.Audit.AuthenticationFailed(context.Client, request.Mechanism, user.Principal, "it changed the mechanism of its session");
            response.ErrorCode = (short)KafkaError.UnsupportedSaslMechanism;
            return ValueTask.FromResult(response);
        }

        SaslExchange? exchange = security.Exchange(request.Mechanism);
        session.Exchange = exchange;
        session.HasBareTokens = exchange is not null && context.Version == 0;
        response.ErrorCode = (short)(exchange is null ? KafkaError.UnsupportedSaslMechanism : KafkaError.None);
        return ValueTask.FromResult(response);
    }
}
