using PipeRoll.Broker.Partitions;
using PipeRoll.Foundation.Scheduling;
using PipeRoll.Streams.Metadata;
using PipeRoll.Wire;

namespace PipeRoll.Broker.Topics;

/// <summary>Changes that other brokers of the cluster made. Each may come late, twice, or after an own change that overtook it.</summary>
internal sealed partial class TopicDirectory
{
    /// <summary>Ids are never given twice: what was removed here once stays removed, whatever a late record says.</summary>
    private readonly RecentIds _removed = new(10_000);

    public async ValueTask ApplyAsync(TopicRecord topic, CancellationToken cancellation = default)
    {
        await _changes.EnterAsync(cancellation);
        try
        {
            Apply(topic);
        }
        finally
        {
            _changes.Release();
        }
    }

    public async ValueTask RemovedAsync(Guid topicId, CancellationToken cancellation = default)
    {
        await _changes.EnterAsync(cancellation);
        try
        {
            _removed.Add(topicId);
            if (Find(topicId) is { } topic)
            {
                Remove(topic);
            }
        }
        finally
        {
            _changes.Release();
        }
    }

    private void Apply(TopicRecord record)
    {
        if (_removed.Contains(record.Id))
        {
            return;
        }

        if (Find(record.Name) is not { } known)
        {
            Publish(record, []);
            return;
        }

        if (known.Id != record.Id)
        {
            // Deleted and made anew, both elsewhere.
            Remove(known);
            Publish(record, []);
        }
        else if (record.Partitions.Count > known.Partitions.Count || !HasConfigs(known, record.Configs))
        {
            Publish(record, known.Partitions);
        }
    }

    private void Remove(Topic topic)
    {
        Take(topic.Name);
        foreach (Partition partition in topic.Partitions)
        {
            _services.Registry.Destroy(partition);
        }

        Deleted?.Invoke(topic);
    }

    /// <summary>
    /// Whether there is no topic of the name any more: word of one that was just made may not have come here yet, so the catalog says.
    /// </summary>
    /// <exception cref="MetadataUnavailableException">The database is away.</exception>
    public async ValueTask<bool> IsGoneAsync(string name, CancellationToken cancellation) =>
        Find(name) is null && await ReadAsync(name, cancellation) is null;

    /// <summary>
    /// Ends when this broker knows of everything that had changed when it was called, or sees that it can't: clients hear of a new topic
    /// from the broker that made it, and may be here before word of it is.
    /// </summary>
    public async ValueTask CatchUpAsync(CancellationToken cancellation)
    {
        try
        {
            await _services.CatchUp(cancellation);
        }
        catch (MetadataUnavailableException)
        {
            // What is known has to do.
        }
    }

    /// <summary>Looks whether the catalog knows more of the topic than has come here. Under the changes' turn.</summary>
    private async ValueTask RefreshAsync(string name, CancellationToken cancellation)
    {
        if (await ReadAsync(name, cancellation) is { } record)
        {
            Apply(record);
        }
    }

    private async ValueTask<TopicRecord?> ReadAsync(string name, CancellationToken cancellation) =>
        _services.Catalog is IClusterCatalog cluster
            ? await cluster.ReadTopicAsync(name, cancellation)
            : (await _services.Catalog.ListTopicsAsync(cancellation)).FirstOrDefault(topic => topic.Name == name);

    /// <summary>An own change is answered when the leaders of what it made are known here; the change stands, whatever comes of that.</summary>
    private async ValueTask<TopicChange> VisibleAsync(TopicChange change, CancellationToken cancellation)
    {
        if (change.Error == KafkaError.None)
        {
            try
            {
                await _services.CatchUp(cancellation);
            }
            catch (MetadataUnavailableException)
            {
                // Clients are told LEADER_NOT_AVAILABLE until the image has the topic, and come again.
            }
        }

        return change;
    }

    private static bool HasConfigs(Topic topic, IReadOnlyDictionary<string, string> configs) =>
        topic.Configs.Count == configs.Count
        && configs.All(config => topic.Configs.TryGetValue(config.Key, out string? value) && value == config.Value);

    /// <summary>The last so many ids.</summary>
    private sealed class RecentIds(int max)
    {
        private readonly HashSet<Guid> _ids = [];
        private readonly Queue<Guid> _order = new();

        public bool Contains(Guid id) => _ids.Contains(id);

        public void Add(Guid id)
        {
            if (!_ids.Add(id))
            {
                return;
            }

            _order.Enqueue(id);
            if (_order.Count > max)
            {
                _ids.Remove(_order.Dequeue());
            }
        }
    }
}
