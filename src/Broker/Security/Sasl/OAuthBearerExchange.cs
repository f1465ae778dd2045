using System.Text;

namespace PipeRoll.Broker.Security.Sasl;

/// <summary>OAUTHBEARER (RFC 7628): a bearer token in one message.</summary>
internal sealed class OAuthBearerExchange(BearerTokens tokens) : SaslExchange("OAUTHBEARER")
{
    private const char Separator = '\x01';
    private const string Field = "auth=Bearer ";

    public override async ValueTask<SaslStep> NextAsync(ReadOnlyMemory<byte> token, CancellationToken cancellation)
    {
        // gs2 header ("n,a=user,"), then fields that end with 0x01 each, then one more 0x01
        string text = Encoding.UTF8.GetString(token.Span);
        string[] fields = text.Split(Separator);
        string[] header = fields[0].Split(',');
        if (header.Length != 3 || header[0] is not ("n" or "y"))
        {
            return Failed("the token is malformed, or asks for channel binding");
        }

        string? auth = fields.Skip(1).FirstOrDefault(field => field.StartsWith(Field, StringComparison.OrdinalIgnoreCase));
        if (auth is null)
        {
            return Failed("there is no bearer token in it");
        }

        BearerVerdict verdict = await tokens.CheckAsync(auth[Field.Length..].Trim(), Mechanism, cancellation);
        ClaimedUser = verdict.ClaimedUser;
        if (verdict.User is not { } user)
        {
            return Failed(verdict.Problem ?? "the token is not believed");
        }

        if (header[1].Length > 0 && "User:" + header[1][2..] != user.Principal)
        {
            return Failed("the client wants to act for another user");
        }

        return SaslStep.Done([], user);
    }
}
