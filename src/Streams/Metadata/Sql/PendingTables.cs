namespace PipeRoll.Streams.Metadata.Sql;

/// <summary>
/// Ranges of committed objects that wait for an earlier owner's part. They count as live ranges of their object, so that it is not
/// given up before they are committed or it is certain that they never will be from there.
/// </summary>
internal static class PendingTables
{
    public static void Insert(MetadataTransaction tx, long objectId, IReadOnlyList<RangeCommit> ranges) => tx.ExecuteRows(
        "INSERT INTO pending_ranges (object_id, stream_id, base_offset) {rows}",
        ranges.Select(r => SqlText.Row(objectId, r.Stream.Value, r.BaseOffset)));

    public static HashSet<(long Stream, long BaseOffset)> Read(MetadataTransaction tx, long objectId) =>
        [.. tx.Query<PendingRow>(
            "SELECT stream_id AS StreamId, base_offset AS BaseOffset FROM pending_ranges WHERE object_id = @objectId", new { objectId })
            .Select(p => (p.StreamId, p.BaseOffset))];

    /// <summary>They are committed now: their object keeps them as ordinary ranges.</summary>
    public static void Settle(MetadataTransaction tx, long objectId, IReadOnlyList<RangeCommit> ranges) => tx.ExecuteRows(
        "DELETE FROM pending_ranges WHERE (object_id, stream_id, base_offset) IN ({rows})",
        ranges.Select(r => SqlText.Row(objectId, r.Stream.Value, r.BaseOffset)));

    /// <summary>They may not be committed any more.</summary>
    public static void Refuse(MetadataTransaction tx, long objectId, IReadOnlyList<RangeCommit> ranges)
    {
        Settle(tx, objectId, ranges);
        ObjectTables.Release(tx, [(objectId, ranges.Count)]);
    }

    /// <summary>What lies below these ends was committed from other objects.</summary>
    public static void DropOvertaken(MetadataTransaction tx, IReadOnlyList<(long Stream, long End)> ends)
    {
        foreach ((long Stream, long End)[] chunk in ends.Chunk(SqlText.IdsPerQuery))
        {
            string rows = string.Join(", ", chunk.Select(e => SqlText.Row(e.Stream, e.End)));
            Drop(tx, $"(SELECT 1 FROM (VALUES {rows}) AS v WHERE v.column1 = p.stream_id AND v.column2 > p.base_offset)");
        }
    }

    public static void DropOfStream(MetadataTransaction tx, StreamId id) => Drop(tx, $"(SELECT 1 WHERE p.stream_id = {id.Value})");

    /// <summary>The life has ended: nobody will come back with its objects.</summary>
    public static void DropOfWriter(MetadataTransaction tx, BrokerEpoch writer) =>
        Drop(tx, $"(SELECT 1 FROM objects o WHERE o.id = p.object_id AND o.writer = {writer.Value})");

    private static void Drop(MetadataTransaction tx, string condition)
    {
        List<PendingRow> dropped = tx.QueryText<PendingRow>(
            $"""
            SELECT p.object_id AS ObjectId, p.stream_id AS StreamId, p.base_offset AS BaseOffset
            FROM pending_ranges p WHERE EXISTS {condition}
            """);
        tx.ExecuteRows(
            "DELETE FROM pending_ranges WHERE (object_id, stream_id, base_offset) IN ({rows})",
            dropped.Select(d => SqlText.Row(d.ObjectId, d.StreamId, d.BaseOffset)));
        ObjectTables.Release(tx, [.. dropped.GroupBy(d => d.ObjectId).Select(g => (g.Key, (long)g.Count()))]);
    }

    private sealed record PendingRow
    {
        public long ObjectId { get; init; }

        public long StreamId { get; init; }

        public long BaseOffset { get; init; }
    }
}
