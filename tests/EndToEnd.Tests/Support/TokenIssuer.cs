using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;

namespace PipeRoll.EndToEnd.Tests.Support;

/// <summary>An identity provider as small as can be: one key, its key set (RFC 7517), and JSON Web Tokens (RFC 7519) that it signs with ES256.</summary>
internal sealed class TokenIssuer : IDisposable
{
    private readonly ECDsa _key = ECDsa.Create(ECCurve.NamedCurves.nistP256);

    public string KeySet
    {
        get
        {
            ECPoint point = _key.ExportParameters(false).Q;
            return $$"""
                {"keys":[{"kty":"EC","kid":"k","crv":"P-256","x":"{{Base64Url.EncodeToString(point.X)}}","y":"{{Base64Url.EncodeToString(point.Y)}}"}]}
                """;
        }
    }

    public string Token(string subject, DateTimeOffset ends, string audience = "piperoll")
    {
        string claims = $$"""{"sub":"{{subject}}","aud":"{{audience}}","exp":{{ends.ToUnixTimeSeconds()}}}""";
        string signed = $"{Base64Url.EncodeToString("""{"alg":"ES256","kid":"k"}"""u8)}.{Base64Url.EncodeToString(Encoding.UTF8.GetBytes(claims))}";
        return $"{signed}.{Base64Url.EncodeToString(_key.SignData(Encoding.ASCII.GetBytes(signed), HashAlgorithmName.SHA256))}";
    }

    public void Dispose() => _key.Dispose();
}
