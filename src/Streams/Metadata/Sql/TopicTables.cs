using System.Buffers.Text;

namespace PipeRoll.Streams.Metadata.Sql;

/// <summary>Topics, their configs and the cluster's own settings.</summary>
internal static class TopicTables
{
    private const string ClusterId = "cluster.id";
    private const string PartitionColumns =
        "SELECT topic_id AS TopicId, id AS Id, owner AS Owner, epoch AS Epoch, target AS Target FROM streams WHERE doomed = 0";

    public static IReadOnlyList<TopicRecord> List(MetadataTransaction tx)
    {
        bool isCluster = BrokerTables.IsCluster(tx);
        ILookup<string?, PartitionRow> partitions = tx.Query<PartitionRow>(
            $"{PartitionColumns} AND topic_id IS NOT NULL ORDER BY topic_id, partition_index, id").ToLookup(p => p.TopicId);
        ILookup<string, ConfigRow> configs = tx.Query<ConfigRow>(
            "SELECT topic_id AS TopicId, name AS Name, config_value AS Value FROM topic_configs").ToLookup(c => c.TopicId);
        // Sorted here: the engines differ in how they compare text.
        return [.. tx.Query<TopicRow>("SELECT id AS Id, name AS Name, is_internal AS IsInternal FROM topics")
            .OrderBy(t => t.Name, StringComparer.Ordinal).Select(t => ToRecord(t, [.. partitions[t.Id]], configs[t.Id], isCluster))];
    }

    public static (CatalogError Error, TopicRecord? Topic) Create(
        MetadataTransaction tx, Guid id, string name, int partitions, IReadOnlyDictionary<string, string> configs, bool isInternal,
        string principal, IReadOnlyList<BrokerEpoch>? owners)
    {
        if (Find(tx, name) is { } existing)
        {
            return (CatalogError.AlreadyExists, existing);
        }

        tx.Execute(
            "INSERT INTO topics (id, name, is_internal, created_at_ms) VALUES (@id, @name, @isInternal, @now)",
            new { id = id.ToString(), name, isInternal = isInternal ? 1 : 0, now = tx.NowMs });
        List<StreamId> streams = StreamTables.Insert(tx, partitions, id.ToString(), 0, AliveOnly(tx, owners));
        WriteConfigs(tx, id.ToString(), configs);
        TopicRecord topic = Find(tx, name)!;
        IEnumerable<long> ids = streams.Select(s => s.Value);
        IEnumerable<object> placements = topic.Placements.Select(PlacementTables.ToPayload);
        tx.Log(principal, "topic.created", topic.Placements.Count == 0
            ? (object)new { topic = name, id, partitions, configs, isInternal, streams = ids }
            : new { topic = name, id, partitions, configs, isInternal, streams = ids, placements });
        return (CatalogError.None, topic);
    }

    public static (CatalogError Error, TopicRecord? Topic) AddPartitions(
        MetadataTransaction tx, string name, int newTotal, string principal, IReadOnlyList<BrokerEpoch>? owners)
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

        List<StreamId> added = StreamTables.Insert(tx, newTotal - present, topic.Id.ToString(), present, AliveOnly(tx, owners));
        TopicRecord grown = Find(tx, name)!;
        IEnumerable<long> ids = added.Select(s => s.Value);
        IEnumerable<object> placements = grown.Placements.Skip(present).Select(PlacementTables.ToPayload);
        tx.Log(principal, "topic.partitions.added", grown.Placements.Count == 0
            ? (object)new { topic = name, from = present, to = newTotal, streams = ids }
            : new { topic = name, from = present, to = newTotal, streams = ids, placements });
        return (CatalogError.None, grown);
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
        MetadataTransaction tx, string name, IReadOnlyDictionary<string, string> configs, string principal,
        IReadOnlyDictionary<string, string>? before)
    {
        if (Find(tx, name) is not { } topic)
        {
            return (CatalogError.NotFound, null);
        }

        if (before is not null && !AreSame(before, topic.Configs))
        {
            return (CatalogError.Conflict, topic);
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

    public static TopicRecord? Find(MetadataTransaction tx, string name)
    {
        if (tx.One<TopicRow>("SELECT id AS Id, name AS Name, is_internal AS IsInternal FROM topics WHERE name = @name", new { name }) is not { } row)
        {
            return null;
        }

        List<PartitionRow> partitions = tx.Query<PartitionRow>(
            $"{PartitionColumns} AND topic_id = @id ORDER BY partition_index, id", new { id = row.Id });
        List<ConfigRow> configs = tx.Query<ConfigRow>(
            "SELECT topic_id AS TopicId, name AS Name, config_value AS Value FROM topic_configs WHERE topic_id = @id", new { id = row.Id });
        return ToRecord(row, partitions, configs, BrokerTables.IsCluster(tx));
    }

    /// <summary>Who is not alive gets nothing: none stands in its place.</summary>
    private static List<BrokerEpoch> AliveOnly(MetadataTransaction tx, IReadOnlyList<BrokerEpoch>? owners)
    {
        if (owners is null)
        {
            return [];
        }

        Dictionary<long, BrokerTables.BrokerRow> brokers = BrokerTables.Read(tx, owners.Select(o => o.Value));
        return [.. owners.Select(o => brokers.TryGetValue(o.Value, out BrokerTables.BrokerRow? row) && row.IsAlive ? o : BrokerEpoch.None)];
    }

    internal static bool AreSame(IReadOnlyDictionary<string, string> one, IReadOnlyDictionary<string, string> other) =>
        one.Count == other.Count && one.All(config => other.TryGetValue(config.Key, out string? value) && value == config.Value);

    private static void WriteConfigs(MetadataTransaction tx, string topicId, IReadOnlyDictionary<string, string> configs) => tx.ExecuteRows(
        "INSERT INTO topic_configs (topic_id, name, config_value) {rows}", configs, c => [topicId, c.Key, c.Value]);

    private static TopicRecord ToRecord(TopicRow row, IReadOnlyList<PartitionRow> partitions, IEnumerable<ConfigRow> configs, bool isCluster) => new(
        Guid.Parse(row.Id), row.Name, [.. partitions.Select(p => new StreamId(p.Id))],
        configs.OrderBy(c => c.Name, StringComparer.Ordinal).ToDictionary(c => c.Name, c => c.Value, StringComparer.Ordinal), row.IsInternal != 0)
    {
        Placements = isCluster ? [.. partitions.Select(p => p.ToPlacement())] : [],
    };

    private sealed record TopicRow
    {
        public string Id { get; init; } = "";

        public string Name { get; init; } = "";

        public long IsInternal { get; init; }
    }

    private sealed record PartitionRow
    {
        public string? TopicId { get; init; }

        public long Id { get; init; }

        public long Owner { get; init; }

        public long Epoch { get; init; }

        public long Target { get; init; }

        public PartitionPlacement ToPlacement() => new(new StreamId(Id), new BrokerEpoch(Owner), Epoch, new BrokerEpoch(Target));
    }

    private sealed record ConfigRow(string TopicId, string Name, string Value);
}
