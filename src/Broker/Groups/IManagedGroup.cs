using PipeRoll.Broker.Groups.Consumer;
using PipeRoll.Broker.Groups.Offsets;

namespace PipeRoll.Broker.Groups;

/// <summary>A group whose partitions the coordinator assigns: of consumers (KIP-848), or a share group (KIP-932).</summary>
/// <remarks>Owner: one GroupLoop, under its lock; see <see cref="ConsumerGroupState"/>.</remarks>
internal interface IManagedGroup
{
    /// <summary>One of <see cref="GroupTypes"/>.</summary>
    string Type { get; }

    /// <summary>What ListGroups shows as the protocol type.</summary>
    string ProtocolType { get; }

    string StateName { get; }

    int Epoch { get; }

    int MemberCount { get; }

    long Bytes { get; }

    /// <summary><see cref="long.MaxValue"/> when nothing is awaited.</summary>
    long NextDeadlineMs { get; }

    ConsumerJournal Journal { get; }

    void Tick(long nowMs);

    /// <summary>What is to be written of what the journal names.</summary>
    IReadOnlyList<GroupLogRecord> Records(ConsumerJournal journal);

    /// <summary>What deletes the group.</summary>
    IReadOnlyList<GroupLogRecord> Tombstones(Committer? by);
}
