using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using PipeRoll.Broker.Security;
using PipeRoll.Broker.Security.Sasl;

namespace PipeRoll.Broker.Tests.Security;

public sealed class BearerTokenTests : IDisposable
{
    private readonly RSA _rsa = RSA.Create(2048);
    private readonly ECDsa _curve = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private int _reads;

    private static long Now => TimeProvider.System.GetUtcNow().ToUnixTimeSeconds();

    public void Dispose()
    {
        _rsa.Dispose();
        _curve.Dispose();
    }

    [Theory]
    [InlineData("RS256")]
    [InlineData("PS384")]
    [InlineData("ES256")]
    public async Task A_signed_token_is_believed(string algorithm)
    {
        BearerVerdict verdict = await CheckAsync(new SecurityOptions(), Token(algorithm, $$"""{"sub":"alice","exp":{{Now + 60}}}"""));

        Assert.Equal("User:alice", verdict.User?.Principal);
        Assert.InRange(verdict.User!.ExpiresAtMs, (Now + 50) * 1000, (Now + 61) * 1000);
    }

    [Theory]
    [InlineData("""{"sub":"alice","exp":1}""", "it has expired")]
    [InlineData("""{"sub":"alice"}""", "it does not say when it expires")]
    [InlineData("""{"exp":99999999999}""", "it has no claim 'sub' to name the principal")]
    [InlineData("""{"sub":"alice","exp":99999999999,"nbf":99999999990}""", "it is not valid yet")]
    [InlineData("""{"sub":"alice","exp":99999999999,"iss":"other","aud":"kafka","scope":"read write"}""", "another issuer made it")]
    [InlineData("""{"sub":"alice","exp":99999999999,"iss":"me","aud":["x"],"scope":"read write"}""", "it is meant for another audience")]
    [InlineData("""{"sub":"alice","exp":99999999999,"iss":"me","aud":["x","kafka"],"scope":"read"}""", "it lacks a scope")]
    [InlineData("""{"sub":"alice","exp":99999999999,"iss":"me","aud":"kafka","scp":["write","read"]}""", null)]
    public async Task Claims_are_checked(string claims, string? problem)
    {
        bool isBare = !claims.Contains("iss", StringComparison.Ordinal);
        var options = isBare
            ? new SecurityOptions()
            : new SecurityOptions { OauthIssuer = "me", OauthAudience = "other,kafka", OauthScope = "read,write" };

        Assert.Equal(problem, (await CheckAsync(options, Token("RS256", claims))).Problem);
    }

    [Fact]
    public async Task Whoever_did_not_sign_it_is_not_believed()
    {
        string good = Token("RS256", """{"sub":"alice","exp":99999999999}""");
        string[] parts = good.Split('.');
        string forged = $"{parts[0]}.{Base64Url.EncodeToString("""{"sub":"admin","exp":99999999999}"""u8)}.{parts[2]}";
        string unsigned = Unsigned("""{"sub":"alice","exp":99999999999}""");

        Assert.NotNull((await CheckAsync(new SecurityOptions(), forged)).Problem);
        Assert.Equal("nobody has signed it", (await CheckAsync(new SecurityOptions(), unsigned)).Problem);
        Assert.Null((await CheckAsync(new SecurityOptions { OauthUnsecured = true }, unsigned)).Problem);
        Assert.NotNull((await CheckAsync(new SecurityOptions { OauthUnsecured = true }, unsigned + "x")).Problem);
        Assert.Equal("it is no JSON Web Token", (await CheckAsync(new SecurityOptions(), "not.a.token")).Problem);
    }

    [Fact]
    public async Task A_new_key_is_looked_for_and_not_too_often()
    {
        using var keys = new JsonWebKeys(ReadAsync, TimeProvider.System);
        var tokens = new BearerTokens(new SecurityOptions(), keys, TimeProvider.System);
        for (int i = 0; i < 5; i++)
        {
            Assert.NotNull((await tokens.CheckAsync(
                Token("RS256", """{"sub":"a","exp":99999999999}""", keyId: "unknown"), "Bearer", CancellationToken.None)).Problem);
        }

        Assert.Equal(1, _reads);
    }

    private async Task<BearerVerdict> CheckAsync(SecurityOptions options, string token)
    {
        using var keys = new JsonWebKeys(ReadAsync, TimeProvider.System);
        return await new BearerTokens(options, keys, TimeProvider.System).CheckAsync(token, "OAUTHBEARER", CancellationToken.None);
    }

    private Task<string> ReadAsync(CancellationToken cancellation)
    {
        _reads++;
        RSAParameters rsa = _rsa.ExportParameters(false);
        ECParameters curve = _curve.ExportParameters(false);
        return Task.FromResult($$"""
            {"keys":[
              {"kty":"oct","k":"AAAA"},
              {"kty":"RSA","kid":"r","n":"{{Base64Url.EncodeToString(rsa.Modulus)}}","e":"{{Base64Url.EncodeToString(rsa.Exponent)}}"},
              {"kty":"EC","kid":"e","crv":"P-256","x":"{{Base64Url.EncodeToString(curve.Q.X)}}","y":"{{Base64Url.EncodeToString(curve.Q.Y)}}"}]}
            """);
    }

    private static string Unsigned(string claims) =>
        $"{Base64Url.EncodeToString("""{"alg":"none"}"""u8)}.{Base64Url.EncodeToString(Encoding.UTF8.GetBytes(claims))}.";

    private string Token(string algorithm, string claims, string? keyId = null)
    {
        keyId ??= algorithm[0] == 'E' ? "e" : "r";
        string signed = $"{Base64Url.EncodeToString(Encoding.UTF8.GetBytes($$"""{"alg":"{{algorithm}}","kid":"{{keyId}}"}"""))}"
            + $".{Base64Url.EncodeToString(Encoding.UTF8.GetBytes(claims))}";
        byte[] bytes = Encoding.ASCII.GetBytes(signed);
        byte[] signature = algorithm switch
        {
            "RS256" => _rsa.SignData(bytes, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1),
            "PS384" => _rsa.SignData(bytes, HashAlgorithmName.SHA384, RSASignaturePadding.Pss),
            _ => _curve.SignData(bytes, HashAlgorithmName.SHA256),
        };
        return $"{signed}.{Base64Url.EncodeToString(signature)}";
    }
}
