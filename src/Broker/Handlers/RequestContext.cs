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

    /// <summary>Who the client is, as Kafka prints principals. Nobody has to say who he is until security is on.</summary>
    public string Principal { get; init; } = "User:ANONYMOUS";

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

    /// <summary>
    /// Ends when every earlier request of the connection has been answered. A handler whose answer is large waits for
    /// it before it takes memory, so that a connection holds one such answer at a time.
    /// </summary>
    public Task WhenNextInLineAsync() => _turn.Task;

    internal void TakeTurn() => _turn.TrySetResult();
}
