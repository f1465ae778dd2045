using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using PipeRoll.Wire;
using PipeRoll.Wire.Framing;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Security.Sasl;

/// <summary>
/// How this broker says who it is to another: SCRAM with the secret that all brokers of the cluster have from the metadata. The other one
/// has to know it too, or it is not believed.
/// </summary>
/// <remarks>Any thread; one login at a time on a connection, before anything else is sent there.</remarks>
internal sealed class PeerLogin(SecurityDirectory directory, Func<Guid> newGuid)
{
    private const ScramMechanism Mechanism = ScramMechanism.Sha256;
    private const short HandshakeVersion = 1;
    private const short AuthenticateVersion = 2;
    private const int ResponseBytesMax = 64 * 1024;

    /// <summary>Nothing is sent while nobody has to say who he is.</summary>
    /// <exception cref="IOException">The other one refuses, or is none of this cluster.</exception>
    public async ValueTask LogInAsync(Stream stream, CancellationToken cancellation)
    {
        if (!directory.Current.IsOn || directory.BrokerPassword.Length == 0)
        {
            return;
        }

        SaslHandshakeResponse handshake = await CallAsync<SaslHandshakeRequest, SaslHandshakeResponse>(
            stream, new SaslHandshakeRequest { Mechanism = Scram.NameOf(Mechanism) }, HandshakeVersion, cancellation);
        Require(handshake.ErrorCode, null);
        string clientNonce = newGuid().ToString("N");
        string bare = $"n={AclNames.Broker["User:".Length..]},r={clientNonce}";
        string challenge = await SendAsync(stream, "n,," + bare, cancellation);
        string[] parts = challenge.Split(',');
        if (parts.Length != 3 || !parts[0].StartsWith("r=" + clientNonce, StringComparison.Ordinal)
            || !int.TryParse(parts[2].AsSpan(2), NumberStyles.None, CultureInfo.InvariantCulture, out int iterations)
            || iterations is < Scram.IterationsMin or > Scram.IterationsMax)
        {
            throw new IOException("the other broker's challenge is malformed");
        }

        byte[] salted = Scram.SaltedPassword(Mechanism, directory.BrokerPassword, Convert.FromBase64String(parts[1][2..]), iterations);
        string withoutProof = $"c=biws,{parts[0]}";
        byte[] message = Encoding.UTF8.GetBytes($"{bare},{challenge},{withoutProof}");
        byte[] proof = Scram.Hmac(Mechanism, salted, "Client Key"u8);
        byte[] signature = Scram.Hmac(Mechanism, Scram.Hash(Mechanism, proof), message);
        for (int at = 0; at < proof.Length; at++)
        {
            proof[at] ^= signature[at];
        }

        string final = await SendAsync(stream, $"{withoutProof},p={Convert.ToBase64String(proof)}", cancellation);
        string expected = "v=" + Convert.ToBase64String(Scram.Hmac(Mechanism, Scram.Hmac(Mechanism, salted, "Server Key"u8), message));
        if (!CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(final), Encoding.UTF8.GetBytes(expected)))
        {
            throw new IOException("the other broker does not know the secret of this cluster's brokers");
        }
    }

    private static async ValueTask<string> SendAsync(Stream stream, string token, CancellationToken cancellation)
    {
        SaslAuthenticateResponse answer = await CallAsync<SaslAuthenticateRequest, SaslAuthenticateResponse>(
            stream, new SaslAuthenticateRequest { AuthBytes = Encoding.UTF8.GetBytes(token) }, AuthenticateVersion, cancellation);
        Require(answer.ErrorCode, answer.ErrorMessage);
        return Encoding.UTF8.GetString(answer.AuthBytes.Span);
    }

    private static async ValueTask<TResponse> CallAsync<TRequest, TResponse>(
        Stream stream, TRequest request, short version, CancellationToken cancellation)
        where TRequest : class, IKafkaRequest, IKafkaMessage<TRequest>
        where TResponse : class, IKafkaResponse, IKafkaMessage<TResponse>
    {
        ApiSupport api = ApiVersionsTable.Get((ApiKey)TRequest.Info.ApiKey);
        using (ResponseFrame frame = ResponseFrame.ForRequest(api, version, 0, "piperoll-broker", request))
        {
            await stream.WriteAsync(frame.ToArray(), cancellation);
        }

        byte[] prefix = new byte[sizeof(int)];
        await FillAsync(stream, prefix, cancellation);
        int length = BinaryPrimitives.ReadInt32BigEndian(prefix);
        if (length is < sizeof(int) or > ResponseBytesMax)
        {
            throw new IOException($"a response claims {length} bytes");
        }

        byte[] body = new byte[length];
        await FillAsync(stream, body, cancellation);
        try
        {
            var reader = new WireReader(body);
            ResponseHeader.Read(ref reader, api.ResponseHeaderVersion(version));
            return TResponse.Read(ref reader, version);
        }
        catch (WireFormatException malformed)
        {
            throw new IOException($"the other broker's answer can't be read: {malformed.Message}", malformed);
        }
    }

    private static async ValueTask FillAsync(Stream stream, Memory<byte> into, CancellationToken cancellation)
    {
        while (!into.IsEmpty)
        {
            int read = await stream.ReadAsync(into, cancellation);
            into = read > 0 ? into[read..] : throw new IOException("the other broker has closed the connection");
        }
    }

    private static void Require(short error, string? message)
    {
        if (error != (short)KafkaError.None)
        {
            throw new IOException($"the other broker does not let this one in: {(KafkaError)error} {message}");
        }
    }
}
