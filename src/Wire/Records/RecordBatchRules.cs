namespace PipeRoll.Wire.Records;

/// <summary>What a topic asks of the batches that producers send.</summary>
public sealed record RecordBatchRules
{
    /// <summary>max.message.bytes: the largest batch, compressed, in bytes.</summary>
    public int BatchBytesMax { get; init; } = 1024 * 1024 + RecordBatchHeader.LengthOverheadBytes;

    /// <summary>The most that a compressed batch may hold, in bytes: a bound against bombs, not a setting of Kafka.</summary>
    public int DecompressedBytesMax { get; init; } = 64 * 1024 * 1024;

    /// <summary>The producer's timestamps are kept and judged (CreateTime), or overwritten (LogAppendTime).</summary>
    public bool KeepsProducerTime { get; init; } = true;

    /// <summary>The topic is compacted: every record needs a key.</summary>
    public bool RequiresKeys { get; init; }

    /// <summary>Produce requests before version 7 may not carry zstd (KIP-110).</summary>
    public bool AllowsZstd { get; init; } = true;

    /// <summary>Only the broker itself writes control batches and offsets that do not begin at 0.</summary>
    public bool IsFromClient { get; init; } = true;
}
