using System.Collections.Immutable;

namespace PipeRoll.Broker.Groups.Consumer;

/// <summary>
/// Consecutive partitions of each topic to each of its subscribers, by member order: members that subscribe to the same topics get the same
/// partition numbers of each, so that equal keys of several topics meet.
/// </summary>
/// <remarks>Static members come first, by instance id: they keep their ranges when they come back under another member id.</remarks>
internal sealed class RangeAssignor : IPartitionAssignor
{
    public string Name => "range";

    public ImmutableSortedSet<TopicIdPartition>[] Assign(IReadOnlyList<AssigningMember> members)
    {
        int[] order =
        [
            .. Enumerable.Range(0, members.Count)
                .OrderBy(index => members[index].InstanceId is null)
                .ThenBy(index => members[index].InstanceId ?? members[index].Id, StringComparer.Ordinal),
        ];
        var assigned = new ImmutableSortedSet<TopicIdPartition>.Builder[members.Count];
        Dictionary<Guid, (TopicFacts Topic, List<int> Subscribers)> topics = [];
        foreach (int index in order)
        {
            assigned[index] = ImmutableSortedSet.CreateBuilder<TopicIdPartition>();
            foreach (TopicFacts topic in members[index].Topics)
            {
                if (!topics.TryGetValue(topic.Id, out (TopicFacts Topic, List<int> Subscribers) entry))
                {
                    topics.Add(topic.Id, entry = (topic, []));
                }

                entry.Subscribers.Add(index);
            }
        }

        foreach ((TopicFacts topic, List<int> subscribers) in topics.Values)
        {
            int next = 0;
            for (int place = 0; place < subscribers.Count; place++)
            {
                int share = (topic.Partitions / subscribers.Count) + (place < topic.Partitions % subscribers.Count ? 1 : 0);
                for (int end = next + share; next < end; next++)
                {
                    assigned[subscribers[place]].Add(new TopicIdPartition(topic.Id, next));
                }
            }
        }

        return [.. assigned.Select(static set => set.ToImmutable())];
    }
}
