using System.Globalization;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace PipeRoll.Client;

/// <summary>The client's half of a SASL mechanism: what it sends, given what it was sent.</summary>
internal static class SaslLogin
{
    private const int IterationsMax = 1_000_000;

    /// <param name="exchange">Sends a token and returns the answer; throws if the broker refuses.</param>
    public static Task LogInAsync(SaslSettings sasl, Func<byte[], Task<byte[]>> exchange, CancellationToken cancellation) => sasl.Mechanism switch
    {
        "PLAIN" => exchange(Encoding.UTF8.GetBytes($"\0{sasl.User}\0{sasl.Password}")),
        "OAUTHBEARER" => BearerAsync(sasl, exchange, cancellation),
        _ => ScramAsync(sasl, exchange),
    };

    /// <summary>RFC 5802, without channel binding.</summary>
    private static async Task ScramAsync(SaslSettings sasl, Func<byte[], Task<byte[]>> exchange)
    {
        HashAlgorithmName hash = sasl.Mechanism == "SCRAM-SHA-256" ? HashAlgorithmName.SHA256 : HashAlgorithmName.SHA512;
        string nonce = Convert.ToBase64String(RandomNumberGenerator.GetBytes(18));
        string bare = $"n={sasl.User.Replace("=", "=3D", StringComparison.Ordinal).Replace(",", "=2C", StringComparison.Ordinal)},r={nonce}";
        string challenge = Encoding.UTF8.GetString(await exchange(Encoding.UTF8.GetBytes("n,," + bare)));
        string[] parts = challenge.Split(',');
        if (parts.Length < 3 || !parts[0].StartsWith("r=" + nonce, StringComparison.Ordinal) || !parts[1].StartsWith("s=", StringComparison.Ordinal)
            || !parts[2].StartsWith("i=", StringComparison.Ordinal)
            || !int.TryParse(parts[2].AsSpan(2), NumberStyles.None, CultureInfo.InvariantCulture, out int iterations) || iterations is < 1 or > IterationsMax)
        {
            throw new ClientException("the broker's SCRAM challenge is malformed", isRetriable: false);
        }

        byte[] salted = Rfc2898DeriveBytes.Pbkdf2(
            Encoding.UTF8.GetBytes(sasl.Password), Convert.FromBase64String(parts[1][2..]), iterations, hash, hash == HashAlgorithmName.SHA256 ? 32 : 64);
        string withoutProof = $"c=biws,{parts[0]}";
        byte[] message = Encoding.UTF8.GetBytes($"{bare},{challenge},{withoutProof}");
        byte[] proof = CryptographicOperations.HmacData(hash, salted, "Client Key"u8.ToArray());
        byte[] signature = CryptographicOperations.HmacData(hash, CryptographicOperations.HashData(hash, proof), message);
        for (int at = 0; at < proof.Length; at++)
        {
            proof[at] ^= signature[at];
        }

        byte[] final = await exchange(Encoding.UTF8.GetBytes($"{withoutProof},p={Convert.ToBase64String(proof)}"));
        byte[] serverKey = CryptographicOperations.HmacData(hash, salted, "Server Key"u8.ToArray());
        string expected = "v=" + Convert.ToBase64String(CryptographicOperations.HmacData(hash, serverKey, message));
        if (!CryptographicOperations.FixedTimeEquals(final, Encoding.UTF8.GetBytes(expected)))
        {
            throw new ClientException("the broker does not know the password that it asked for: it is not who it says it is", isRetriable: false);
        }
    }

    /// <summary>RFC 7628, with a token that is got for this login.</summary>
    private static async Task BearerAsync(SaslSettings sasl, Func<byte[], Task<byte[]>> exchange, CancellationToken cancellation)
    {
        string token = await TokenAsync(sasl, cancellation);
        await exchange(Encoding.UTF8.GetBytes($"n,,\u0001auth=Bearer {token}\u0001\u0001"));
    }

    private static async Task<string> TokenAsync(SaslSettings sasl, CancellationToken cancellation)
    {
        using var http = new HttpClient();
        using var request = new HttpRequestMessage(HttpMethod.Post, sasl.TokenEndpoint);
        request.Headers.Authorization = new AuthenticationHeaderValue(
            "Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{Uri.EscapeDataString(sasl.User)}:{Uri.EscapeDataString(sasl.Password)}")));
        var form = new Dictionary<string, string> { ["grant_type"] = "client_credentials" };
        if (sasl.Scope is { } scope)
        {
            form["scope"] = scope;
        }

        request.Content = new FormUrlEncodedContent(form);
        try
        {
            using HttpResponseMessage answer = await http.SendAsync(request, cancellation);
            answer.EnsureSuccessStatusCode();
            using JsonDocument document = JsonDocument.Parse(await answer.Content.ReadAsByteArrayAsync(cancellation));
            return document.RootElement.GetProperty("access_token").GetString() ?? throw new JsonException("access_token is null");
        }
        catch (Exception error) when (error is HttpRequestException or JsonException or KeyNotFoundException or InvalidOperationException)
        {
            throw new ClientException($"{sasl.TokenEndpoint} gave no token: {error.Message}", isRetriable: true, error);
        }
    }
}
