using PipeRoll.Broker.Security;
using PipeRoll.Foundation.Buffers;
using PipeRoll.Wire;

namespace PipeRoll.Broker.Handlers;

/// <summary>Who is at the other end of a connection. The software fields are filled in by ApiVersions.</summary>
internal sealed class ClientIdentity(string connectionId, string remoteAddress)
{
    /// <summary>Unique among the broker's connections, for logs.</summary>
    public string ConnectionId { get; } = connectionId;

    /// <summary>IP address without port, as groups show it.</summary>
    public string RemoteAddress { get; } = remoteAddress;

    /// <summary>
    /// Who the client is, as Kafka prints principals. Set when it has authenticated; nobody has to while no user is defined.
    /// </summary>
    public string Principal { get; set; } = AclNames.Anonymous;

    /// <summary>How far it is with saying who it is.</summary>
    public ClientSession Session { get; } = new();

    public string SoftwareName { get; set; } = "unknown";

    public string SoftwareVersion { get; set; } = "unknown";
}

/// <summary>What a handler knows of a request besides its fields.</summary>
/// <remarks>Owner: the connection that read the request; it lives until the response was written.</remarks>
internal sealed class RequestContext
{
    private readonly TaskCompletionSource _turn = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public required ApiKey Api { get; init; }

    public required short Version { get; init; }

    public int CorrelationId { get; init; }

    public string? ClientId { get; init; }

    public required ClientIdentity Client { get; init; }

    /// <summary>What the request is checked with; open in tests that call a handler directly.</summary>
    public AccessGuard Guard { get; init; } = AccessGuard.Open;

    /// <summary>
    /// The bytes of the request, of which all byte fields are slices; null in tests that call a handler directly. Valid
    /// until the response was written: whoever keeps a slice longer takes a reference.
    /// </summary>
    public SharedBuffer? Buffer { get; init; }

    /// <summary>
    /// Cancelled when the peer is gone or the broker stops: nobody waits for the answer any more. For waits and reads; what
    /// changes something runs to its end.
    /// </summary>
    public CancellationToken Cancellation { get; init; }

    /// <summary>Set by a handler whose answer is not to be sent (Produce with acks=0).</summary>
    public bool SuppressResponse { get; set; }

    /// <summary>Set by a handler to have the connection closed instead of answered; says why, for the log.</summary>
    public string? CloseReason { get; set; }

    /// <summary>For how long the connection reads nothing more once this is answered; the answer says so where it can.</summary>
    public int ThrottleMs { get; private set; }

    /// <summary>A quota was exceeded; the longest of several waits counts.</summary>
    public void Throttle(int throttleMs) => ThrottleMs = Math.Max(ThrottleMs, throttleMs);

    /// <summary>Set by a handler after whose answer the connection is closed.</summary>
    public bool ClosesAfterAnswer { get; set; }

    /// <summary>
    /// Set by a handler before its first wait, to have nothing further read from the connection until this ends: what comes later must not
    /// overtake this request. It must end soon, and never fail.
    /// </summary>
    public Task? Hold { get; set; }

    /// <summary>
    /// Ends when every earlier request of the connection has been answered. A handler whose answer is large waits for
    /// it before it takes memory, so that a connection holds one such answer at a time.
    /// </summary>
    public Task WhenNextInLineAsync() => _turn.Task;

    /// <summary>
    /// Whether the client may do this; a no is an audit event. Asked before anything else is told of the resource.
    /// </summary>
    public bool Allows(AclOperation operation, ResourceType type, string name) =>
        Guard.Allows(Client, Api, operation, type, name, isAudited: true);

    public bool AllowsOnCluster(AclOperation operation) => Allows(operation, ResourceType.Cluster, AclNames.Cluster);

    /// <summary>Whether the client gets to see this: for lists that leave out, in silence, what one may not know of.</summary>
    public bool MaySee(AclOperation operation, ResourceType type, string name) =>
        Guard.Allows(Client, Api, operation, type, name, isAudited: false);

    /// <summary><see cref="MaySee"/> by name, for longer than the request lasts.</summary>
    public Func<string, bool> WhatMayBeSeen(AclOperation operation, ResourceType type)
    {
        (AccessGuard guard, ClientIdentity client, ApiKey api) = (Guard, Client, Api);
        return name => guard.Allows(client, api, operation, type, name, isAudited: false);
    }

    /// <summary>Bits of what the client may do to the resource (KIP-430).</summary>
    public int AuthorizedOperations(ResourceType type, string name)
    {
        int bits = 0;
        foreach (AclOperation operation in Security.AuthorizedOperations.Of(type))
        {
            bits |= MaySee(operation, type, name) ? 1 << (int)operation : 0;
        }

        return bits;
    }

    internal void TakeTurn() => _turn.TrySetResult();
}
