using PipeRoll.Foundation.Buffers;

namespace PipeRoll.Streams.Wal;

/// <summary>Told, in order, that a batch has become durable. Must be quick and must not throw.</summary>
internal interface IWalClient
{
    void Confirmed(in StreamBatch batch);
}

/// <summary>A batch read back by recovery; <see cref="Bytes"/> is a slice of <see cref="Owner"/>, which the receiver references to keep it.</summary>
internal readonly record struct WalReplayedBatch(StreamId Stream, long Epoch, StreamBatch Batch);

/// <summary>Receives what recovery finds, group by group in the order it was written.</summary>
internal interface IWalReplay
{
    /// <param name="batches">Their owner is released after the call: keep a batch by a reference of one's own.</param>
    ValueTask ReplayAsync(IReadOnlyList<WalReplayedBatch> batches);
}

/// <summary>
/// Makes batches durable in the order in which they were appended. Implemented by the file log, and in a cluster by numbered
/// objects (<see cref="Objects.ObjectWriteAheadLog"/>).
/// </summary>
internal interface IWriteAheadLog
{
    /// <summary>Batches larger than this are refused.</summary>
    int BatchBytesMax { get; }

    /// <summary>All groups up to this one are durable and their clients were told.</summary>
    ulong ConfirmedGroup { get; }

    /// <summary>What the log takes where it is stored, in bytes.</summary>
    long SizeBytes { get; }

    /// <summary>How long it took to make a group durable, in milliseconds: the 99th percentile of the last half minute; 0 when idle.</summary>
    double LatencyMs { get; }

    /// <summary>Replays what is not known to be committed; afterwards the log takes appends.</summary>
    /// <returns>How many batches were replayed.</returns>
    ValueTask<long> StartAsync(IWalReplay replay, CancellationToken cancellation);

    /// <summary>
    /// Queues the batch; the task, shared by everything that is written with it, ends when it is durable and
    /// <paramref name="client"/> was told. Until then it keeps a reference of its own on the batch's owner.
    /// </summary>
    Task Append(StreamId stream, long epoch, in StreamBatch batch, IWalClient client);

    /// <summary>What waits for company is written at once: somebody waits for the end of what was appended.</summary>
    void Flush();

    /// <summary>No group up to and with <paramref name="group"/> is needed any more.</summary>
    void Trim(ulong group);

    /// <summary>Takes no more appends; ends when everything appended before is durable and confirmed.</summary>
    Task DrainAsync();

    /// <summary>
    /// Ends after everything appended is durable. With <paramref name="clean"/>, which the caller may only say when all
    /// of it is committed, the next start has nothing to replay.
    /// </summary>
    ValueTask StopAsync(bool clean);
}
