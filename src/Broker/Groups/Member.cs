using System.Collections.Immutable;

namespace PipeRoll.Broker.Groups;

/// <summary>One member of a classic group.</summary>
/// <remarks>Owner: <see cref="MemberTable"/>, which alone changes what it counts (protocols, tickets, assignment).</remarks>
internal sealed class Member(string id, string? instanceId, string clientId, string clientHost)
{
    /// <summary>"No deadline": nothing is expected of the member.</summary>
    public const long Never = long.MaxValue;

    /// <summary>Changes when a static member comes back under a new id.</summary>
    public string Id { get; set; } = id;

    public string? InstanceId { get; } = instanceId;

    public string ClientId { get; } = clientId;

    public string ClientHost { get; } = clientHost;

    public int RebalanceTimeoutMs { get; set; }

    public int SessionTimeoutMs { get; set; }

    /// <summary>In the member's order of preference.</summary>
    public ImmutableArray<GroupProtocol> Protocols { get; set; } = [];

    /// <summary>Each name once: a client may repeat itself, and is still one vote.</summary>
    public IEnumerable<string> OfferedNames => Protocols.Select(static offer => offer.Name).Distinct(StringComparer.Ordinal);

    public ReadOnlyMemory<byte> Assignment { get; set; }

    /// <summary>Its first join has not been answered yet: it can't heartbeat, since it does not know its id.</summary>
    public bool IsNew { get; set; }

    public long? JoinTicket { get; set; }

    public long? SyncTicket { get; set; }

    public long SessionDeadlineMs { get; set; } = Never;

    public bool IsStatic => InstanceId is not null;

    public bool IsAwaitingJoin => JoinTicket is not null;

    /// <summary>Whoever waits for us in a rebalance need not heartbeat; a new member may still be given up on.</summary>
    public bool IsExcusedFromHeartbeat => !IsNew && (JoinTicket is not null || SyncTicket is not null);

    public void RestartSession(long nowMs) => SessionDeadlineMs = nowMs + SessionTimeoutMs;

    public bool Offers(IReadOnlyList<GroupProtocol> protocols)
    {
        if (protocols.Count != Protocols.Length)
        {
            return false;
        }

        for (int index = 0; index < protocols.Count; index++)
        {
            if (!protocols[index].SameAs(Protocols[index]))
            {
                return false;
            }
        }

        return true;
    }

    public ReadOnlyMemory<byte> MetadataFor(string protocolName)
    {
        foreach (GroupProtocol protocol in Protocols)
        {
            if (protocol.Name == protocolName)
            {
                return protocol.Metadata;
            }
        }

        throw new InvalidOperationException($"member {Id} does not offer the group's protocol {protocolName}");
    }

    public MemberSnapshot Snapshot(string? protocolName, ReadOnlyMemory<byte> assignment) => new(
        Id, InstanceId, ClientId, ClientHost, RebalanceTimeoutMs, SessionTimeoutMs,
        protocolName is null ? default : MetadataFor(protocolName), assignment);
}
