using System.Collections.Immutable;

namespace PipeRoll.Broker.Groups.Consumer;

/// <summary>As evenly as subscriptions allow, moving as little as that needs: what a member has stays, as long as nobody has two fewer.</summary>
internal sealed class UniformAssignor : IPartitionAssignor
{
    public string Name => "uniform";

    public ImmutableSortedSet<TopicIdPartition>[] Assign(IReadOnlyList<AssigningMember> members)
    {
        var run = new Run(members);
        run.KeepCurrent();
        run.GiveOutTheRest();
        run.Balance();
        return run.Result();
    }

    private sealed class Run
    {
        private readonly IReadOnlyList<AssigningMember> _members;
        private readonly SortedDictionary<Guid, List<int>> _subscribers = [];
        private readonly SortedDictionary<Guid, TopicFacts> _topics = [];
        private readonly SortedSet<TopicIdPartition>[] _assigned;
        private readonly Dictionary<TopicIdPartition, int> _owners = [];

        public Run(IReadOnlyList<AssigningMember> members)
        {
            _members = members;
            _assigned = [.. members.Select(static _ => new SortedSet<TopicIdPartition>())];
            for (int index = 0; index < members.Count; index++)
            {
                foreach (TopicFacts topic in members[index].Topics)
                {
                    _topics[topic.Id] = topic;
                    if (!_subscribers.TryGetValue(topic.Id, out List<int>? subscribers))
                    {
                        _subscribers.Add(topic.Id, subscribers = []);
                    }

                    subscribers.Add(index);
                }
            }
        }

        private bool IsUniform => _subscribers.Values.All(subscribers => subscribers.Count == _members.Count);

        /// <summary>What a member had and may have still, up to its share when all members are alike: what is above it moves in any case.</summary>
        public void KeepCurrent()
        {
            int partitions = _topics.Values.Sum(static topic => topic.Partitions);
            bool isUniform = IsUniform && _members.Count > 0;
            int share = isUniform ? partitions / _members.Count : int.MaxValue;
            int larger = isUniform ? partitions % _members.Count : 0;

            // Those who have most keep the larger shares.
            IEnumerable<int> order = Enumerable.Range(0, _members.Count).OrderByDescending(index => _members[index].Current.Count);
            foreach (int index in order)
            {
                int most = share;
                if (isUniform && larger > 0 && _members[index].Current.Count > share)
                {
                    most = share + 1;
                    larger--;
                }

                foreach (TopicIdPartition partition in _members[index].Current)
                {
                    if (_assigned[index].Count >= most)
                    {
                        break;
                    }

                    if (IsSubscribed(index, partition) && !_owners.ContainsKey(partition))
                    {
                        Give(partition, index);
                    }
                }
            }
        }

        public void GiveOutTheRest()
        {
            // Topics that few subscribe to first: what many may have fills the gaps.
            foreach (TopicFacts topic in _topics.Values.OrderBy(topic => _subscribers[topic.Id].Count))
            {
                PriorityQueue<int, (int Load, int Place)> byLoad = new();
                foreach (int index in _subscribers[topic.Id])
                {
                    byLoad.Enqueue(index, (_assigned[index].Count, index));
                }

                foreach (TopicIdPartition partition in topic.All)
                {
                    if (_owners.ContainsKey(partition))
                    {
                        continue;
                    }

                    int taker = byLoad.Dequeue();
                    Give(partition, taker);
                    byLoad.Enqueue(taker, (_assigned[taker].Count, taker));
                }
            }
        }

        /// <summary>Moves single partitions to whoever may have them and has at least two fewer, until there is nobody.</summary>
        public void Balance()
        {
            bool moved = true;
            while (moved)
            {
                moved = false;
                foreach ((Guid topic, List<int> subscribers) in _subscribers)
                {
                    int least = subscribers.MinBy(index => _assigned[index].Count);
                    for (int partition = 0; partition < _topics[topic].Partitions; partition++)
                    {
                        TopicIdPartition moving = new(topic, partition);
                        int owner = _owners[moving];
                        if (_assigned[owner].Count <= _assigned[least].Count + 1)
                        {
                            continue;
                        }

                        _assigned[owner].Remove(moving);
                        Give(moving, least);
                        moved = true;
                        least = subscribers.MinBy(index => _assigned[index].Count);
                    }
                }
            }
        }

        public ImmutableSortedSet<TopicIdPartition>[] Result() => [.. _assigned.Select(static set => set.ToImmutableSortedSet())];

        private bool IsSubscribed(int index, TopicIdPartition partition) =>
            _topics.TryGetValue(partition.Topic, out TopicFacts topic) && partition.Partition < topic.Partitions
            && _subscribers[partition.Topic].BinarySearch(index) >= 0;

        private void Give(TopicIdPartition partition, int index)
        {
            _assigned[index].Add(partition);
            _owners[partition] = index;
        }
    }
}
