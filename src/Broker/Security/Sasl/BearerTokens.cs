using System.Buffers.Text;
using System.Text;
using System.Text.Json;

namespace PipeRoll.Broker.Security.Sasl;

/// <param name="User">Null when the token is not believed.</param>
/// <param name="ClaimedUser">Whom it names, believed or not, for the audit.</param>
internal readonly record struct BearerVerdict(ProvenUser? User, string ClaimedUser, string? Problem);

/// <summary>Checks JSON Web Tokens (RFC 7519): signature, times, issuer, audience, scope.</summary>
/// <remarks>Any thread.</remarks>
internal sealed class BearerTokens(SecurityOptions options, JsonWebKeys? keys, TimeProvider time)
{
    private const int TokenCharsMax = 64 * 1024;

    public bool IsOn => keys is not null || options.OauthUnsecured;

    public async ValueTask<BearerVerdict> CheckAsync(string token, string mechanism, CancellationToken cancellation)
    {
        string[] parts = token.Split('.');
        if (token.Length > TokenCharsMax || parts.Length != 3 || Decode(parts[0]) is not { } header || Decode(parts[1]) is not { } claims)
        {
            return new BearerVerdict(null, "", "it is no JSON Web Token");
        }

        using (header)
        using (claims)
        {
            string user = Text(claims.RootElement, options.OauthPrincipalClaim) ?? "";
            if (await FindForgeryAsync(header.RootElement, parts, cancellation) is { } forged)
            {
                return new BearerVerdict(null, user, forged);
            }

            return FindProblem(claims.RootElement, user, out long expiresAtMs) is { } problem
                ? new BearerVerdict(null, user, problem)
                : new BearerVerdict(new ProvenUser("User:" + user, mechanism, expiresAtMs, false, static _ => true), user, null);
        }
    }

    private async ValueTask<string?> FindForgeryAsync(JsonElement header, string[] parts, CancellationToken cancellation)
    {
        string algorithm = Text(header, "alg") ?? "";
        if (algorithm == "none")
        {
            return options.OauthUnsecured && parts[2].Length == 0 ? null : "nobody has signed it";
        }

        if (keys is null)
        {
            return "signed tokens can't be checked: no key set is configured";
        }

        if (!TryBytes(parts[2], out byte[] signature))
        {
            return "its signature is no Base64";
        }

        byte[] signed = Encoding.ASCII.GetBytes($"{parts[0]}.{parts[1]}");
        return await keys.VerifyAsync(algorithm, Text(header, "kid"), signed, signature, cancellation)
            ? null
            : "its signature is by none of the keys of the key set";
    }

    private string? FindProblem(JsonElement claims, string user, out long expiresAtMs)
    {
        double nowSeconds = time.GetUtcNow().ToUnixTimeMilliseconds() / 1000.0;
        double skewSeconds = options.OauthClockSkewMs / 1000.0;
        expiresAtMs = 0;
        if (Number(claims, "exp") is not { } expires)
        {
            return "it does not say when it expires";
        }

        expiresAtMs = (long)(Math.Min(expires, DateTimeOffset.MaxValue.ToUnixTimeSeconds()) * 1000);
        if (nowSeconds >= expires + skewSeconds)
        {
            return "it has expired";
        }

        if (Number(claims, "nbf") is { } notBefore && nowSeconds < notBefore - skewSeconds)
        {
            return "it is not valid yet";
        }

        if (user.Length == 0)
        {
            return $"it has no claim '{options.OauthPrincipalClaim}' to name the principal";
        }

        if (options.OauthIssuer is { Length: > 0 } issuer && Text(claims, "iss") != issuer)
        {
            return "another issuer made it";
        }

        if (options.OauthAudience is { Length: > 0 } audiences
            && !Texts(claims, "aud").Intersect(Split(audiences), StringComparer.Ordinal).Any())
        {
            return "it is meant for another audience";
        }

        return options.OauthScope is { Length: > 0 } scopes
            && Split(scopes).Except(Texts(claims, "scope").Concat(Texts(claims, "scp")), StringComparer.Ordinal).Any()
            ? "it lacks a scope"
            : null;
    }

    private static string[] Split(string text) => text.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);

    private static JsonDocument? Decode(string part)
    {
        try
        {
            return TryBytes(part, out byte[] bytes) && JsonDocument.Parse(bytes) is { RootElement.ValueKind: JsonValueKind.Object } json
                ? json
                : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static bool TryBytes(string text, out byte[] bytes)
    {
        bytes = [];
        if (!Base64Url.IsValid(text))
        {
            return false;
        }

        bytes = Base64Url.DecodeFromChars(text);
        return true;
    }

    private static string? Text(JsonElement json, string name) =>
        json.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static double? Number(JsonElement json, string name) =>
        json.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.Number ? value.GetDouble() : null;

    /// <summary>A list, or words with spaces between them.</summary>
    private static string[] Texts(JsonElement json, string name)
    {
        if (!json.TryGetProperty(name, out JsonElement value))
        {
            return [];
        }

        return value.ValueKind switch
        {
            JsonValueKind.String => value.GetString()!.Split(' ', StringSplitOptions.RemoveEmptyEntries),
            JsonValueKind.Array => [.. value.EnumerateArray().Where(item => item.ValueKind == JsonValueKind.String).Select(item => item.GetString()!)],
            _ => [],
        };
    }
}
