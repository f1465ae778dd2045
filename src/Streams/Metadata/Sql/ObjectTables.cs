namespace PipeRoll.Streams.Metadata.Sql;

/// <summary>Objects: prepared, committed, given up, forgotten.</summary>
internal static class ObjectTables
{
    /// <summary>Stored in <c>objects.kind</c>: ranges of several streams lie in it.</summary>
    private const int SeveralStreams = 1;

    /// <summary>Stored in <c>objects.kind</c>: ranges of one stream lie in it.</summary>
    private const int OneStream = 2;

    public static long Prepare(MetadataTransaction tx, int count, TimeSpan timeToLive, BrokerEpoch writer)
    {
        long first = tx.Take("object", count);
        long due = tx.NowMs + (long)timeToLive.TotalMilliseconds;
        tx.ExecuteRows(
            "INSERT INTO objects (id, state, size_bytes, index_position, live_ranges, changed_at_ms, due_at_ms, writer) {rows}",
            Enumerable.Range(0, count).Select(
                i => SqlText.Row(first + i, (long)ObjectState.Prepared, 0, 0, 0, tx.NowMs, due, writer.Value)));
        return first;
    }

    /// <summary>True when it was committed before, even if it was given up since; false when it is prepared.</summary>
    /// <exception cref="MetadataConflictException">It is neither.</exception>
    public static bool IsCommitted(MetadataTransaction tx, long objectId)
    {
        // Given up after its commit also counts: size zero means that it never was committed.
        StateRow? row = tx.One<StateRow>("SELECT state AS State, size_bytes AS Bytes FROM objects WHERE id = @objectId", new { objectId });
        return row switch
        {
            { State: (long)ObjectState.Prepared } => false,
            { Bytes: > 0 } => true,
            _ => throw Expired(objectId),
        };
    }

    /// <summary>Makes a prepared object a committed one that holds <paramref name="accepted"/>.</summary>
    /// <param name="pending">How many more of its ranges may still follow.</param>
    public static void Commit(MetadataTransaction tx, ObjectCommit commit, IReadOnlyList<RangeCommit> accepted, int pending)
    {
        int changed = tx.Execute(
            """
            UPDATE objects SET state = @state, size_bytes = @size, index_position = @index, live_ranges = @live, kind = @kind,
            changed_at_ms = @now, due_at_ms = @now WHERE id = @id AND state = @prepared
            """,
            new
            {
                // An object of which every range was refused is garbage from the start.
                state = (int)(accepted.Count + pending > 0 ? ObjectState.Committed : ObjectState.GivenUp),
                size = commit.Bytes,
                index = commit.IndexPosition,
                live = (long)accepted.Count + pending,
                kind = commit.Ranges.Select(r => r.Stream).Distinct().Skip(1).Any() ? SeveralStreams : OneStream,
                now = tx.NowMs,
                id = commit.ObjectId,
                prepared = (int)ObjectState.Prepared,
            });
        if (changed != 1)
        {
            throw Expired(commit.ObjectId);
        }

        RangeTables.Insert(tx, commit.ObjectId, accepted);
    }

    /// <summary>Takes ranges off objects, and gives up those that have none left.</summary>
    public static void Release(MetadataTransaction tx, IReadOnlyList<(long ObjectId, long Ranges)> released)
    {
        tx.ExecuteRows(
            "UPDATE objects SET live_ranges = live_ranges - v.column2 FROM ({rows}) AS v WHERE objects.id = v.column1",
            released.Select(r => SqlText.Row(r.ObjectId, r.Ranges)));
        foreach (long[] chunk in SqlText.Chunks(released.Select(r => r.ObjectId)))
        {
            tx.ExecuteText(
                $"""
                UPDATE objects SET state = {(int)ObjectState.GivenUp}, changed_at_ms = {tx.NowMs}, due_at_ms = {tx.NowMs}
                WHERE id IN {SqlText.List(chunk)} AND live_ranges = 0 AND state = {(int)ObjectState.Committed}
                """);
        }
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

    public static void Forget(MetadataTransaction tx, IReadOnlyList<long> objectIds)
    {
        foreach (long[] chunk in SqlText.Chunks(objectIds))
        {
            tx.ExecuteText($"DELETE FROM objects WHERE id IN {SqlText.List(chunk)} AND state = {(int)ObjectState.GivenUp}");
        }
    }

    public static IReadOnlyList<ObjectRecord> List(MetadataTransaction tx, long afterId, int max) =>
        [.. tx.Query<ObjectRow>(
            """
            SELECT id AS Id, state AS State, size_bytes AS Bytes, changed_at_ms AS ChangedAtMs
            FROM objects WHERE id > @afterId ORDER BY id LIMIT @max
            """, new { afterId, max }).Select(o => new ObjectRecord(o.Id, (ObjectState)o.State, o.Bytes, o.ChangedAtMs))];

    public static IReadOnlyList<long> ListCompactable(
        MetadataTransaction tx, BrokerEpoch writer, bool orphanedToo, long bytesMax, TimeSpan age, int max)
    {
        string orphaned = orphanedToo
            ? $"OR NOT EXISTS (SELECT 1 FROM brokers WHERE brokers.epoch = o.writer AND {BrokerTables.IsServing})"
            : "";
        return tx.Query<long>(
            $"""
            SELECT o.id FROM objects o
            WHERE o.state = @committed AND o.changed_at_ms <= @before AND (o.writer = @writer {orphaned})
            AND (o.size_bytes < @bytesMax OR (o.kind = @several
              AND (SELECT MIN(stream_id) FROM stream_ranges WHERE object_id = o.id)
                < (SELECT MAX(stream_id) FROM stream_ranges WHERE object_id = o.id)))
            ORDER BY o.id LIMIT @max
            """,
            new
            {
                committed = (int)ObjectState.Committed,
                before = tx.NowMs - (long)age.TotalMilliseconds,
                writer = writer.Value,
                bytesMax,
                several = SeveralStreams,
                max,
            });
    }

    private static MetadataConflictException Expired(long objectId) =>
        new($"object {objectId} was not prepared, or its time to be committed has passed");

    // Settable properties, here and in the other rows: the engines differ in what an INTEGER column or a count comes as.
    private sealed record ObjectRow
    {
        public long Id { get; init; }

        public long State { get; init; }

        public long Bytes { get; init; }

        public long ChangedAtMs { get; init; }
    }

    private sealed record StateRow
    {
        public long State { get; init; }

        public long Bytes { get; init; }
    }
}
