using System.Collections.Concurrent;
using PipeRoll.Broker.Cluster;
using PipeRoll.Broker.Configs;
using PipeRoll.Broker.Partitions;
using PipeRoll.Foundation.Scheduling;
using PipeRoll.Streams;
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

/// <summary>What the directory needs from outside.</summary>
/// <param name="Place">Who gets the partitions of a new topic, by index; null with the embedded default.</param>
/// <param name="CatchUp">
/// In a cluster: ends when the image of the cluster has everything that the metadata have now, or the image can't be had for a while.
/// </param>
internal sealed record TopicServices(
    BrokerOptions Options, ITopicCatalog Catalog, PartitionRegistry Registry, Func<Guid> NewId,
    Func<int, IReadOnlyList<BrokerEpoch>?> Place, Func<CancellationToken, ValueTask> CatchUp);

/// <summary>
/// All topics: an image in memory of the catalog, which every change goes through first. Changes that other brokers make come
/// through <see cref="ITopicHost"/>, and own ones do too, once more.
/// </summary>
/// <remarks>
/// Owner: the broker. Reads from any thread, without waiting; changes one at a time. Failure: a change that the catalog
/// did not take leaves the image as it was.
/// </remarks>
internal sealed partial class TopicDirectory : ITopicHost, IDisposable
{
    private readonly ConcurrentDictionary<string, Topic> _byName = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<StreamId, Partition> _byStream = new();
    private readonly ConcurrentDictionary<Guid, Topic> _byId = new();
    private readonly ConcurrentDictionary<string, string> _collisions = new(StringComparer.Ordinal);
    private readonly SemaphoreSlim _changes = new(1);
    private readonly TopicServices _services;
    private readonly Lock _publishing = new();
    private IReadOnlyDictionary<string, string> _defaults;
    private long _version;

    public TopicDirectory(TopicServices services)
    {
        _services = services;
        _defaults = services.Options.TopicDefaults;
    }

    /// <summary>A topic was taken away. Called before the change is answered; must be quick and must not throw.</summary>
    public event Action<Topic>? Deleted;

    public int Count => _byName.Count;

    /// <summary>Grows with every topic that comes, goes or changes.</summary>
    public long Version => Interlocked.Read(ref _version);

    public IEnumerable<Topic> All => _byName.Values;

    public IEnumerable<Partition> Partitions => _byName.Values.SelectMany(topic => topic.Partitions);

    public Topic? Find(string name) => _byName.GetValueOrDefault(name);

    public Topic? Find(Guid id) => _byId.GetValueOrDefault(id);

    public Partition? Find(string name, int partition) => Find(name)?.Partition(partition);

    public Partition? Find(StreamId stream) => _byStream.GetValueOrDefault(stream);

    /// <summary>What topics get that do not say otherwise, from now on; also those that are there.</summary>
    public void UseDefaults(IReadOnlyDictionary<string, string> defaults)
    {
        lock (_publishing)
        {
            _defaults = defaults;
            foreach (Topic topic in _byName.Values)
            {
                Keep(topic with { Settings = TopicSettings.Of(topic.Configs, defaults) });
            }
        }
    }

    /// <summary>Reads the catalog and has every partition opened, in the background.</summary>
    public async ValueTask LoadAsync(CancellationToken cancellation)
    {
        foreach (TopicRecord record in await _services.Catalog.ListTopicsAsync(cancellation))
        {
            Publish(record, []);
        }
    }

    /// <param name="configs">Already validated, names and values.</param>
    /// <param name="owners">Who gets each partition; null leaves it to the cluster.</param>
    public async ValueTask<TopicChange> CreateAsync(
        string name, int partitions, IReadOnlyDictionary<string, string> configs, bool isInternal, string principal,
        CancellationToken cancellation, IReadOnlyList<BrokerEpoch>? owners = null)
    {
        TopicChange made = await ChangeAsync(
            async () =>
            {
                if (TopicRules.RefuseName(this, name) is { } refused)
                {
                    return refused;
                }

                (CatalogError error, TopicRecord? record) = await _services.Catalog.CreateTopicAsync(
                    _services.NewId(), name, partitions, configs, isInternal, principal, owners ?? _services.Place(partitions), cancellation);
                return error == CatalogError.None ? TopicChange.Done(Publish(record!, [])) : Refused(error, name);
            },
            cancellation);
        return await VisibleAsync(made, cancellation);
    }

    /// <summary>The topic, made now if it was not there: for topics that somebody needs rather than makes. Others may make it at the same time.</summary>
    public async ValueTask<TopicChange> EnsureAsync(
        string name, int partitions, IReadOnlyDictionary<string, string> configs, bool isInternal, string principal,
        CancellationToken cancellation)
    {
        if (Find(name) is { } there)
        {
            return TopicChange.Done(there);
        }

        TopicChange change = await CreateAsync(name, partitions, configs, isInternal, principal, cancellation);
        return change.Error != KafkaError.TopicAlreadyExists ? change : await ChangeAsync(
            async () =>
            {
                if (Find(name) is null)
                {
                    // Another broker was faster, and word of it has not come yet.
                    await RefreshAsync(name, cancellation);
                }

                return Find(name) is { } made ? TopicChange.Done(made) : change;
            },
            cancellation);
    }

    /// <summary>As <see cref="EnsureAsync"/>, for topics that the broker itself lives on.</summary>
    public ValueTask<TopicChange> EnsureInternalAsync(
        string name, int partitions, IReadOnlyDictionary<string, string> configs, CancellationToken cancellation) =>
        EnsureAsync(name, partitions, configs, isInternal: true, "User:broker", cancellation);

    public async ValueTask<TopicChange> AddPartitionsAsync(
        string name, int newTotal, string principal, CancellationToken cancellation, IReadOnlyList<BrokerEpoch>? owners = null)
    {
        TopicChange made = await ChangeAsync(
            async () =>
            {
                int added = newTotal - (Find(name)?.Partitions.Count ?? 0);
                (CatalogError error, TopicRecord? record) = await _services.Catalog.CreatePartitionsAsync(
                    name, newTotal, principal, owners ?? (added > 0 ? _services.Place(added) : null), cancellation);
                return error == CatalogError.None
                    ? TopicChange.Done(Publish(record!, Find(name)?.Partitions ?? []))
                    : Refused(error, name);
            },
            cancellation);
        return await VisibleAsync(made, cancellation);
    }

    /// <param name="change">Makes the new configs of what the topic is; asked again when another broker was faster.</param>
    public ValueTask<TopicChange> SetConfigsAsync(
        string name, Func<Topic, IReadOnlyDictionary<string, string>> change, string principal, CancellationToken cancellation) => ChangeAsync(
            async () =>
            {
                if (_services.Registry.IsClustered)
                {
                    // The change is made to what is there now, not to what was when word of it last came.
                    await RefreshAsync(name, cancellation);
                }

                while (Find(name) is { } topic)
                {
                    (CatalogError error, TopicRecord? record) =
                        await _services.Catalog.SetTopicConfigsAsync(name, change(topic), principal, topic.Configs, cancellation);
                    if (error != CatalogError.Conflict)
                    {
                        return error == CatalogError.None ? TopicChange.Done(Publish(record!, topic.Partitions)) : Refused(error, name);
                    }

                    Apply(record!);
                }

                return Refused(CatalogError.NotFound, name);
            },
            cancellation);

    /// <summary>
    /// Takes the topic away, and has its records given up. Its partitions are closed outside of the turn: they may wait for a store that is
    /// away, and changes that others make must not wait for that too. What fails of it is left to the storage's cleaner.
    /// </summary>
    public async ValueTask<TopicChange> DeleteAsync(string name, string principal, CancellationToken cancellation)
    {
        Task closed = Task.CompletedTask;
        TopicChange deleted = await ChangeAsync(
            async () =>
            {
                (CatalogError error, _) = await _services.Catalog.DeleteTopicAsync(name, principal, cancellation);
                if (error != CatalogError.None || Take(name) is not { } topic)
                {
                    return Refused(error == CatalogError.None ? CatalogError.NotFound : error, name);
                }

                closed = Task.WhenAll(topic.Partitions.Select(partition => _services.Registry.Destroy(partition).Follow()));
                Deleted?.Invoke(topic);
                return TopicChange.Done(topic);
            },
            cancellation);
        await closed.Follow().WaitAsync(cancellation);
        return deleted;
    }

    /// <returns>Another topic whose name differs only in '.' and '_', or null.</returns>
    public string? Colliding(string name) =>
        _collisions.TryGetValue(TopicNames.CollisionKey(name), out string? other) && other != name ? other : null;

    public void Dispose() => _changes.Dispose();

    private async ValueTask<TopicChange> ChangeAsync(Func<ValueTask<TopicChange>> change, CancellationToken cancellation)
    {
        await _changes.EnterAsync(cancellation);
        try
        {
            return await change();
        }
        catch (MetadataUnavailableException)
        {
            return TopicChange.Refused(
                KafkaError.RequestTimedOut, "The metadata database does not answer: look whether the change took place, and try again.");
        }
        finally
        {
            _changes.Release();
        }
    }

    private Topic Publish(TopicRecord record, IReadOnlyList<Partition> existing)
    {
        Topic topic;
        lock (_publishing)
        {
            topic = Make(record, existing);
            Keep(topic);
        }

        // Only now, when placements that come find the partitions: whichever of the two comes last, knows all.
        foreach (Partition partition in topic.Partitions)
        {
            _services.Registry.Published(partition);
        }

        return topic;
    }

    private Topic Make(TopicRecord record, IReadOnlyList<Partition> existing)
    {
        TopicSettings settings = TopicSettings.Of(record.Configs, _defaults);
        var partitions = new Partition[Math.Max(record.Partitions.Count, existing.Count)];
        for (int index = 0; index < partitions.Length; index++)
        {
            if (index < existing.Count)
            {
                partitions[index] = existing[index];
                continue;
            }

            var identity = new PartitionIdentity(record.Name, record.Id, index, record.Partitions[index]);
            partitions[index] = new Partition(identity, settings, _services.Registry);
        }

        return new Topic(record.Id, record.Name, record.IsInternal, record.Configs, settings, partitions);
    }

    private void Keep(Topic topic)
    {
        foreach (Partition partition in topic.Partitions)
        {
            partition.Settings = topic.Settings;
            _byStream[partition.Identity.Stream] = partition;
        }

        _byName[topic.Name] = topic;
        _byId[topic.Id] = topic;
        _collisions[TopicNames.CollisionKey(topic.Name)] = topic.Name;
        Interlocked.Increment(ref _version);
    }

    private Topic? Take(string name)
    {
        using Lock.Scope scope = _publishing.EnterScope();
        if (!_byName.TryRemove(name, out Topic? topic))
        {
            return null;
        }

        _byId.TryRemove(topic.Id, out _);
        _collisions.TryRemove(TopicNames.CollisionKey(name), out _);
        foreach (Partition partition in topic.Partitions)
        {
            _byStream.TryRemove(partition.Identity.Stream, out _);
        }

        _removed.Add(topic.Id);
        Interlocked.Increment(ref _version);
        return topic;
    }

    private static TopicChange Refused(CatalogError error, string name) => error switch
    {
        CatalogError.AlreadyExists => TopicChange.Refused(KafkaError.TopicAlreadyExists, $"Topic '{name}' already exists."),
        CatalogError.NotFound => TopicChange.Refused(KafkaError.UnknownTopicOrPartition, $"Topic '{name}' does not exist."),
        _ => TopicChange.Refused(KafkaError.InvalidPartitions, $"Topic '{name}' has as many partitions already."),
    };
}
