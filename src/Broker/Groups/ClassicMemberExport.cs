using System.Collections.Immutable;

namespace PipeRoll.Broker.Groups;

/// <summary>A member that speaks the classic protocol, as it goes from a group of one kind to a group of the other.</summary>
/// <param name="Assignment">Kafka's ConsumerProtocolAssignment behind its version, or empty.</param>
internal sealed record ClassicMemberExport(
    string MemberId,
    string? InstanceId,
    string ClientId,
    string ClientHost,
    int RebalanceTimeoutMs,
    int SessionTimeoutMs,
    ImmutableArray<GroupProtocol> Protocols,
    ReadOnlyMemory<byte> Assignment);
