namespace PipeRoll.Streams.Metadata.Sql;

/// <summary>The ranges of streams, each in an object.</summary>
internal static class RangeTables
{
    private const string RangeColumns =
        """
        r.stream_id AS StreamId, r.object_id AS ObjectId, r.base_offset AS BaseOffset, r.end_offset AS EndOffset,
        r.max_timestamp AS MaxTimestamp, r.batch_bytes AS Bytes, o.size_bytes AS ObjectBytes, o.index_position AS IndexPosition
        FROM stream_ranges r JOIN objects o ON o.id = r.object_id
        """;

    public static void Insert(MetadataTransaction tx, long objectId, IReadOnlyList<RangeCommit> ranges) => tx.ExecuteRows(
        "INSERT INTO stream_ranges (stream_id, base_offset, end_offset, object_id, max_timestamp, batch_bytes) {rows}",
        ranges.Select(r => SqlText.Row(r.Stream.Value, r.BaseOffset, r.EndOffset, objectId, r.MaxTimestamp, r.Bytes)));

    /// <summary>Drops the stream's ranges within [from, to) and gives up objects in which no range is left.</summary>
    public static void Drop(MetadataTransaction tx, StreamId id, long from, long to)
    {
        const string Within = "FROM stream_ranges WHERE stream_id = @id AND base_offset >= @from AND end_offset <= @to";
        var scope = new { id = id.Value, from, to };
        List<CountRow> dropped = tx.Query<CountRow>($"SELECT object_id AS ObjectId, COUNT(*) AS Count {Within} GROUP BY object_id", scope);
        if (dropped.Count > 0)
        {
            tx.Execute($"DELETE {Within}", scope);
            ObjectTables.Release(tx, [.. dropped.Select(d => (d.ObjectId, d.Count))]);
        }
    }

    public static bool Replace(
        MetadataTransaction tx, StreamId id, long epoch, long from, long to, IReadOnlyList<ObjectCommit> replacements)
    {
        if (!StreamTables.Read(tx, [id]).TryGetValue(id.Value, out StreamTables.StreamRow? row) || row.Epoch != epoch)
        {
            return false;
        }

        if (replacements.Count > 0 && replacements.All(r => ObjectTables.IsCommitted(tx, r.ObjectId)))
        {
            return true;
        }

        long split = tx.One<long>(
            """
            SELECT COUNT(*) FROM stream_ranges WHERE stream_id = @id
            AND ((base_offset < @from AND end_offset > @from) OR (base_offset < @to AND end_offset > @to))
            """, new { id = id.Value, from, to });
        if (split > 0 || to > row.CommittedOffset || from >= to)
        {
            throw new MetadataConflictException($"[{from}, {to}) of stream {id} does not consist of whole committed ranges");
        }

        Drop(tx, id, from, to);
        long next = from;
        foreach (ObjectCommit replacement in replacements)
        {
            foreach (RangeCommit range in replacement.Ranges)
            {
                if (range.Stream != id || range.BaseOffset < next || range.EndOffset > to || range.EndOffset <= range.BaseOffset)
                {
                    throw new MetadataConflictException($"[{range.BaseOffset}, {range.EndOffset}) can't stand in [{from}, {to}) of stream {id}");
                }

                next = range.EndOffset;
            }

            ObjectTables.Commit(tx, replacement, replacement.Ranges, 0);
        }

        tx.Log(MetadataTransaction.System, "stream.rewritten", new { stream = id.Value, from, to, objects = replacements.Select(r => r.ObjectId) });
        return true;
    }

    public static IReadOnlyList<StreamRange> List(MetadataTransaction tx, StreamId id, long offset, int max) =>
        [.. tx.Query<RangeRow>(
            $"SELECT {RangeColumns} WHERE r.stream_id = @id AND r.end_offset > @offset ORDER BY r.base_offset LIMIT @max",
            new { id = id.Value, offset, max }).Select(r => r.ToRange())];

    public static IReadOnlyList<(StreamId Stream, StreamRange Range)> ListOfObject(MetadataTransaction tx, long objectId) =>
        [.. tx.Query<RangeRow>($"SELECT {RangeColumns} WHERE r.object_id = @objectId ORDER BY r.stream_id, r.base_offset", new { objectId })
            .Select(r => (new StreamId(r.StreamId), r.ToRange()))];

    public static StreamRange? FindByTimestamp(MetadataTransaction tx, StreamId id, long timestamp) =>
        tx.One<RangeRow>(
            $"SELECT {RangeColumns} WHERE r.stream_id = @id AND r.max_timestamp >= @timestamp ORDER BY r.base_offset LIMIT 1",
            new { id = id.Value, timestamp })?.ToRange();

    public static long FindRetentionStart(MetadataTransaction tx, StreamId id, long keepFrom, long keepBytes)
    {
        long start = tx.One<long>("SELECT start_offset FROM streams WHERE id = @id", new { id = id.Value });
        // Ranges go from the front only: up to the first one that is young enough and among the newest bytes to keep.
        long? first = tx.One<long?>(
            """
            SELECT base_offset FROM (
              SELECT base_offset, max_timestamp,
                     SUM(batch_bytes) OVER (ORDER BY base_offset DESC) - batch_bytes AS newer_bytes
              FROM stream_ranges WHERE stream_id = @id) AS sized
            WHERE max_timestamp >= @keepFrom AND newer_bytes < @keepBytes
            ORDER BY base_offset LIMIT 1
            """, new { id = id.Value, keepFrom, keepBytes });
        long end = first ?? tx.One<long?>("SELECT MAX(end_offset) FROM stream_ranges WHERE stream_id = @id", new { id = id.Value }) ?? start;
        return Math.Max(start, end);
    }

    public static IReadOnlyDictionary<StreamId, long> Measure(MetadataTransaction tx, IReadOnlyList<StreamId> ids)
    {
        var sizes = new Dictionary<StreamId, long>();
        foreach (long[] chunk in SqlText.Chunks(ids.Select(id => id.Value)))
        {
            foreach (CountRow row in tx.QueryText<CountRow>(
                $"""
                SELECT stream_id AS ObjectId, CAST(SUM(batch_bytes) AS BIGINT) AS Count
                FROM stream_ranges WHERE stream_id IN {SqlText.List(chunk)} GROUP BY stream_id
                """))
            {
                sizes.Add(new StreamId(row.ObjectId), row.Count);
            }
        }

        return sizes;
    }

    private sealed record RangeRow(
        long StreamId, long ObjectId, long BaseOffset, long EndOffset, long MaxTimestamp, long Bytes, long ObjectBytes, long IndexPosition)
    {
        public StreamRange ToRange() => new(ObjectId, BaseOffset, EndOffset, MaxTimestamp, Bytes, ObjectBytes, IndexPosition);
    }

    private sealed record CountRow
    {
        public long ObjectId { get; init; }

        public long Count { get; init; }
    }
}
