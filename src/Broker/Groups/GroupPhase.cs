namespace PipeRoll.Broker.Groups;

/// <summary>Where a classic group stands; the names are those that DescribeGroups and ListGroups show.</summary>
public enum GroupPhase
{
    /// <summary>No members; offsets may be kept.</summary>
    Empty,

    /// <summary>Waiting for every known member to join the next generation.</summary>
    PreparingRebalance,

    /// <summary>The generation is fixed; waiting for the leader's assignment.</summary>
    CompletingRebalance,

    /// <summary>Every member has its assignment.</summary>
    Stable,

    /// <summary>Deleted: whoever still holds the object must look the group up again.</summary>
    Dead,
}
