using PipeRoll.Broker.Groups.Consumer;

namespace PipeRoll.Broker.Tests.Groups.Consumer;

/// <summary>Topics that a test makes, lets grow and takes away. Ids come from the names.</summary>
internal sealed class MemoryTopicImage : ITopicImage
{
    private readonly SortedDictionary<string, TopicFacts> _topics = new(StringComparer.Ordinal);

    public long Version { get; private set; }

    public IEnumerable<TopicFacts> All => _topics.Values;

    public TopicFacts? Find(string name) => _topics.TryGetValue(name, out TopicFacts topic) ? topic : null;

    public TopicFacts? Find(Guid id) => _topics.Values.Where(topic => topic.Id == id).Select(static topic => (TopicFacts?)topic).FirstOrDefault();

    public TopicFacts Put(string name, int partitions)
    {
        Version++;
        return _topics[name] = new TopicFacts(IdOf(name), name, partitions);
    }

    public void Remove(string name)
    {
        Version++;
        _topics.Remove(name);
    }

    private static Guid IdOf(string name)
    {
        byte[] bytes = new byte[16];
        System.Text.Encoding.UTF8.GetBytes(name.AsSpan(0, Math.Min(name.Length, 16)), bytes);
        return new Guid(bytes);
    }
}
