using System.Collections.Immutable;

namespace PipeRoll.Broker.Groups.Consumer;

/// <summary>
/// Takes one member one step nearer to its target (KIP-848): first what must go is given up, then what is free is taken; the rest waits
/// until its owner has given it up. Pure but for the member.
/// </summary>
internal static class Reconciler
{
    /// <param name="owned">What the member says that it has; null when it did not say, and so has not given up anything.</param>
    /// <param name="isFree">Whether nobody else has the partition.</param>
    /// <returns>Whether anything of the member has changed.</returns>
    public static bool Step(
        ConsumerMember member, int targetEpoch, IReadOnlyCollection<TopicIdPartition>? owned, Func<TopicIdPartition, bool> isFree)
    {
        switch (member.State)
        {
            case MemberState.Stable when member.Epoch == targetEpoch:
                return false;
            case MemberState.UnrevokedPartitions when Owns(owned, member.PendingRevocation):
                return false;
            default:
                return Next(member, targetEpoch, owned, isFree);
        }
    }

    /// <summary>Whether the member would get something new, or be asked for something, if it took its next step now.</summary>
    public static bool IsDue(ConsumerMember member, int targetEpoch, Func<TopicIdPartition, bool> isFree) => member.State switch
    {
        MemberState.Stable => member.Epoch != targetEpoch,
        MemberState.UnrevokedPartitions => true,
        _ => member.Epoch != targetEpoch || member.Target.Any(partition => !member.Assigned.ContainsKey(partition) && isFree(partition)),
    };

    private static bool Next(
        ConsumerMember member, int targetEpoch, IReadOnlyCollection<TopicIdPartition>? owned, Func<TopicIdPartition, bool> isFree)
    {
        var kept = member.Assigned.Where(entry => member.Target.Contains(entry.Key)).ToImmutableSortedDictionary();
        ImmutableSortedSet<TopicIdPartition> revoked = [.. member.Assigned.Keys.Where(partition => !member.Target.Contains(partition))];
        if (!revoked.IsEmpty && Owns(owned, revoked))
        {
            return Apply(member, member.Epoch, MemberState.UnrevokedPartitions, kept, revoked);
        }

        bool isWaiting = false;
        foreach (TopicIdPartition partition in member.Target)
        {
            if (kept.ContainsKey(partition))
            {
                continue;
            }

            if (isFree(partition))
            {
                kept = kept.Add(partition, targetEpoch);
            }
            else
            {
                isWaiting = true;
            }
        }

        return Apply(member, targetEpoch, isWaiting ? MemberState.UnreleasedPartitions : MemberState.Stable, kept, []);
    }

    private static bool Owns(IReadOnlyCollection<TopicIdPartition>? owned, ImmutableSortedSet<TopicIdPartition> any) =>
        !any.IsEmpty && (owned is null || owned.Any(any.Contains));

    private static bool Apply(
        ConsumerMember member, int epoch, MemberState state, ImmutableSortedDictionary<TopicIdPartition, int> assigned,
        ImmutableSortedSet<TopicIdPartition> pending)
    {
        bool changes = member.Epoch != epoch || member.State != state || !pending.SetEquals(member.PendingRevocation)
            || assigned.Count != member.Assigned.Count || assigned.Keys.Any(partition => !member.Assigned.ContainsKey(partition));
        if (member.Epoch != epoch)
        {
            member.PreviousEpoch = Math.Max(member.Epoch, 0);
            member.Epoch = epoch;
        }

        member.State = state;
        if (assigned.Count != member.Assigned.Count || assigned.Keys.Any(partition => !member.Assigned.ContainsKey(partition)))
        {
            member.Assigned = assigned;
        }

        member.PendingRevocation = pending;
        return changes;
    }
}
