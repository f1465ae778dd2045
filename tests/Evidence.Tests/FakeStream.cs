using System.Buffers.Binary;
using PipeRoll.Streams;

namespace PipeRoll.Evidence.Tests;

/// <summary>A stream in memory: enough for evidence, with failures on demand. Batches are real headers over any payload.</summary>
internal sealed class FakeStream : IStream
{
    private readonly List<StreamBatch> _batches = [];

    public FakeStream(long id = 1) => Id = new StreamId(id);

    public IStreamObserver? Observer { get; set; }

    public int FailuresLeft { get; set; }

    public int BatchesPerFetch { get; set; } = 3;

    public StreamId Id { get; }

    public long Epoch => 1;

    public long StartOffset { get; private set; }

    public long ConfirmedOffset => NextOffset;

    public long NextOffset => _batches.Count == 0 ? 0 : _batches[^1].EndOffset;

    public long CommittedOffset => NextOffset;

    public IReadOnlyList<StreamBatch> Batches => _batches;

    /// <summary>Appends a record batch of format 2, as far as its header goes.</summary>
    public byte[] AppendRecords(int count, byte fill)
    {
        byte[] batch = new byte[61 + (count * 10)];
        batch.AsSpan(61).Fill(fill);
        BinaryPrimitives.WriteInt64BigEndian(batch, NextOffset);
        BinaryPrimitives.WriteInt32BigEndian(batch.AsSpan(8), batch.Length - 12);
        BinaryPrimitives.WriteInt32BigEndian(batch.AsSpan(23), count - 1);
        Append(new StreamBatch(NextOffset, count, 0, batch, null));
        return batch;
    }

    public Task Append(in StreamBatch batch)
    {
        ThrowIfFailing();
        Assert.Equal(NextOffset, batch.BaseOffset);
        lock (_batches)
        {
            _batches.Add(batch with { Bytes = batch.Bytes.ToArray() });
        }

        Observer?.Confirmed(this, batch);
        return Task.CompletedTask;
    }

    public async ValueTask<FetchedBatches> FetchAsync(long offset, int maxBytes, CancellationToken cancellation = default)
    {
        await Task.Yield();
        ThrowIfFailing();
        lock (_batches)
        {
            StreamBatch[] found = [.. _batches.Where(batch => batch.EndOffset > offset).Take(BatchesPerFetch)];
            return found.Length == 0
                ? FetchedBatches.None
                : new FetchedBatches([found.SelectMany(static batch => batch.Bytes.ToArray()).ToArray()], [], found[^1].EndOffset);
        }
    }

    public ValueTask TrimAsync(long newStartOffset, CancellationToken cancellation = default)
    {
        StartOffset = newStartOffset;
        lock (_batches)
        {
            _batches.RemoveAll(batch => batch.EndOffset <= newStartOffset && batch.EndOffset < NextOffset);
        }

        return ValueTask.CompletedTask;
    }

    public ValueTask<long?> FindBlockByTimestampAsync(long timestamp, CancellationToken cancellation = default) => throw new NotSupportedException();

    public ValueTask<long> ApplyRetentionAsync(RetentionPolicy policy, CancellationToken cancellation = default) => throw new NotSupportedException();

    public ValueTask SaveCheckpointAsync(long offset, ReadOnlyMemory<byte> state, CancellationToken cancellation = default) => throw new NotSupportedException();

    public ValueTask<StreamCheckpoint?> ReadCheckpointAsync(CancellationToken cancellation = default) => throw new NotSupportedException();

    public ValueTask ReplaceAsync(long from, long to, IAsyncEnumerable<StreamBatch> survivors, CancellationToken cancellation = default) =>
        throw new NotSupportedException();

    public ValueTask<long> SealAsync(CancellationToken cancellation = default) => throw new NotSupportedException();

    public ValueTask CloseAsync(CancellationToken cancellation = default) => ValueTask.CompletedTask;

    private void ThrowIfFailing()
    {
        if (FailuresLeft > 0)
        {
            FailuresLeft--;
            throw new StreamUnavailableException(StreamUnavailableReason.Full, "no room now");
        }
    }
}

/// <summary>A clock that is set by hand; delays end at once.</summary>
internal sealed class SetTime : TimeProvider
{
    private long _nowMs = 1_700_000_000_000;

    public long NowMs
    {
        get => Interlocked.Read(ref _nowMs);
        set => Interlocked.Exchange(ref _nowMs, value);
    }

    public override DateTimeOffset GetUtcNow() => DateTimeOffset.FromUnixTimeMilliseconds(NowMs);

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
        base.CreateTimer(callback, state, dueTime > TimeSpan.Zero ? TimeSpan.Zero : dueTime, period);
}
