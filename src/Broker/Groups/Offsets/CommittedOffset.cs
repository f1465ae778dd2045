using PipeRoll.Wire;

namespace PipeRoll.Broker.Groups.Offsets;

/// <summary>A partition as a group names it.</summary>
public readonly record struct GroupPartition(string Topic, int Partition);

/// <summary>How far a group has consumed a partition.</summary>
/// <param name="Offset">Of the next record to consume.</param>
/// <param name="LeaderEpoch">Of the last consumed record; -1 if the committer did not say.</param>
/// <param name="Metadata">The committer's own note.</param>
/// <param name="CommitTimestampMs">By the broker's clock, milliseconds since the Unix epoch.</param>
/// <param name="ExpireTimestampMs">Only of commits that asked for a time of their own (OffsetCommit v2 to v4); else -1.</param>
public sealed record CommittedOffset(
    long Offset, int LeaderEpoch, string Metadata, long CommitTimestampMs, long ExpireTimestampMs = -1);

/// <summary>What a group knows of a partition: nothing committed is null, without an error.</summary>
/// <param name="Error">UNSTABLE_OFFSET_COMMIT when a commit is on its way and the asker wants to wait for it.</param>
internal readonly record struct FetchedOffset(GroupPartition Partition, CommittedOffset? Committed, KafkaError Error);

public readonly record struct OffsetCommitEntry(GroupPartition Partition, CommittedOffset Offset);

/// <summary>Who commits: kept with the record, for it is evidence.</summary>
public readonly record struct Committer(string Principal, string ClientId);
