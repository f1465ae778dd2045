using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace PipeRoll.Broker.Security.Sasl;

/// <summary>Whom a client of SCRAM may turn out to be.</summary>
/// <param name="Credential">What it must know; made up for users that do not exist, so that nobody finds out who does.</param>
/// <param name="User">Null when nobody can be this user.</param>
internal readonly record struct ScramCandidate(ScramCredential Credential, ProvenUser? User);

/// <summary>Finds credentials for SCRAM: of users, of delegation tokens, and of brokers.</summary>
internal interface IScramUsers
{
    ScramCandidate Find(ScramMechanism mechanism, string user, bool isToken);
}

/// <summary>
/// SCRAM (RFC 5802, RFC 7677), the server's side: two tokens of the client, two answers. Channel binding is not offered. The extension
/// <c>tokenauth=true</c> is Kafka's: user and password are a delegation token's id and secret.
/// </summary>
internal sealed class ScramExchange(ScramMechanism mechanism, IScramUsers users, string serverNonce) : SaslExchange(Scram.NameOf(mechanism))
{
    private string _gs2Header = "";
    private string _nonce = "";
    private string _clientFirstBare = "";
    private string _serverFirst = "";
    private ScramCandidate _candidate;
    private State _state;

    private enum State
    {
        First,
        Final,
        Over,
    }

    public override ValueTask<SaslStep> NextAsync(ReadOnlyMemory<byte> token, CancellationToken cancellation)
    {
        string text = Encoding.UTF8.GetString(token.Span);
        State state = _state;
        _state = state == State.First ? State.Final : State.Over;
        return ValueTask.FromResult(state switch
        {
            State.First => First(text),
            State.Final => Final(text),
            _ => Failed("a token came after the last one"),
        });
    }

    private SaslStep First(string text)
    {
        // gs2-cbind-flag "," [ "a=" authzid ] "," "n=" user "," "r=" nonce [ "," extensions ]
        string[] parts = text.Split(',');
        if (parts.Length < 4 || parts[0] is not ("n" or "y") || !parts[2].StartsWith("n=", StringComparison.Ordinal)
            || !parts[3].StartsWith("r=", StringComparison.Ordinal) || parts[3].Length == 2 || !TryDecodeName(parts[2][2..], out string? user))
        {
            return Failed("the first token is malformed, or asks for channel binding");
        }

        ClaimedUser = user;
        if (parts[1].Length > 0 && (!parts[1].StartsWith("a=", StringComparison.Ordinal)
            || !TryDecodeName(parts[1][2..], out string? authorization) || authorization != user))
        {
            return Failed("the client wants to act for another user");
        }

        _gs2Header = $"{parts[0]},{parts[1]},";
        _clientFirstBare = text[_gs2Header.Length..];
        _nonce = parts[3][2..] + serverNonce;
        _candidate = users.Find(mechanism, user, parts.AsSpan(4).Contains("tokenauth=true"));
        ScramCredential credential = _candidate.Credential;
        _serverFirst = string.Create(
            CultureInfo.InvariantCulture, $"r={_nonce},s={Convert.ToBase64String(credential.Salt)},i={credential.Iterations}");
        return SaslStep.Continue(Encoding.UTF8.GetBytes(_serverFirst));
    }

    private SaslStep Final(string text)
    {
        // "c=" base64(gs2 header) "," "r=" nonce [ "," extensions ] "," "p=" base64(proof)
        int proofAt = text.LastIndexOf(",p=", StringComparison.Ordinal);
        if (proofAt < 0)
        {
            return Failed("the last token has no proof");
        }

        string withoutProof = text[..proofAt];
        string[] parts = withoutProof.Split(',');
        ScramCredential credential = _candidate.Credential;
        byte[] proof = new byte[Scram.HashBytes(mechanism)];
        // librdkafka before 2.6.1 sends its own nonce twice before the server's, and Kafka looks at the end alone: the proof is over all of it.
        if (parts.Length < 2 || parts[0] != "c=" + Convert.ToBase64String(Encoding.UTF8.GetBytes(_gs2Header))
            || !parts[1].StartsWith("r=", StringComparison.Ordinal) || !parts[1].EndsWith(_nonce, StringComparison.Ordinal)
            || !Convert.TryFromBase64String(text[(proofAt + 3)..], proof, out int bytes) || bytes != proof.Length)
        {
            return Failed("the last token is malformed or belongs to another exchange");
        }

        byte[] authMessage = Encoding.UTF8.GetBytes($"{_clientFirstBare},{_serverFirst},{withoutProof}");
        byte[] clientKey = Scram.Hmac(mechanism, credential.StoredKey, authMessage);
        for (int at = 0; at < clientKey.Length; at++)
        {
            clientKey[at] ^= proof[at];
        }

        bool isRight = CryptographicOperations.FixedTimeEquals(Scram.Hash(mechanism, clientKey), credential.StoredKey);
        if (!isRight || _candidate.User is not { } user)
        {
            return Failed("unknown user or wrong password");
        }

        string signature = Convert.ToBase64String(Scram.Hmac(mechanism, credential.ServerKey, authMessage));
        return SaslStep.Done(Encoding.UTF8.GetBytes($"v={signature}"), user);
    }

    /// <summary>In names ',' is written =2C and '=' =3D, and nothing else begins with '='.</summary>
    private static bool TryDecodeName(string text, [NotNullWhen(true)] out string? name)
    {
        name = text.Replace("=2C", ",", StringComparison.Ordinal).Replace("=3D", "=", StringComparison.Ordinal);
        int escapes = text.Split("=2C").Length + text.Split("=3D").Length - 2;
        return text.Length > 0 && text.Count(letter => letter == '=') == escapes;
    }
}
