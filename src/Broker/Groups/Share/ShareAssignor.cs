using System.Collections.Immutable;
using PipeRoll.Broker.Groups.Consumer;

namespace PipeRoll.Broker.Groups.Share;

/// <summary>
/// Gives every subscribed partition to at least one member, and every member at least one partition of each topic it subscribes to: where
/// there are more members than partitions, several share one. Pure.
/// </summary>
internal static class ShareAssignor
{
    public const string Name = "simple";

    /// <returns>One set per member, in the order of the members.</returns>
    public static ImmutableSortedSet<TopicIdPartition>[] Assign(IReadOnlyList<IReadOnlyList<TopicFacts>> subscriptions)
    {
        var assigned = subscriptions.Select(static _ => ImmutableSortedSet.CreateBuilder<TopicIdPartition>()).ToArray();
        SortedDictionary<Guid, (TopicFacts Topic, List<int> Members)> topics = [];
        for (int index = 0; index < subscriptions.Count; index++)
        {
            foreach (TopicFacts topic in subscriptions[index])
            {
                if (!topics.TryGetValue(topic.Id, out (TopicFacts Topic, List<int> Members) entry))
                {
                    topics.Add(topic.Id, entry = (topic, []));
                }

                entry.Members.Add(index);
            }
        }

        // Each topic begins at another member, so that small topics do not all fall to the first ones.
        int turn = 0;
        foreach ((TopicFacts topic, List<int> members) in topics.Values)
        {
            for (int place = 0; place < Math.Max(topic.Partitions, members.Count) && topic.Partitions > 0; place++)
            {
                int member = members[(turn + place) % members.Count];
                assigned[member].Add(new TopicIdPartition(topic.Id, place % topic.Partitions));
            }

            turn += topic.Partitions;
        }

        return [.. assigned.Select(static set => set.ToImmutable())];
    }
}
