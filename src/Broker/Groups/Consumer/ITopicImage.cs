namespace PipeRoll.Broker.Groups.Consumer;

/// <summary>A partition as assignments name it.</summary>
internal readonly record struct TopicIdPartition(Guid Topic, int Partition) : IComparable<TopicIdPartition>
{
    public int CompareTo(TopicIdPartition other)
    {
        int byTopic = Topic.CompareTo(other.Topic);
        return byTopic != 0 ? byTopic : Partition.CompareTo(other.Partition);
    }
}

/// <summary>What a group needs to know of a topic.</summary>
internal readonly record struct TopicFacts(Guid Id, string Name, int Partitions)
{
    public IEnumerable<TopicIdPartition> All
    {
        get
        {
            Guid id = Id;
            return Enumerable.Range(0, Partitions).Select(index => new TopicIdPartition(id, index));
        }
    }
}

/// <summary>The topics that there are now. A seam: tests keep them in memory.</summary>
internal interface ITopicImage
{
    /// <summary>Another number whenever a topic has come, gone or grown.</summary>
    long Version { get; }

    IEnumerable<TopicFacts> All { get; }

    TopicFacts? Find(string name);

    TopicFacts? Find(Guid id);
}
