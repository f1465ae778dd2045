namespace PipeRoll.Broker.Security.Sasl;

/// <summary>Who somebody has proved to be.</summary>
/// <param name="Principal">Such as <c>User:alice</c>.</param>
/// <param name="Mechanism">How: a SASL mechanism, <c>SSL</c>, or <c>Basic</c> and <c>Bearer</c> over HTTP.</param>
/// <param name="ExpiresAtMs">When the proof is no good any more; <see cref="long.MaxValue"/> for never.</param>
/// <param name="IsByToken">By a delegation token, of which no further tokens are made.</param>
/// <param name="StillHolds">Whether it would still be believed, by what is known now.</param>
internal sealed record ProvenUser(
    string Principal, string Mechanism, long ExpiresAtMs, bool IsByToken, Func<SecurityImage, bool> StillHolds)
{
    public const string Certificate = "SSL";

    public bool IsByCertificate => Mechanism == Certificate;
}

/// <summary>What an exchange answers to one token.</summary>
/// <param name="Answer">The server's next token.</param>
/// <param name="User">Set when the exchange has ended well.</param>
/// <param name="Failure">Why it has failed, for the client; tells nothing that helps to guess.</param>
/// <param name="Detail">Why it has failed, for the audit.</param>
internal readonly record struct SaslStep(byte[] Answer, ProvenUser? User, string? Failure, string? Detail)
{
    public static SaslStep Continue(byte[] answer) => new(answer, null, null, null);

    public static SaslStep Done(byte[] answer, ProvenUser user) => new(answer, user, null, null);

    public static SaslStep Failed(string failure, string detail) => new([], null, failure, detail);
}

/// <summary>One authentication by one mechanism, token by token.</summary>
/// <remarks>Owner: a connection, which calls one step after the other. Failure: the exchange is over.</remarks>
internal abstract class SaslExchange(string mechanism)
{
    public string Mechanism => mechanism;

    /// <summary>Whom the client said it is, for the audit; empty before it did.</summary>
    public string ClaimedUser { get; protected set; } = "";

    public abstract ValueTask<SaslStep> NextAsync(ReadOnlyMemory<byte> token, CancellationToken cancellation);

    protected SaslStep Failed(string detail) => SaslStep.Failed(
        $"Authentication failed: the credentials are not right for SASL mechanism {mechanism}", detail);
}
