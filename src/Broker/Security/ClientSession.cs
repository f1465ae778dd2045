using PipeRoll.Broker.Security.Sasl;

namespace PipeRoll.Broker.Security;

/// <summary>How far a connection is with saying who is at its other end.</summary>
/// <remarks>
/// Owner: the connection's read loop and the handlers that it starts one after the other; a client that sends more while an
/// authentication is under way is not authenticated yet, and closed.
/// </remarks>
internal sealed class ClientSession
{
    /// <summary>Null before an authentication has ended well.</summary>
    public ProvenUser? User { get; private set; }

    /// <summary>When the client must have authenticated again; <see cref="long.MaxValue"/> for never.</summary>
    public long ExpiresAtMs { get; private set; } = long.MaxValue;

    /// <summary>Chosen by SaslHandshake and not yet at its end.</summary>
    public SaslExchange? Exchange { get; set; }

    /// <summary>The tokens of the exchange come as bare frames: SaslHandshake version 0.</summary>
    public bool HasBareTokens { get; set; }

    /// <summary>The image by which <see cref="User"/> was found to hold last.</summary>
    public SecurityImage? CheckedBy { get; set; }

    public bool IsAuthenticated => User is not null;

    public void Begin(ProvenUser user, long expiresAtMs, SecurityImage checkedBy)
    {
        User = user;
        ExpiresAtMs = expiresAtMs;
        CheckedBy = checkedBy;
        Exchange = null;
        HasBareTokens = false;
    }
}
