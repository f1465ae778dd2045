using PipeRoll.Streams;

namespace PipeRoll.Simulation.Streams;

/// <summary>A stream that is the one behind it: the place to change one thing.</summary>
internal abstract class PassingStream(IStream inner) : IStream
{
    public StreamId Id => inner.Id;

    public long Epoch => inner.Epoch;

    public long StartOffset => inner.StartOffset;

    public long ConfirmedOffset => inner.ConfirmedOffset;

    public long NextOffset => inner.NextOffset;

    public long CommittedOffset => inner.CommittedOffset;

    public virtual Task Append(in StreamBatch batch) => inner.Append(batch);

    public virtual ValueTask<FetchedBatches> FetchAsync(long offset, int maxBytes, CancellationToken cancellation = default) =>
        inner.FetchAsync(offset, maxBytes, cancellation);

    public ValueTask<long?> FindBlockByTimestampAsync(long timestamp, CancellationToken cancellation = default) =>
        inner.FindBlockByTimestampAsync(timestamp, cancellation);

    public ValueTask TrimAsync(long newStartOffset, CancellationToken cancellation = default) =>
        inner.TrimAsync(newStartOffset, cancellation);

    public ValueTask<long> ApplyRetentionAsync(RetentionPolicy policy, CancellationToken cancellation = default) =>
        inner.ApplyRetentionAsync(policy, cancellation);

    public ValueTask SaveCheckpointAsync(long offset, ReadOnlyMemory<byte> state, CancellationToken cancellation = default) =>
        inner.SaveCheckpointAsync(offset, state, cancellation);

    public virtual ValueTask<StreamCheckpoint?> ReadCheckpointAsync(CancellationToken cancellation = default) =>
        inner.ReadCheckpointAsync(cancellation);

    public ValueTask ReplaceAsync(
        long from, long to, IAsyncEnumerable<StreamBatch> survivors, CancellationToken cancellation = default) =>
        inner.ReplaceAsync(from, to, survivors, cancellation);

    public virtual ValueTask<long> SealAsync(CancellationToken cancellation = default) => inner.SealAsync(cancellation);

    public ValueTask CloseAsync(CancellationToken cancellation = default) => inner.CloseAsync(cancellation);
}

/// <summary>A storage that is the one behind it, but for the streams that it opens.</summary>
internal class PassingStorage(IStreamStorage inner, Func<IStream, IStream> change) : IStreamStorage
{
    public double WalLatencyMs => inner.WalLatencyMs;

    public bool HasRoom => inner.HasRoom;

    public ValueTask StartAsync(CancellationToken cancellation = default) => inner.StartAsync(cancellation);

    public async ValueTask<IStream> OpenAsync(
        StreamId id, long epoch, IStreamObserver? observer, CancellationToken cancellation = default) =>
        change(await inner.OpenAsync(id, epoch, observer, cancellation));

    public void Release(StreamId id) => inner.Release(id);

    public virtual ValueTask RecoverAsync(PipeRoll.Streams.Metadata.BrokerEpoch dead, CancellationToken cancellation = default) =>
        inner.RecoverAsync(dead, cancellation);

    public ValueTask LookForFenceAsync(CancellationToken cancellation = default) => inner.LookForFenceAsync(cancellation);

    public ValueTask DestroyAsync(StreamId id, CancellationToken cancellation = default) => inner.DestroyAsync(id, cancellation);

    public ValueTask WaitForRoomAsync(CancellationToken cancellation = default) => inner.WaitForRoomAsync(cancellation);

    public ValueTask StopAsync(CancellationToken cancellation = default) => inner.StopAsync(cancellation);
}
