namespace PipeRoll.Streams.Metadata.Sql;

/// <summary>Ranges that move to other objects with all they hold.</summary>
internal static class RelocationTables
{
    public static CommitOutcome Relocate(
        MetadataTransaction tx, IReadOnlyList<(StreamId Stream, StreamRange Range)> sources, IReadOnlyList<ObjectCommit> replacements)
    {
        ILookup<long, Place> named = sources
            .Select(s => new Place(s.Stream.Value, s.Range.ObjectId, s.Range.BaseOffset, s.Range.EndOffset)).ToLookup(s => s.StreamId);
        Dictionary<long, StreamTables.StreamRow> streams = StreamTables.Read(tx, replacements.SelectMany(r => r.Ranges).Select(r => r.Stream));
        var refused = new HashSet<StreamId>();
        foreach (ObjectCommit replacement in replacements)
        {
            ILookup<long, Place> present = Present(tx, replacement.Ranges);
            if (ObjectTables.IsCommitted(tx, replacement.ObjectId))
            {
                // An answer that was lost is asked for again: what is not there was left out, or has moved on since.
                refused.UnionWith(replacement.Ranges
                    .Where(r => !present[r.Stream.Value].Any(p => p.ObjectId == replacement.ObjectId && p.BaseOffset == r.BaseOffset))
                    .Select(r => r.Stream));
                continue;
            }

            var accepted = new List<RangeCommit>();
            var replaced = new List<Place>();
            foreach (RangeCommit range in replacement.Ranges)
            {
                List<Place> covered = [.. present[range.Stream.Value].Where(p => Covers(range, p))];
                if (streams.ContainsKey(range.Stream.Value) && IsExact(range, covered)
                    && covered.SequenceEqual(named[range.Stream.Value].Where(p => Covers(range, p)).OrderBy(p => p.BaseOffset)))
                {
                    accepted.Add(range);
                    replaced.AddRange(covered);
                }
                else
                {
                    refused.Add(range.Stream);
                }
            }

            tx.ExecuteRows(
                "DELETE FROM stream_ranges WHERE (stream_id, base_offset) IN ({rows})",
                replaced.Select(p => SqlText.Row(p.StreamId, p.BaseOffset)));
            ObjectTables.Release(tx, [.. replaced.GroupBy(p => p.ObjectId).Select(g => (g.Key, (long)g.Count()))]);
            ObjectTables.Commit(tx, replacement, accepted, 0);
        }

        return new CommitOutcome([.. refused.OrderBy(r => r.Value)]);
    }

    private static bool Covers(RangeCommit range, Place place) => place.BaseOffset >= range.BaseOffset && place.BaseOffset < range.EndOffset;

    /// <summary>From the first one's base to the last one's end; gaps within are what a rewrite let nothing survive in.</summary>
    private static bool IsExact(RangeCommit range, List<Place> covered) =>
        covered.Count > 0 && covered[0].BaseOffset == range.BaseOffset && covered[^1].EndOffset == range.EndOffset;

    /// <summary>What begins within the ranges now, by stream, in order.</summary>
    private static ILookup<long, Place> Present(MetadataTransaction tx, IReadOnlyList<RangeCommit> ranges)
    {
        var found = new List<Place>();
        foreach (RangeCommit[] chunk in ranges.Chunk(SqlText.IdsPerQuery))
        {
            string rows = string.Join(", ", chunk.Select(r => SqlText.Row(r.Stream.Value, r.BaseOffset, r.EndOffset)));
            found.AddRange(tx.QueryText<Place>(
                $"""
                SELECT r.stream_id AS StreamId, r.object_id AS ObjectId, r.base_offset AS BaseOffset, r.end_offset AS EndOffset
                FROM (VALUES {rows}) AS v JOIN stream_ranges r
                ON r.stream_id = v.column1 AND r.base_offset >= v.column2 AND r.base_offset < v.column3
                ORDER BY r.stream_id, r.base_offset
                """));
        }

        return found.ToLookup(p => p.StreamId);
    }

    private sealed record Place(long StreamId, long ObjectId, long BaseOffset, long EndOffset);
}
