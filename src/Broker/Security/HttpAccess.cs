using System.Text;
using PipeRoll.Broker.Handlers;
using PipeRoll.Broker.Security.Sasl;
using PipeRoll.Wire;

namespace PipeRoll.Broker.Security;

/// <summary>Who sent an HTTP request.</summary>
/// <param name="Principal">Null when it has to be refused.</param>
/// <param name="Problem">Why, for the client.</param>
public readonly record struct HttpCaller(string? Principal, string? Problem);

/// <summary>The same users, entries and audit for HTTP: Basic with a user's password, Bearer with a token.</summary>
/// <remarks>Any thread.</remarks>
public sealed class HttpAccess
{
    private readonly BrokerSecurity _security;

    internal HttpAccess(BrokerSecurity security) => _security = security;

    /// <summary>Nobody gets in without saying who he is.</summary>
    public bool IsOn => _security.Directory.Current.IsOn;

    /// <summary>Who is to be let in has been read; before that nobody is.</summary>
    public bool IsLoaded => _security.Directory.IsLoaded;

    public bool TakesBearer => _security.Mechanisms.Contains("OAUTHBEARER", StringComparer.Ordinal);

    /// <param name="authorization">The header, or null.</param>
    /// <param name="address">IP address of the client.</param>
    public async ValueTask<HttpCaller> AuthenticateAsync(string? authorization, string address, CancellationToken cancellation)
    {
        if (!IsOn)
        {
            return new HttpCaller($"http:{address}", null);
        }

        if (string.IsNullOrEmpty(authorization))
        {
            return await RefuseAsync(
                address, "", "", "a request without an Authorization header",
                "say who you are: Basic with user and password, or Bearer",
                cancellation);
        }

        int space = authorization.IndexOf(' ', StringComparison.Ordinal);
        string scheme = space < 0 ? authorization : authorization[..space];
        string rest = space < 0 ? "" : authorization[(space + 1)..].Trim();
        if (scheme.Equals("Basic", StringComparison.OrdinalIgnoreCase) && TryDecode(rest, out string user, out string password))
        {
            return _security.CheckPassword(user, password) is { } proven
                ? new HttpCaller(proven.Principal, null)
                : await RefuseAsync(address, "Basic", "User:" + user, "unknown user or wrong password", "unknown user or wrong password", cancellation);
        }

        if (scheme.Equals("Bearer", StringComparison.OrdinalIgnoreCase))
        {
            BearerVerdict verdict = await _security.CheckBearerAsync(rest, cancellation);
            return verdict.User is { } proven
                ? new HttpCaller(proven.Principal, null)
                : await RefuseAsync(
                    address, "Bearer", "User:" + verdict.ClaimedUser, verdict.Problem ?? "", "the bearer token is not believed", cancellation);
        }

        return await RefuseAsync(
            address, scheme, "", "an Authorization header that is not understood", "the Authorization header must be Basic or Bearer", cancellation);
    }

    /// <summary>A no is an audit event.</summary>
    /// <param name="route">What was asked for, such as <c>POST /api/v1/cluster/drain</c>.</param>
    public bool Allows(string principal, string address, string route, AclOperation operation, ResourceType type, string name)
    {
        var question = new AccessQuestion(principal, address, operation, type, name);
        if (_security.Guard.Authorizer.Allows(question))
        {
            return true;
        }

        _security.Audit.Denied(new Denial(Identity(address), route, question));
        return false;
    }

    /// <summary>Something governed was changed over HTTP: an audit event.</summary>
    /// <param name="detail">What, and why.</param>
    public void Changed(string principal, string address, string route, string resourceType, string resourceName, string detail) =>
        _security.Audit.Changed(new ClientIdentity("http", address) { Principal = principal }, route, resourceType, resourceName, detail);

    private static ClientIdentity Identity(string address) => new("http", address);

    /// <summary>Held back, so that guessing takes time.</summary>
    private async ValueTask<HttpCaller> RefuseAsync(
        string address, string mechanism, string claimed, string detail, string problem, CancellationToken cancellation)
    {
        _security.Audit.AuthenticationFailed(Identity(address), mechanism, claimed, detail);
        await _security.HoldBackAsync(cancellation);
        return new HttpCaller(null, problem);
    }

    private static bool TryDecode(string text, out string user, out string password)
    {
        user = password = "";
        byte[] bytes = new byte[text.Length];
        if (!Convert.TryFromBase64String(text, bytes, out int length))
        {
            return false;
        }

        string pair = Encoding.UTF8.GetString(bytes, 0, length);
        int colon = pair.IndexOf(':', StringComparison.Ordinal);
        if (colon <= 0)
        {
            return false;
        }

        user = pair[..colon];
        password = pair[(colon + 1)..];
        return true;
    }
}
