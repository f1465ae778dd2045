using System.Collections.Concurrent;
using PipeRoll.Broker.Configs;
using PipeRoll.Broker.Partitions;
using PipeRoll.Foundation.Scheduling;
using PipeRoll.Streams.Metadata;
using PipeRoll.Wire;

namespace PipeRoll.Broker.Topics;

/// <summary>How a change of topics ended.</summary>
/// <param name="Topic">The topic as it is now; null on error.</param>
internal readonly record struct TopicChange(KafkaError Error, string? Message, Topic? Topic)
{
    public static TopicChange Done(Topic topic) => new(KafkaError.None, null, topic);

    public static TopicChange Refused(KafkaError error, string message) => new(error, message, null);
}

/// <summary>
/// All topics: an image in memory of the catalog, which every change goes through first.
/// </summary>
/// <remarks>
/// Owner: the broker. Reads from any thread, without waiting; changes one at a time. Failure: a change that the catalog
/// did not take leaves the image as it was.
/// </remarks>
internal sealed class TopicDirectory : IDisposable
{
    private readonly ConcurrentDictionary<string, Topic> _byName = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<Guid, Topic> _byId = new();
    private readonly ConcurrentDictionary<string, string> _collisions = new(StringComparer.Ordinal);
    private readonly SemaphoreSlim _changes = new(1);
    private readonly BrokerOptions _options;
    private readonly ITopicCatalog _catalog;
    private readonly PartitionRegistry _registry;
    private readonly Func<Guid> _newId;

    public TopicDirectory(BrokerOptions options, ITopicCatalog catalog, PartitionRegistry registry, Func<Guid> newId)
    {
        _options = options;
        _catalog = catalog;
        _registry = registry;
        _newId = newId;
    }

    /// <summary>A topic was taken away. Called before the change is answered; must be quick and must not throw.</summary>
    public event Action<Topic>? Deleted;

    public int Count => _byName.Count;

    public IEnumerable<Topic> All => _byName.Values;

    public IEnumerable<Partition> Partitions => _byName.Values.SelectMany(topic => topic.Partitions);

    public Topic? Find(string name) => _byName.GetValueOrDefault(name);

    public Topic? Find(Guid id) => _byId.GetValueOrDefault(id);

    public Partition? Find(string name, int partition) => Find(name)?.Partition(partition);

    /// <summary>Reads the catalog and has every partition opened, in the background.</summary>
    public async ValueTask LoadAsync(CancellationToken cancellation)
    {
        foreach (TopicRecord record in await _catalog.ListTopicsAsync(cancellation))
        {
            Publish(record, []);
        }
    }

    /// <param name="configs">Already validated, names and values.</param>
    public async ValueTask<TopicChange> CreateAsync(
        string name, int partitions, IReadOnlyDictionary<string, string> configs, bool isInternal, string principal,
        CancellationToken cancellation)
    {
        await _changes.EnterAsync(cancellation);
        try
        {
            if (TopicRules.RefuseName(this, name) is { } refused)
            {
                return refused;
            }

            (CatalogError error, TopicRecord? record) =
                await _catalog.CreateTopicAsync(_newId(), name, partitions, configs, isInternal, principal, cancellation: cancellation);
            return error == CatalogError.None
                ? TopicChange.Done(Publish(record!, []))
                : Refused(error, name);
        }
        finally
        {
            _changes.Release();
        }
    }

    /// <summary>The topic, made now if it was not there: for topics that the broker itself lives on.</summary>
    public async ValueTask<TopicChange> EnsureInternalAsync(
        string name, int partitions, IReadOnlyDictionary<string, string> configs, CancellationToken cancellation)
    {
        if (Find(name) is { } there)
        {
            return TopicChange.Done(there);
        }

        TopicChange change = await CreateAsync(name, partitions, configs, isInternal: true, "User:broker", cancellation);
        return change.Error == KafkaError.TopicAlreadyExists && Find(name) is { } made ? TopicChange.Done(made) : change;
    }

    public async ValueTask<TopicChange> AddPartitionsAsync(string name, int newTotal, string principal, CancellationToken cancellation)
    {
        await _changes.EnterAsync(cancellation);
        try
        {
            (CatalogError error, TopicRecord? record) =
                await _catalog.CreatePartitionsAsync(name, newTotal, principal, cancellation: cancellation);
            return error == CatalogError.None
                ? TopicChange.Done(Publish(record!, Find(name)?.Partitions ?? []))
                : Refused(error, name);
        }
        finally
        {
            _changes.Release();
        }
    }

    public async ValueTask<TopicChange> SetConfigsAsync(
        string name, Func<Topic, IReadOnlyDictionary<string, string>> change, string principal, CancellationToken cancellation)
    {
        await _changes.EnterAsync(cancellation);
        try
        {
            if (Find(name) is not { } topic)
            {
                return Refused(CatalogError.NotFound, name);
            }

            (CatalogError error, TopicRecord? record) =
                await _catalog.SetTopicConfigsAsync(name, change(topic), principal, cancellation);
            return error == CatalogError.None ? TopicChange.Done(Publish(record!, topic.Partitions)) : Refused(error, name);
        }
        finally
        {
            _changes.Release();
        }
    }

    /// <summary>Takes the topic away; its records are deleted in the background of the store.</summary>
    public async ValueTask<TopicChange> DeleteAsync(string name, string principal, CancellationToken cancellation)
    {
        await _changes.EnterAsync(cancellation);
        try
        {
            (CatalogError error, _) = await _catalog.DeleteTopicAsync(name, principal, cancellation);
            if (error != CatalogError.None || !_byName.TryRemove(name, out Topic? topic))
            {
                return Refused(error == CatalogError.None ? CatalogError.NotFound : error, name);
            }

            _byId.TryRemove(topic.Id, out _);
            _collisions.TryRemove(TopicNames.CollisionKey(name), out _);
            foreach (Partition partition in topic.Partitions)
            {
                await _registry.DestroyAsync(partition, cancellation);
            }

            Deleted?.Invoke(topic);
            return TopicChange.Done(topic);
        }
        finally
        {
            _changes.Release();
        }
    }

    /// <returns>Another topic whose name differs only in '.' and '_', or null.</returns>
    public string? Colliding(string name) =>
        _collisions.TryGetValue(TopicNames.CollisionKey(name), out string? other) && other != name ? other : null;

    public void Dispose() => _changes.Dispose();

    private Topic Publish(TopicRecord record, IReadOnlyList<Partition> existing)
    {
        TopicSettings settings = TopicSettings.Of(record.Configs, _options.TopicDefaults);
        var partitions = new Partition[record.Partitions.Count];
        for (int index = 0; index < partitions.Length; index++)
        {
            if (index < existing.Count)
            {
                partitions[index] = existing[index];
                partitions[index].Settings = settings;
                continue;
            }

            var identity = new PartitionIdentity(record.Name, record.Id, index, record.Partitions[index]);
            partitions[index] = new Partition(identity, settings, _registry);
        }

        var topic = new Topic(record.Id, record.Name, record.IsInternal, record.Configs, settings, partitions);
        _byName[topic.Name] = topic;
        _byId[topic.Id] = topic;
        _collisions[TopicNames.CollisionKey(topic.Name)] = topic.Name;
        foreach (Partition partition in partitions)
        {
            _registry.RequestOpen(partition);
        }

        return topic;
    }

    private static TopicChange Refused(CatalogError error, string name) => error switch
    {
        CatalogError.AlreadyExists => TopicChange.Refused(KafkaError.TopicAlreadyExists, $"Topic '{name}' already exists."),
        CatalogError.NotFound => TopicChange.Refused(KafkaError.UnknownTopicOrPartition, $"Topic '{name}' does not exist."),
        _ => TopicChange.Refused(KafkaError.InvalidPartitions, $"Topic '{name}' has as many partitions already."),
    };
}
