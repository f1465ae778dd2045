using System.Text;

namespace PipeRoll.Broker.Security.Sasl;

/// <summary>PLAIN (RFC 4616): user and password in one token.</summary>
internal sealed class PlainExchange(PasswordCheck passwords) : SaslExchange("PLAIN")
{
    public override ValueTask<SaslStep> NextAsync(ReadOnlyMemory<byte> token, CancellationToken cancellation)
    {
        string[] parts = Encoding.UTF8.GetString(token.Span).Split('\0');
        if (parts.Length != 3)
        {
            return ValueTask.FromResult(Failed("the token is not an authorization id, a user and a password"));
        }

        ClaimedUser = parts[1];
        if (parts[0].Length > 0 && parts[0] != parts[1])
        {
            return ValueTask.FromResult(Failed("the client wants to act for another user"));
        }

        return ValueTask.FromResult(passwords.Check(parts[1], parts[2], Mechanism) is { } user
            ? SaslStep.Done([], user)
            : Failed("unknown user or wrong password"));
    }
}
