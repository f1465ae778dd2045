namespace PipeRoll.Streams.Metadata.Sqlite;

/// <summary>Objects and the ranges of streams that lie in them.</summary>
internal static class ObjectTables
{
    private const string RangeColumns =
        """
        r.object_id AS ObjectId, r.base_offset AS BaseOffset, r.end_offset AS EndOffset, r.max_timestamp AS MaxTimestamp,
        r.batch_bytes AS Bytes, o.size_bytes AS ObjectBytes, o.index_position AS IndexPosition
        FROM stream_ranges r JOIN objects o ON o.id = r.object_id
        """;

    public static long Prepare(MetadataTransaction tx, int count, TimeSpan timeToLive)
    {
        long first = tx.Take("object", count);
        tx.Execute(
            """
            INSERT INTO objects (id, state, size_bytes, index_position, live_ranges, changed_at_ms, due_at_ms)
            VALUES (@id, @prepared, 0, 0, 0, @now, @due)
            """,
            Enumerable.Range(0, count).Select(i => new
            {
                id = first + i,
                prepared = (int)ObjectState.Prepared,
                now = tx.NowMs,
                due = tx.NowMs + (long)timeToLive.TotalMilliseconds,
            }));
        return first;
    }

    public static CommitOutcome Commit(MetadataTransaction tx, IReadOnlyList<ObjectCommit> commits)
    {
        var refused = new HashSet<StreamId>();
        Dictionary<long, StreamTables.StreamRow> streams = StreamTables.Read(tx, commits.SelectMany(c => c.Ranges).Select(r => r.Stream));
        foreach (ObjectCommit commit in commits)
        {
            // An answer that was lost is asked for again: the objects are committed already.
            if (IsCommitted(tx, commit.ObjectId))
            {
                foreach (RangeCommit range in commit.Ranges.Where(r => !HasRange(tx, r, commit.ObjectId)))
                {
                    if (!streams.TryGetValue(range.Stream.Value, out StreamTables.StreamRow? row) || row.Epoch > range.Epoch)
                    {
                        refused.Add(range.Stream);
                    }
                }

                continue;
            }

            var accepted = new List<RangeCommit>(commit.Ranges.Count);
            foreach (RangeCommit range in commit.Ranges)
            {
                if (!streams.TryGetValue(range.Stream.Value, out StreamTables.StreamRow? row) || row.Epoch > range.Epoch)
                {
                    refused.Add(range.Stream);
                    continue;
                }

                if (range.BaseOffset != row.CommittedOffset || range.EndOffset <= range.BaseOffset)
                {
                    throw new MetadataConflictException(
                        $"stream {range.Stream} is committed up to {row.CommittedOffset}, so [{range.BaseOffset}, {range.EndOffset}) can't follow");
                }

                streams[row.Id] = row with { CommittedOffset = range.EndOffset };
                accepted.Add(range);
            }

            Insert(tx, commit, accepted);
            tx.Execute(
                "UPDATE streams SET committed_offset = @end WHERE id = @id",
                accepted.Select(r => new { end = r.EndOffset, id = r.Stream.Value }));
            DropTrimmed(tx, accepted, streams);
        }

        return new CommitOutcome([.. refused.OrderBy(r => r.Value)]);
    }

    public static bool Replace(
        MetadataTransaction tx, StreamId id, long epoch, long from, long to, IReadOnlyList<ObjectCommit> replacements)
    {
        if (!StreamTables.Read(tx, [id]).TryGetValue(id.Value, out StreamTables.StreamRow? row) || row.Epoch != epoch)
        {
            return false;
        }

        if (replacements.Count > 0 && replacements.All(r => IsCommitted(tx, r.ObjectId)))
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

        DropRanges(tx, id, from, to);
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

            Insert(tx, replacement, replacement.Ranges);
        }

        tx.Log(MetadataTransaction.System, "stream.rewritten", new { stream = id.Value, from, to, objects = replacements.Select(r => r.ObjectId) });
        return true;
    }

    public static List<StreamRange> ListRanges(MetadataTransaction tx, StreamId id, long offset, int max) =>
        [.. tx.Query<RangeRow>(
            $"SELECT {RangeColumns} WHERE r.stream_id = @id AND r.end_offset > @offset ORDER BY r.base_offset LIMIT @max",
            new { id = id.Value, offset, max }).Select(r => r.ToRange())];

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

    public static List<long> ListDueDeletes(MetadataTransaction tx, int max, TimeSpan readGrace)
    {
        // From here on an expired object can't be committed any more, so that deleting its bytes is safe.
        tx.Execute(
            "UPDATE objects SET state = @givenUp, changed_at_ms = @now, due_at_ms = 0 WHERE state = @prepared AND due_at_ms <= @now",
            new { givenUp = (int)ObjectState.GivenUp, prepared = (int)ObjectState.Prepared, now = tx.NowMs });
        return tx.Query<long>(
            "SELECT id FROM objects WHERE state = @givenUp AND due_at_ms <= @before ORDER BY id LIMIT @max",
            new { givenUp = (int)ObjectState.GivenUp, before = tx.NowMs - (long)readGrace.TotalMilliseconds, max });
    }

    public static void Forget(MetadataTransaction tx, IReadOnlyList<long> objectIds) => tx.Execute(
        "DELETE FROM objects WHERE id = @id AND state = @givenUp",
        objectIds.Select(id => new { id, givenUp = (int)ObjectState.GivenUp }));

    public static IReadOnlyList<ObjectRecord> List(MetadataTransaction tx, long afterId, int max) =>
        [.. tx.Query<ObjectRow>(
            """
            SELECT id AS Id, state AS State, size_bytes AS Bytes, changed_at_ms AS ChangedAtMs
            FROM objects WHERE id > @afterId ORDER BY id LIMIT @max
            """, new { afterId, max }).Select(o => new ObjectRecord(o.Id, (ObjectState)o.State, o.Bytes, o.ChangedAtMs))];

    /// <summary>Drops the stream's ranges within [from, to) and gives up objects in which no range is left.</summary>
    public static void DropRanges(MetadataTransaction tx, StreamId id, long from, long to)
    {
        const string Within = "FROM stream_ranges WHERE stream_id = @id AND base_offset >= @from AND end_offset <= @to";
        var scope = new { id = id.Value, from, to };
        List<CountRow> dropped = tx.Query<CountRow>($"SELECT object_id AS ObjectId, COUNT(*) AS Count {Within} GROUP BY object_id", scope);
        tx.Execute($"DELETE {Within}", scope);
        tx.Execute(
            "UPDATE objects SET live_ranges = live_ranges - @Count WHERE id = @ObjectId", dropped);
        tx.Execute(
            "UPDATE objects SET state = @givenUp, changed_at_ms = @now, due_at_ms = @now WHERE id = @id AND live_ranges = 0 AND state = @committed",
            dropped.Select(d => new { id = d.ObjectId, givenUp = (int)ObjectState.GivenUp, committed = (int)ObjectState.Committed, now = tx.NowMs }));
    }

    private static bool IsCommitted(MetadataTransaction tx, long objectId)
    {
        // Given up after its commit also counts: indexed position zero means that it never was committed.
        ObjectStateRow? row = tx.One<ObjectStateRow>(
            "SELECT state AS State, size_bytes AS Bytes FROM objects WHERE id = @objectId", new { objectId });
        return row switch
        {
            { State: (int)ObjectState.Prepared } => false,
            { Bytes: > 0 } => true,
            _ => throw new MetadataConflictException($"object {objectId} was not prepared, or its time to be committed has passed"),
        };
    }

    private static bool HasRange(MetadataTransaction tx, RangeCommit range, long objectId) => tx.One<long>(
        "SELECT COUNT(*) FROM stream_ranges WHERE stream_id = @id AND base_offset = @at AND object_id = @objectId",
        new { id = range.Stream.Value, at = range.BaseOffset, objectId }) > 0;

    private static void Insert(MetadataTransaction tx, ObjectCommit commit, IReadOnlyList<RangeCommit> ranges)
    {
        int changed = tx.Execute(
            """
            UPDATE objects SET state = @state, size_bytes = @size, index_position = @index, live_ranges = @live,
            changed_at_ms = @now, due_at_ms = @now WHERE id = @id AND state = @prepared
            """,
            new
            {
                // An object of which every range was refused is garbage from the start.
                state = (int)(ranges.Count > 0 ? ObjectState.Committed : ObjectState.GivenUp),
                size = commit.Bytes,
                index = commit.IndexPosition,
                live = ranges.Count,
                now = tx.NowMs,
                id = commit.ObjectId,
                prepared = (int)ObjectState.Prepared,
            });
        if (changed != 1)
        {
            throw new MetadataConflictException($"object {commit.ObjectId} was not prepared, or its time to be committed has passed");
        }

        tx.Execute(
            """
            INSERT INTO stream_ranges (stream_id, base_offset, end_offset, object_id, max_timestamp, batch_bytes)
            VALUES (@stream, @from, @to, @objectId, @maxTimestamp, @bytes)
            """,
            ranges.Select(r => new
            {
                stream = r.Stream.Value,
                from = r.BaseOffset,
                to = r.EndOffset,
                objectId = commit.ObjectId,
                maxTimestamp = r.MaxTimestamp,
                bytes = r.Bytes,
            }));
    }

    /// <summary>A stream may have been trimmed beyond what was being uploaded.</summary>
    private static void DropTrimmed(
        MetadataTransaction tx, List<RangeCommit> accepted, Dictionary<long, StreamTables.StreamRow> streams)
    {
        foreach (RangeCommit range in accepted.Where(r => r.EndOffset <= streams[r.Stream.Value].StartOffset))
        {
            DropRanges(tx, range.Stream, range.BaseOffset, range.EndOffset);
        }
    }

    private sealed record RangeRow(
        long ObjectId, long BaseOffset, long EndOffset, long MaxTimestamp, long Bytes, long ObjectBytes, long IndexPosition)
    {
        public StreamRange ToRange() => new(ObjectId, BaseOffset, EndOffset, MaxTimestamp, Bytes, ObjectBytes, IndexPosition);
    }

    private sealed record ObjectRow(long Id, long State, long Bytes, long ChangedAtMs);

    private sealed record ObjectStateRow(long State, long Bytes);

    // With settable properties: a count has no declared type, so Dapper can't match a constructor to an empty result.
    private sealed record CountRow
    {
        public long ObjectId { get; init; }

        public long Count { get; init; }
    }
}
