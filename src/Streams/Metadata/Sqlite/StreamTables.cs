namespace PipeRoll.Streams.Metadata.Sqlite;

/// <summary>Streams and their checkpoints.</summary>
internal static class StreamTables
{
    private const int IdsPerQuery = 500;

    public static IReadOnlyList<StreamId> Create(MetadataTransaction tx, int count, string principal)
    {
        List<StreamId> ids = Insert(tx, count, null, 0);
        tx.Log(principal, "streams.created", new { first = ids[0].Value, count });
        return ids;
    }

    /// <summary>Adds rows only; the caller logs what they are for.</summary>
    public static List<StreamId> Insert(MetadataTransaction tx, int count, string? topicId, int firstPartition)
    {
        long first = tx.Take("stream", count);
        tx.Execute(
            """
            INSERT INTO streams (id, epoch, start_offset, committed_offset, doomed, topic_id, partition_index)
            VALUES (@id, 0, 0, 0, 0, @topicId, @partition)
            """,
            Enumerable.Range(0, count).Select(i => new { id = first + i, topicId, partition = topicId is null ? (int?)null : firstPartition + i }));
        return [.. Enumerable.Range(0, count).Select(i => new StreamId(first + i))];
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

            if (row.Epoch > opening.Epoch)
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

        tx.Execute("UPDATE streams SET epoch = @epoch WHERE id = @id", raised.Select(o => new { epoch = o.Epoch, id = o.Id.Value }));
        foreach (StreamOpening[] chunk in raised.Chunk(IdsPerQuery))
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
        foreach (long[] chunk in ids.Select(i => i.Value).Distinct().Chunk(IdsPerQuery))
        {
            foreach (StreamRow row in tx.Query<StreamRow>(
                """
                SELECT id AS Id, epoch AS Epoch, start_offset AS StartOffset, committed_offset AS CommittedOffset
                FROM streams WHERE doomed = 0 AND id IN @chunk
                """, new { chunk }))
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
        ObjectTables.DropRanges(tx, id, 0, newStartOffset);
        tx.Log(MetadataTransaction.System, "stream.trimmed", new { stream = id.Value, from = row.StartOffset, to = newStartOffset });
        return true;
    }

    public static void Destroy(MetadataTransaction tx, StreamId id, string principal)
    {
        if (tx.Execute("DELETE FROM streams WHERE id = @id", new { id = id.Value }) == 0)
        {
            return;
        }

        ObjectTables.DropRanges(tx, id, 0, long.MaxValue);
        tx.Execute("DELETE FROM checkpoints WHERE stream_id = @id", new { id = id.Value });
        tx.Log(principal, "stream.destroyed", new { stream = id.Value });
    }

    public static IReadOnlyList<StreamId> ListDoomed(MetadataTransaction tx, int max) =>
        [.. tx.Query<long>("SELECT id FROM streams WHERE doomed = 1 ORDER BY id LIMIT @max", new { max }).Select(i => new StreamId(i))];

    public static bool SaveCheckpoint(MetadataTransaction tx, StreamId id, long epoch, StreamCheckpoint checkpoint)
    {
        if (!Read(tx, [id]).TryGetValue(id.Value, out StreamRow? row) || row.Epoch != epoch)
        {
            return false;
        }

        tx.Execute(
            """
            INSERT INTO checkpoints (stream_id, at_offset, state) VALUES (@id, @offset, @state)
            ON CONFLICT (stream_id) DO UPDATE SET at_offset = excluded.at_offset, state = excluded.state
            WHERE excluded.at_offset >= checkpoints.at_offset
            """,
            new { id = id.Value, offset = checkpoint.Offset, state = checkpoint.State.ToArray() });
        return true;
    }

    public static StreamCheckpoint? ReadCheckpoint(MetadataTransaction tx, StreamId id) =>
        tx.One<CheckpointRow>("SELECT at_offset AS AtOffset, state AS State FROM checkpoints WHERE stream_id = @id", new { id = id.Value })
            is { } row ? new StreamCheckpoint(row.AtOffset, row.State) : null;

    internal sealed record StreamRow(long Id, long Epoch, long StartOffset, long CommittedOffset)
    {
        public StreamState ToState() => new(new StreamId(Id), Epoch, StartOffset, CommittedOffset);
    }

    private sealed record CheckpointRow(long AtOffset, byte[] State);
}
