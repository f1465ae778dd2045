namespace PipeRoll.Streams.Metadata.Sql;

/// <summary>Saved states of the owners of streams: one per stream, never replaced by an older one.</summary>
internal static class CheckpointTables
{
    public static bool Save(MetadataTransaction tx, StreamId id, long epoch, StreamCheckpoint checkpoint)
    {
        if (!StreamTables.Read(tx, [id]).TryGetValue(id.Value, out StreamTables.StreamRow? row) || row.Epoch != epoch)
        {
            return false;
        }

        Write(tx, [(id, checkpoint)]);
        return true;
    }

    /// <summary>One per stream at most.</summary>
    public static void Write(MetadataTransaction tx, IReadOnlyList<(StreamId Stream, StreamCheckpoint Checkpoint)> checkpoints) =>
        tx.ExecuteRows(
            """
            INSERT INTO checkpoints (stream_id, at_offset, state) {rows}
            ON CONFLICT (stream_id) DO UPDATE SET at_offset = excluded.at_offset, state = excluded.state
            WHERE excluded.at_offset >= checkpoints.at_offset
            """,
            checkpoints, c => [c.Stream.Value, c.Checkpoint.Offset, c.Checkpoint.State.ToArray()]);

    public static StreamCheckpoint? Read(MetadataTransaction tx, StreamId id) =>
        tx.One<CheckpointRow>("SELECT at_offset AS AtOffset, state AS State FROM checkpoints WHERE stream_id = @id", new { id = id.Value })
            is { } row ? new StreamCheckpoint(row.AtOffset, row.State) : null;

    private sealed record CheckpointRow(long AtOffset, byte[] State);
}
