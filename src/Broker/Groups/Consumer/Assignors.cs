using System.Collections.Immutable;

namespace PipeRoll.Broker.Groups.Consumer;

/// <summary>A member as an assignor sees it.</summary>
/// <param name="Topics">What it subscribes to, of what there is.</param>
/// <param name="Current">Its target so far.</param>
internal sealed record AssigningMember(
    string Id, string? InstanceId, IReadOnlyList<TopicFacts> Topics, ImmutableSortedSet<TopicIdPartition> Current);

/// <summary>Divides the partitions of the subscribed topics among the members: each to at most one of those that subscribe to it. Pure.</summary>
internal interface IPartitionAssignor
{
    string Name { get; }

    /// <returns>One set per member, in the order of the members.</returns>
    ImmutableSortedSet<TopicIdPartition>[] Assign(IReadOnlyList<AssigningMember> members);
}

/// <summary>The assignors that members can ask for by name.</summary>
internal static class Assignors
{
    private static readonly IPartitionAssignor[] All = [new UniformAssignor(), new RangeAssignor()];

    public static IPartitionAssignor Default => All[0];

    public static string Names => string.Join(", ", All.Select(static assignor => assignor.Name));

    public static IPartitionAssignor? Find(string name) => Array.Find(All, assignor => assignor.Name == name);
}
