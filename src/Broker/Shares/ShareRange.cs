namespace PipeRoll.Broker.Shares;

/// <summary>A partition as a share group consumes it.</summary>
internal readonly record struct SharePartitionKey(string GroupId, Guid Topic, int Partition);

/// <summary>Where a record is on its way; the numbers are those of the stored records.</summary>
internal enum ShareRecordState : sbyte
{
    Available = 0,

    /// <summary>With a member, until its lock ends. Never stored: a restart ends all locks.</summary>
    Acquired = 1,
    Acknowledged = 2,

    /// <summary>Rejected, given out too often, or not there at all.</summary>
    Archived = 4,
}

/// <summary>What a member says of records that it had (KIP-932).</summary>
internal enum ShareAcknowledgement : sbyte
{
    Gap = 0,
    Accept = 1,
    Release = 2,
    Reject = 3,
}

/// <summary>Neighbouring records in the same state.</summary>
/// <param name="Deliveries">How often they were given out.</param>
/// <param name="MemberId">Who has them; null unless acquired.</param>
/// <param name="LockedUntilMs">Of acquired ones.</param>
internal readonly record struct ShareRange(
    long First, long Last, ShareRecordState State, int Deliveries, string? MemberId = null, long LockedUntilMs = long.MaxValue)
{
    public long Count => Last - First + 1;

    public bool IsDone => State is ShareRecordState.Acknowledged or ShareRecordState.Archived;

    public bool IsLike(in ShareRange other) =>
        State == other.State && Deliveries == other.Deliveries && MemberId == other.MemberId && LockedUntilMs == other.LockedUntilMs;
}

/// <summary>Records that a member got.</summary>
internal readonly record struct AcquiredRange(long First, long Last, int Deliveries);

/// <summary>Acknowledgements of neighbouring records: one for all, or one for each.</summary>
internal readonly record struct ShareAckBatch(long First, long Last, IReadOnlyList<sbyte> Types);

/// <summary>What is stored of a share partition.</summary>
/// <param name="StartOffset">Everything before is done with.</param>
/// <param name="Ranges">In order, from the start offset on; what is in none has not been given out.</param>
internal sealed record ShareSnapshot(int StateEpoch, long StartOffset, IReadOnlyList<ShareRange> Ranges);
