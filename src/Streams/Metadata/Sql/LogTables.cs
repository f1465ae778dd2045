namespace PipeRoll.Streams.Metadata.Sql;

/// <summary>The metadata log.</summary>
internal static class LogTables
{
    public static long End(MetadataTransaction tx) => tx.One<long>("SELECT next_value - 1 FROM counters WHERE name = 'log'");

    public static IReadOnlyList<MetadataLogEntry> Read(MetadataTransaction tx, long after, int max) => tx.Query<MetadataLogEntry>(
        """
        SELECT sequence AS Sequence, at_ms AS AtMs, principal AS Principal, kind AS Kind, payload AS Payload
        FROM metadata_log WHERE sequence > @after ORDER BY sequence LIMIT @max
        """, new { after, max });
}
