using PipeRoll.Streams;
using PipeRoll.Streams.Metadata;

namespace PipeRoll.Broker.Tests.Support;

/// <summary>A topic catalog in memory; outlives the brokers of a test as a database does.</summary>
internal sealed class MemoryTopicCatalog : ITopicCatalog
{
    public const string ClusterId = "q1Zg8dYfRfiJ0m4n7s2vQA";

    private readonly Lock _gate = new();
    private readonly Dictionary<string, TopicRecord> _topics = [];
    private long _nextStream = 1;

    /// <summary>Told of each topic as it is after a change, with the owners of what was added; before the change is answered.</summary>
    public Action<TopicRecord, IReadOnlyList<BrokerEpoch>?> Changed { get; set; } = static (_, _) => { };

    /// <summary>A change of a topic's configs has come as far as the catalog.</summary>
    public Action<string> SettingConfigs { get; set; } = static _ => { };
    private long _nextProducerId;

    public ValueTask<IReadOnlyList<TopicRecord>> ListTopicsAsync(CancellationToken cancellation = default)
    {
        lock (_gate)
        {
            return ValueTask.FromResult<IReadOnlyList<TopicRecord>>([.. _topics.Values]);
        }
    }

    public ValueTask<(CatalogError Error, TopicRecord? Topic)> CreateTopicAsync(
        Guid id, string name, int partitions, IReadOnlyDictionary<string, string> configs, bool isInternal, string principal,
        IReadOnlyList<BrokerEpoch>? owners = null, CancellationToken cancellation = default)
    {
        lock (_gate)
        {
            return _topics.ContainsKey(name)
                ? Answer(CatalogError.AlreadyExists, null)
                : Store(new TopicRecord(id, name, NewStreams(partitions), configs, isInternal), owners);
        }
    }

    public ValueTask<(CatalogError Error, TopicRecord? Topic)> CreatePartitionsAsync(
        string name, int newTotal, string principal, IReadOnlyList<BrokerEpoch>? owners = null, CancellationToken cancellation = default) =>
        Change(name, topic => newTotal <= topic.Partitions.Count
            ? null
            : topic with { Partitions = [.. topic.Partitions, .. NewStreams(newTotal - topic.Partitions.Count)] }, owners);

    public ValueTask<(CatalogError Error, TopicRecord? Topic)> DeleteTopicAsync(
        string name, string principal, CancellationToken cancellation = default)
    {
        lock (_gate)
        {
            return _topics.Remove(name, out TopicRecord? topic) ? Answer(CatalogError.None, topic) : Answer(CatalogError.NotFound, null);
        }
    }

    public ValueTask<(CatalogError Error, TopicRecord? Topic)> SetTopicConfigsAsync(
        string name, IReadOnlyDictionary<string, string> configs, string principal, IReadOnlyDictionary<string, string>? before = null,
        CancellationToken cancellation = default)
    {
        SettingConfigs(name);
        lock (_gate)
        {
            return before is not null && _topics.TryGetValue(name, out TopicRecord? topic) && !IsSame(before, topic.Configs)
                ? Answer(CatalogError.Conflict, topic)
                : Change(name, topic => topic with { Configs = configs });
        }
    }

    private readonly Dictionary<(string Kind, string Entity), ConfigRecord> _configs = [];

    public ValueTask<IReadOnlyList<ConfigRecord>> ListConfigsAsync(CancellationToken cancellation = default)
    {
        lock (_gate)
        {
            return ValueTask.FromResult<IReadOnlyList<ConfigRecord>>([.. _configs.Values]);
        }
    }

    public ValueTask<(CatalogError Error, ConfigRecord Record)> SetConfigsAsync(
        ConfigRecord record, string principal, IReadOnlyDictionary<string, string> before, CancellationToken cancellation = default)
    {
        lock (_gate)
        {
            ConfigRecord present = _configs.GetValueOrDefault((record.Kind, record.Entity)) ?? record with { Values = new Dictionary<string, string>() };
            if (!IsSame(before, present.Values))
            {
                return ValueTask.FromResult((CatalogError.Conflict, present));
            }

            _configs[(record.Kind, record.Entity)] = record;
            return ValueTask.FromResult((CatalogError.None, record));
        }
    }

    public ValueTask<IReadOnlyDictionary<StreamId, long>> MeasureStreamsAsync(
        IReadOnlyList<StreamId> ids, CancellationToken cancellation = default) =>
        ValueTask.FromResult<IReadOnlyDictionary<StreamId, long>>(ids.ToDictionary(id => id, id => 1_000 * id.Value));

    public ValueTask<string> GetClusterIdAsync(CancellationToken cancellation = default) => ValueTask.FromResult(ClusterId);

    /// <summary>What asking for producer ids throws while it is set.</summary>
    public Exception? ProducerIdFailure { get; set; }

    public ValueTask<long> AllocateProducerIdsAsync(int count, CancellationToken cancellation = default)
    {
        if (ProducerIdFailure is { } failure)
        {
            throw failure;
        }

        lock (_gate)
        {
            long first = _nextProducerId;
            _nextProducerId += count;
            return ValueTask.FromResult(first);
        }
    }

    private ValueTask<(CatalogError Error, TopicRecord? Topic)> Change(
        string name, Func<TopicRecord, TopicRecord?> change, IReadOnlyList<BrokerEpoch>? owners = null)
    {
        lock (_gate)
        {
            if (!_topics.TryGetValue(name, out TopicRecord? topic))
            {
                return Answer(CatalogError.NotFound, null);
            }

            return change(topic) is { } changed ? Store(changed, owners) : Answer(CatalogError.Conflict, null);
        }
    }

    private static bool IsSame(IReadOnlyDictionary<string, string> one, IReadOnlyDictionary<string, string> other) =>
        one.OrderBy(c => c.Key, StringComparer.Ordinal).SequenceEqual(other.OrderBy(c => c.Key, StringComparer.Ordinal));

    private ValueTask<(CatalogError Error, TopicRecord? Topic)> Store(TopicRecord topic, IReadOnlyList<BrokerEpoch>? owners)
    {
        _topics[topic.Name] = topic;
        Changed(topic, owners);
        return Answer(CatalogError.None, topic);
    }

    private static ValueTask<(CatalogError Error, TopicRecord? Topic)> Answer(CatalogError error, TopicRecord? topic) =>
        ValueTask.FromResult((error, topic));

    private StreamId[] NewStreams(int count) => [.. Enumerable.Range(0, count).Select(_ => new StreamId(_nextStream++))];
}
