using System.Buffers.Text;

namespace PipeRoll.Streams.Metadata.Sqlite;

/// <summary>Topics, their configs and the cluster's own settings.</summary>
internal static class TopicTables
{
    private const string ClusterId = "cluster.id";

    public static List<TopicRecord> List(MetadataTransaction tx)
    {
        ILookup<string, StreamId> partitions = tx.Query<PartitionRow>(
            "SELECT topic_id AS TopicId, id AS Id FROM streams WHERE doomed = 0 AND topic_id IS NOT NULL ORDER BY topic_id, partition_index")
            .ToLookup(p => p.TopicId, p => new StreamId(p.Id));
        ILookup<string, ConfigRow> configs = tx.Query<ConfigRow>(
            "SELECT topic_id AS TopicId, name AS Name, config_value AS Value FROM topic_configs ORDER BY topic_id, name").ToLookup(c => c.TopicId);
        return [.. tx.Query<TopicRow>("SELECT id AS Id, name AS Name, is_internal AS IsInternal FROM topics ORDER BY name")
            .Select(t => ToRecord(t, [.. partitions[t.Id]], configs[t.Id]))];
    }

    public static (CatalogError Error, TopicRecord? Topic) Create(
        MetadataTransaction tx, Guid id, string name, int partitions, IReadOnlyDictionary<string, string> configs, bool isInternal,
        string principal)
    {
        if (Find(tx, name) is { } existing)
        {
            return (CatalogError.AlreadyExists, existing);
        }

        tx.Execute(
            "INSERT INTO topics (id, name, is_internal, created_at_ms) VALUES (@id, @name, @isInternal, @now)",
            new { id = id.ToString(), name, isInternal = isInternal ? 1 : 0, now = tx.NowMs });
        List<StreamId> streams = StreamTables.Insert(tx, partitions, id.ToString(), 0);
        WriteConfigs(tx, id.ToString(), configs);
        tx.Log(principal, "topic.created", new { topic = name, id, partitions, configs, isInternal, streams = streams.Select(s => s.Value) });
        return (CatalogError.None, Find(tx, name));
    }

    public static (CatalogError Error, TopicRecord? Topic) AddPartitions(MetadataTransaction tx, string name, int newTotal, string principal)
    {
        if (Find(tx, name) is not { } topic)
        {
            return (CatalogError.NotFound, null);
        }

        int present = topic.Partitions.Count;
        if (newTotal <= present)
        {
            return (CatalogError.Conflict, topic);
        }

        List<StreamId> added = StreamTables.Insert(tx, newTotal - present, topic.Id.ToString(), present);
        tx.Log(principal, "topic.partitions.added", new { topic = name, from = present, to = newTotal, streams = added.Select(s => s.Value) });
        return (CatalogError.None, topic with { Partitions = [.. topic.Partitions, .. added] });
    }

    public static (CatalogError Error, TopicRecord? Topic) Delete(MetadataTransaction tx, string name, string principal)
    {
        if (Find(tx, name) is not { } topic)
        {
            return (CatalogError.NotFound, null);
        }

        string id = topic.Id.ToString();
        tx.Execute("UPDATE streams SET doomed = 1 WHERE topic_id = @id", new { id });
        tx.Execute("DELETE FROM topic_configs WHERE topic_id = @id", new { id });
        tx.Execute("DELETE FROM topics WHERE id = @id", new { id });
        tx.Log(principal, "topic.deleted", new { topic = name, id, streams = topic.Partitions.Select(s => s.Value) });
        return (CatalogError.None, topic);
    }

    public static (CatalogError Error, TopicRecord? Topic) SetConfigs(
        MetadataTransaction tx, string name, IReadOnlyDictionary<string, string> configs, string principal)
    {
        if (Find(tx, name) is not { } topic)
        {
            return (CatalogError.NotFound, null);
        }

        string id = topic.Id.ToString();
        tx.Execute("DELETE FROM topic_configs WHERE topic_id = @id", new { id });
        WriteConfigs(tx, id, configs);
        tx.Log(principal, "topic.configs.set", new { topic = name, before = topic.Configs, after = configs });
        return (CatalogError.None, Find(tx, name));
    }

    public static string ReadOrMakeClusterId(MetadataTransaction tx, Func<Guid> newGuid)
    {
        string? known = tx.One<string>("SELECT setting_value FROM settings WHERE name = @ClusterId", new { ClusterId });
        if (known is not null)
        {
            return known;
        }

        string id = Base64Url.EncodeToString(newGuid().ToByteArray(bigEndian: true));
        tx.Execute("INSERT INTO settings (name, setting_value) VALUES (@ClusterId, @id)", new { ClusterId, id });
        tx.Log(MetadataTransaction.System, "cluster.created", new { id });
        return id;
    }

    public static long AllocateProducerIds(MetadataTransaction tx, int count)
    {
        long first = tx.Take("producer", count);
        tx.Log(MetadataTransaction.System, "producer.ids.allocated", new { first, count });
        return first;
    }

    private static TopicRecord? Find(MetadataTransaction tx, string name)
    {
        if (tx.One<TopicRow>("SELECT id AS Id, name AS Name, is_internal AS IsInternal FROM topics WHERE name = @name", new { name }) is not { } row)
        {
            return null;
        }

        List<long> streams = tx.Query<long>(
            "SELECT id FROM streams WHERE topic_id = @id AND doomed = 0 ORDER BY partition_index", new { id = row.Id });
        List<ConfigRow> configs = tx.Query<ConfigRow>(
            "SELECT topic_id AS TopicId, name AS Name, config_value AS Value FROM topic_configs WHERE topic_id = @id ORDER BY name",
            new { id = row.Id });
        return ToRecord(row, [.. streams.Select(s => new StreamId(s))], configs);
    }

    private static void WriteConfigs(MetadataTransaction tx, string topicId, IReadOnlyDictionary<string, string> configs) => tx.Execute(
        "INSERT INTO topic_configs (topic_id, name, config_value) VALUES (@topicId, @name, @value)",
        configs.OrderBy(c => c.Key, StringComparer.Ordinal).Select(c => new { topicId, name = c.Key, value = c.Value }));

    private static TopicRecord ToRecord(TopicRow row, IReadOnlyList<StreamId> partitions, IEnumerable<ConfigRow> configs) => new(
        Guid.Parse(row.Id), row.Name, partitions, configs.ToDictionary(c => c.Name, c => c.Value, StringComparer.Ordinal), row.IsInternal != 0);

    private sealed record TopicRow(string Id, string Name, long IsInternal);

    private sealed record PartitionRow(string TopicId, long Id);

    private sealed record ConfigRow(string TopicId, string Name, string Value);
}
