using System.Globalization;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using PipeRoll.Wire;
using PipeRoll.Wire.Framing;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Load;

/// <summary>Who the load is, to a server with TLS: SCRAM-SHA-256 in its bare steps.</summary>
/// <param name="Authority">PEM file.</param>
internal sealed record BenchLogin(string Authority, string User, string Password)
{
    private const short HandshakeVersion = 1;
    private const short AuthenticateVersion = 1;

    public Stream Secure(Stream plain)
    {
        var tls = new SslStream(plain);
        var options = new SslClientAuthenticationOptions
        {
            TargetHost = "localhost",
            CertificateChainPolicy = new X509ChainPolicy
            {
                TrustMode = X509ChainTrustMode.CustomRootTrust,
                RevocationMode = X509RevocationMode.NoCheck,
            },
        };
        options.CertificateChainPolicy.CustomTrustStore.ImportFromPemFile(Authority);
        tls.AuthenticateAsClient(options);
        return tls;
    }

    public void LogIn(RawConnection connection)
    {
        connection.Send(RawConnection.Frame(ApiKey.SaslHandshake, HandshakeVersion, new SaslHandshakeRequest { Mechanism = "SCRAM-SHA-256" }));
        connection.Receive();
        string bare = $"n={User},r=bench";
        string challenge = Send(connection, "n,," + bare);
        string[] parts = challenge.Split(',');
        byte[] salted = Rfc2898DeriveBytes.Pbkdf2(
            Encoding.UTF8.GetBytes(Password), Convert.FromBase64String(parts[1][2..]), int.Parse(parts[2][2..], CultureInfo.InvariantCulture),
            HashAlgorithmName.SHA256, 32);
        string withoutProof = $"c=biws,{parts[0]}";
        byte[] proof = HMACSHA256.HashData(salted, "Client Key"u8);
        byte[] signature = HMACSHA256.HashData(SHA256.HashData(proof), Encoding.UTF8.GetBytes($"{bare},{challenge},{withoutProof}"));
        for (int at = 0; at < proof.Length; at++)
        {
            proof[at] ^= signature[at];
        }

        Send(connection, $"{withoutProof},p={Convert.ToBase64String(proof)}");
    }

    private static string Send(RawConnection connection, string token)
    {
        connection.Send(RawConnection.Frame(
            ApiKey.SaslAuthenticate, AuthenticateVersion, new SaslAuthenticateRequest { AuthBytes = Encoding.UTF8.GetBytes(token) }));
        var reader = new WireReader(connection.Receive()[4..]);
        var answer = SaslAuthenticateResponse.Read(ref reader, AuthenticateVersion);
        return answer.ErrorCode == 0
            ? Encoding.UTF8.GetString(answer.AuthBytes.Span)
            : throw new InvalidOperationException($"the login failed: {answer.ErrorMessage}");
    }
}
