namespace PipeRoll.Streams.Metadata.Sql;

/// <summary>How much goes through each partition: the newest that its owner said.</summary>
internal static class LoadTables
{
    public static void Save(MetadataTransaction tx, BrokerEpoch broker, IReadOnlyList<PartitionLoad> loads)
    {
        tx.Execute("DELETE FROM partition_loads WHERE broker = @broker", new { broker = broker.Value });
        tx.ExecuteRows(
            """
            INSERT INTO partition_loads (stream_id, broker, bytes_in, bytes_out) {rows}
            ON CONFLICT (stream_id) DO UPDATE SET broker = excluded.broker, bytes_in = excluded.bytes_in, bytes_out = excluded.bytes_out
            """,
            loads.GroupBy(l => l.Stream).Select(g => g.Last()),
            l => [l.Stream.Value, broker.Value, l.BytesInPerSecond, l.BytesOutPerSecond]);
    }

    public static IReadOnlyList<PartitionLoad> Read(MetadataTransaction tx) =>
        [.. tx.Query<LoadRow>("SELECT stream_id AS StreamId, bytes_in AS BytesIn, bytes_out AS BytesOut FROM partition_loads ORDER BY stream_id")
            .Select(l => new PartitionLoad(new StreamId(l.StreamId), l.BytesIn, l.BytesOut))];

    private sealed record LoadRow
    {
        public long StreamId { get; init; }

        public double BytesIn { get; init; }

        public double BytesOut { get; init; }
    }
}
