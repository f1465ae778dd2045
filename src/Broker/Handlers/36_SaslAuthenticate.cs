using PipeRoll.Broker.Security;
using PipeRoll.Broker.Security.Sasl;
using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Handlers;

/// <summary>
/// SaslAuthenticate (36): one token of the mechanism that SaslHandshake has chosen. The last answer tells how long the session lasts.
/// </summary>
/// <remarks>
/// A failure is answered with SASL_AUTHENTICATION_FAILED after a pause, and the connection closed. A session that goes on must be of the same
/// principal.
/// </remarks>
internal sealed class SaslAuthenticateHandler(BrokerSecurity security)
    : Handler<SaslAuthenticateRequest, SaslAuthenticateResponse>
{
    public override async ValueTask<SaslAuthenticateResponse> HandleAsync(SaslAuthenticateRequest request, RequestContext context)
    {
        ClientSession session = context.Client.Session;
        if (session.Exchange is null)
        {
            context.ClosesAfterAnswer = true;
            return new SaslAuthenticateResponse
            {
                ErrorCode = (short)KafkaError.IllegalSaslState,
                ErrorMessage = "SaslHandshake comes first: it names the mechanism.",
            };
        }

        SaslStep step = await StepAsync(request.AuthBytes, context.Client, context.Cancellation);
        if (step.Failure is { } failure)
        {
            context.ClosesAfterAnswer = true;
            return new SaslAuthenticateResponse { ErrorCode = (short)KafkaError.SaslAuthenticationFailed, ErrorMessage = failure };
        }

        return new SaslAuthenticateResponse
        {
            AuthBytes = step.Answer,
            SessionLifetimeMs = step.User is { } user ? security.Begin(context.Client, user) : 0,
        };
    }

    /// <summary>One step of the connection's exchange, failures told to the audit and held back; for bare tokens too.</summary>
    public async ValueTask<SaslStep> StepAsync(ReadOnlyMemory<byte> token, ClientIdentity client, CancellationToken cancellation)
    {
        ClientSession session = client.Session;
        SaslExchange exchange = session.Exchange!;
        SaslStep step = await exchange.NextAsync(token, cancellation);
        if (step.User is { } user && session.User is { IsByCertificate: false } before && before.Principal != user.Principal)
        {
            step = SaslStep.Failed(
                $"Authentication failed: the session belongs to {before.Principal}", $"a session of {before.Principal} became {user.Principal}");
        }

        if (step.Failure is not null)
        {
            session.Exchange = null;
            security.Audit.AuthenticationFailed(client, exchange.Mechanism, "User:" + exchange.ClaimedUser, step.Detail!);
            await security.HoldBackAsync(cancellation);
        }

        return step;
    }
}
