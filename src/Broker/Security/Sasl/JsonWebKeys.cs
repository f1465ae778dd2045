using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text.Json;
using PipeRoll.Foundation.Scheduling;

namespace PipeRoll.Broker.Security.Sasl;

/// <summary>
/// The keys that tokens are signed with (RFC 7517): RSA and elliptic curves. Read when the first token comes, again after
/// <see cref="MaxAge"/>, and at once when a token names a key that is not there, at most every <see cref="MinAge"/>.
/// </summary>
/// <remarks>Any thread. Failure: a key set that can't be read leaves the last one in use.</remarks>
internal sealed class JsonWebKeys(Func<CancellationToken, Task<string>> read, TimeProvider time) : IDisposable
{
    public static readonly TimeSpan MaxAge = TimeSpan.FromHours(1);
    public static readonly TimeSpan MinAge = TimeSpan.FromSeconds(10);

    private readonly SemaphoreSlim _gate = new(1);
    private volatile IReadOnlyList<Key> _keys = [];
    private DateTimeOffset? _readAt;

    public async ValueTask<bool> VerifyAsync(
        string algorithm, string? keyId, ReadOnlyMemory<byte> signed, ReadOnlyMemory<byte> signature, CancellationToken cancellation)
    {
        await RefreshAsync(MaxAge, cancellation);
        if (keyId is not null && !_keys.Any(key => key.Id == keyId))
        {
            await RefreshAsync(MinAge, cancellation);
        }

        return _keys.Any(key => (keyId is null || key.Id is null || key.Id == keyId) && key.Verifies(algorithm, signed.Span, signature.Span));
    }

    public void Dispose() => _gate.Dispose();

    private async ValueTask RefreshAsync(TimeSpan maxAge, CancellationToken cancellation)
    {
        await _gate.EnterAsync(cancellation);
        try
        {
            if (_readAt is { } at && time.GetUtcNow() - at < maxAge)
            {
                return;
            }

            _readAt = time.GetUtcNow();
            _keys = Parse(await read(cancellation));
        }
        catch (Exception error) when (error is HttpRequestException or IOException or JsonException or UnauthorizedAccessException)
        {
            // What was read before stays good; without any, no token is believed. The next try comes soon.
            _readAt = time.GetUtcNow() - MaxAge + MinAge;
        }
        finally
        {
            _gate.Release();
        }
    }

    private static List<Key> Parse(string text)
    {
        using JsonDocument json = JsonDocument.Parse(text);
        var keys = new List<Key>();
        if (json.RootElement.ValueKind != JsonValueKind.Object || !json.RootElement.TryGetProperty("keys", out JsonElement list)
            || list.ValueKind != JsonValueKind.Array)
        {
            throw new JsonException("the key set has no list of keys");
        }

        foreach (JsonElement key in list.EnumerateArray())
        {
            if (Parse(key) is { } parsed)
            {
                keys.Add(parsed);
            }
        }

        return keys;
    }

    private static Key? Parse(JsonElement key)
    {
        string? id = Text(key, "kid");
        try
        {
            switch (Text(key, "kty"))
            {
                case "RSA":
                    return new Key(id, RSA.Create(new RSAParameters { Modulus = Bytes(key, "n"), Exponent = Bytes(key, "e") }), null);
                case "EC" when CurveOf(Text(key, "crv")) is { } curve:
                    return new Key(id, null, ECDsa.Create(new ECParameters
                    {
                        Curve = curve,
                        Q = new ECPoint { X = Bytes(key, "x"), Y = Bytes(key, "y") },
                    }));
                default:
                    return null;
            }
        }
        catch (Exception error) when (error is CryptographicException or FormatException)
        {
            // One key that is no key does not spoil the others.
            return null;
        }
    }

    private static ECCurve? CurveOf(string? name) => name switch
    {
        "P-256" => ECCurve.NamedCurves.nistP256,
        "P-384" => ECCurve.NamedCurves.nistP384,
        "P-521" => ECCurve.NamedCurves.nistP521,
        _ => null,
    };

    private static string? Text(JsonElement json, string name) =>
        json.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static byte[] Bytes(JsonElement json, string name) =>
        Base64Url.DecodeFromChars(Text(json, name) ?? throw new FormatException($"the key has no '{name}'"));

    private sealed class Key(string? id, RSA? rsa, ECDsa? curve)
    {
        // The runtime promises nothing of one key in two threads.
        private readonly Lock _gate = new();

        public string? Id => id;

        public bool Verifies(string algorithm, ReadOnlySpan<byte> signed, ReadOnlySpan<byte> signature)
        {
            if (algorithm.Length != 5 || HashOf(algorithm[2..]) is not { } hash)
            {
                return false;
            }

            lock (_gate)
            {
                return algorithm[..2] switch
                {
                    "RS" => rsa?.VerifyData(signed, signature, hash, RSASignaturePadding.Pkcs1) ?? false,
                    "PS" => rsa?.VerifyData(signed, signature, hash, RSASignaturePadding.Pss) ?? false,
                    "ES" => curve?.VerifyData(signed, signature, hash) ?? false,
                    _ => false,
                };
            }
        }

        private static HashAlgorithmName? HashOf(string bits) => bits switch
        {
            "256" => HashAlgorithmName.SHA256,
            "384" => HashAlgorithmName.SHA384,
            "512" => HashAlgorithmName.SHA512,
            _ => null,
        };
    }
}
