namespace PipeRoll.Streams.Metadata.Sql;

/// <summary>Streams: how they come, open, move their start, and go.</summary>
internal static class StreamTables
{
    public static IReadOnlyList<StreamId> Create(MetadataTransaction tx, int count, string principal)
    {
        List<StreamId> ids = Insert(tx, count, null, 0, []);
        tx.Log(principal, "streams.created", new { first = ids[0].Value, count });
        return ids;
    }

    /// <summary>Adds rows only; the caller logs what they are for.</summary>
    /// <param name="owners">By position; who is missing is none.</param>
    public static List<StreamId> Insert(
        MetadataTransaction tx, int count, string? topicId, int firstPartition, IReadOnlyList<BrokerEpoch> owners)
    {
        long first = tx.Take("stream", count);
        tx.ExecuteRows(
            "INSERT INTO streams (id, epoch, start_offset, committed_offset, doomed, owner, topic_id, partition_index) {rows}",
            Enumerable.Range(0, count).Select(i => $"({first + i}, 0, 0, 0, 0, {OwnerOf(i)}, {PlaceOf(i)})"),
            topicId is null ? [] : [("@topic", topicId)]);
        return [.. Enumerable.Range(0, count).Select(i => new StreamId(first + i))];

        BrokerEpoch OwnerOf(int i) => i < owners.Count ? owners[i] : BrokerEpoch.None;

        string PlaceOf(int i) => topicId is null ? "NULL, NULL" : $"@topic, {firstPartition + i}";
    }

    public static IReadOnlyList<StreamOpened> Open(MetadataTransaction tx, IReadOnlyList<StreamOpening> openings)
    {
        Dictionary<long, StreamRow> rows = Read(tx, openings.Select(o => o.Id));
        var results = new List<StreamOpened>(openings.Count);
        var raised = new List<StreamOpening>();
        foreach (StreamOpening opening in openings)
        {
            if (!rows.TryGetValue(opening.Id.Value, out StreamRow? row))
            {
                results.Add(new StreamOpened(StreamOpenError.NotFound, default));
                continue;
            }

            // In a cluster the placement alone raises epochs; the embedded default has no placements and raises them here.
            bool isFenced = opening.Broker.IsNone
                ? row.Epoch > opening.Epoch
                : row.Epoch != opening.Epoch || row.Owner != opening.Broker.Value;
            if (isFenced)
            {
                results.Add(new StreamOpened(StreamOpenError.Fenced, row.ToState()));
                continue;
            }

            if (row.Epoch < opening.Epoch)
            {
                raised.Add(opening);
                rows[row.Id] = row = row with { Epoch = opening.Epoch };
            }

            results.Add(new StreamOpened(StreamOpenError.None, row.ToState()));
        }

        // A stream may be named twice, under rising epochs: the last one holds.
        tx.ExecuteRows(
            "UPDATE streams SET epoch = v.column2 FROM ({rows}) AS v WHERE streams.id = v.column1",
            raised.Select(o => o.Id.Value).Distinct().Select(id => SqlText.Row(id, rows[id].Epoch)));
        foreach (StreamOpening[] chunk in raised.Chunk(SqlText.IdsPerQuery))
        {
            tx.Log(MetadataTransaction.System, "streams.opened", chunk.Select(o => new { stream = o.Id.Value, epoch = o.Epoch }));
        }

        return results;
    }

    public static IReadOnlyList<StreamState> ReadStates(MetadataTransaction tx, IReadOnlyList<StreamId> ids) =>
        [.. Read(tx, ids).Values.OrderBy(r => r.Id).Select(r => r.ToState())];

    /// <summary>Streams that live, by id; a doomed stream is as good as destroyed.</summary>
    public static Dictionary<long, StreamRow> Read(MetadataTransaction tx, IEnumerable<StreamId> ids)
    {
        var rows = new Dictionary<long, StreamRow>();
        foreach (long[] chunk in SqlText.Chunks(ids.Select(i => i.Value)))
        {
            foreach (StreamRow row in tx.QueryText<StreamRow>(
                $"""
                SELECT id AS Id, epoch AS Epoch, start_offset AS StartOffset, committed_offset AS CommittedOffset,
                       sealed_offset AS SealedOffset, owner AS Owner, target AS Target
                FROM streams WHERE doomed = 0 AND id IN {SqlText.List(chunk)}
                """))
            {
                rows.Add(row.Id, row);
            }
        }

        return rows;
    }

    public static bool Trim(MetadataTransaction tx, StreamId id, long epoch, long newStartOffset)
    {
        if (!Read(tx, [id]).TryGetValue(id.Value, out StreamRow? row) || row.Epoch != epoch)
        {
            return false;
        }

        if (newStartOffset <= row.StartOffset)
        {
            return true;
        }

        tx.Execute("UPDATE streams SET start_offset = @newStartOffset WHERE id = @id", new { newStartOffset, id = id.Value });
        RangeTables.Drop(tx, id, 0, newStartOffset);
        tx.Log(MetadataTransaction.System, "stream.trimmed", new { stream = id.Value, from = row.StartOffset, to = newStartOffset });
        return true;
    }

    public static void Destroy(MetadataTransaction tx, StreamId id, string principal)
    {
        if (tx.Execute("DELETE FROM streams WHERE id = @id", new { id = id.Value }) == 0)
        {
            return;
        }

        RangeTables.Drop(tx, id, 0, long.MaxValue);
        PendingTables.DropOfStream(tx, id);
        tx.Execute("DELETE FROM checkpoints WHERE stream_id = @id", new { id = id.Value });
        tx.Execute("DELETE FROM partition_loads WHERE stream_id = @id", new { id = id.Value });
        tx.Log(principal, "stream.destroyed", new { stream = id.Value });
    }

    public static IReadOnlyList<StreamId> ListDoomed(MetadataTransaction tx, int max) =>
        [.. tx.Query<long>("SELECT id FROM streams WHERE doomed = 1 ORDER BY id LIMIT @max", new { max }).Select(i => new StreamId(i))];

    internal sealed record StreamRow
    {
        public long Id { get; init; }

        public long Epoch { get; init; }

        public long StartOffset { get; init; }

        public long CommittedOffset { get; init; }

        public long SealedOffset { get; init; }

        public long Owner { get; init; }

        public long Target { get; init; }

        public StreamState ToState() => new(new StreamId(Id), Epoch, StartOffset, CommittedOffset, SealedOffset);

        public PartitionPlacement ToPlacement() => new(new StreamId(Id), new BrokerEpoch(Owner), Epoch, new BrokerEpoch(Target));
    }
}
