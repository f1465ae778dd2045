using PipeRoll.Broker.Topics;

namespace PipeRoll.Broker.Groups.Consumer;

/// <summary>The topics of the broker's directory. Any thread.</summary>
internal sealed class DirectoryTopicImage(TopicDirectory topics) : ITopicImage
{
    public long Version => topics.Version;

    public IEnumerable<TopicFacts> All => topics.All.Select(FactsOf);

    public TopicFacts? Find(string name) => topics.Find(name) is { } topic ? FactsOf(topic) : null;

    public TopicFacts? Find(Guid id) => topics.Find(id) is { } topic ? FactsOf(topic) : null;

    private static TopicFacts FactsOf(Topic topic) => new(topic.Id, topic.Name, topic.Partitions.Count);
}
