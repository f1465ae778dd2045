using Microsoft.Extensions.Logging;
using PipeRoll.Broker.Network;
using PipeRoll.Broker.Topics;
using PipeRoll.Streams;
using PipeRoll.Wire;
using PipeRoll.Wire.Framing;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Partitions;

/// <param name="WaitMsMax">How long to wait for <paramref name="BytesMin"/>.</param>
/// <param name="BytesMax">Of all records together; the first batch comes whatever its size.</param>
/// <param name="OnlyCommitted">Nothing of transactions that are open, and the aborted ones are named (read_committed).</param>
internal readonly record struct FetchLimits(int WaitMsMax, int BytesMin, int BytesMax, bool OnlyCommitted = false);

/// <summary>What all fetches share.</summary>
internal sealed record FetchServices(
    BrokerOptions Options, TimeProvider Time, TopicDirectory Topics, ByteBudget FetchBytes, ILogger Logger)
{
    /// <summary>See <see cref="Cluster.IClusterView.IsInTouch"/>.</summary>
    public required Func<bool> IsInTouch { get; init; }
}

/// <summary>
/// One fetch: checks its partitions, reads what there is, and waits for more when that is too little. One item, one answer,
/// in the same order.
/// </summary>
/// <remarks>
/// One task. Waits are woken by the log, never by polling. Records are held as references on the log's buffers, counted
/// against the broker's budget until they were sent. Reads of partitions run side by side: one that is slow does not keep
/// the others' records back, its bytes come with a later fetch, for which the store has them at hand by then.
/// </remarks>
internal sealed partial class FetchOperation(FetchServices services, IReadOnlyList<FetchItem> items, FetchLimits limits)
{
    private readonly FetchResponse.PartitionData[] _answers = new FetchResponse.PartitionData[items.Count];
    private readonly Partition?[] _partitions = new Partition?[items.Count];
    private readonly long _startedAt = services.Time.GetTimestamp();
    private readonly long[] _counts = new long[items.Count];
    private readonly bool[] _opening = new bool[items.Count];
    private bool _mustAnswer;
    private long _bytesRead;

    /// <summary>How many offsets each answer's records cover, from the offset asked for on.</summary>
    public IReadOnlyList<long> RecordCounts => _counts;

    /// <summary>The partition of each item, as last looked up; null where there is none.</summary>
    public IReadOnlyList<Partition?> Partitions => _partitions;

    /// <summary>Whether the client may read the topic of this name; null when it may read every one.</summary>
    public Func<string, bool>? MayRead { get; init; }

    /// <summary>Cancelled when what there is is to be answered.</summary>
    public CancellationToken StopWaiting { get; init; }

    public async ValueTask<FetchResponse.PartitionData[]> RunAsync(CancellationToken cancellation)
    {
        while (true)
        {
            Check();
            long endsBefore = SumOfEnds();
            await ReadAsync(cancellation);
            if (_mustAnswer || _bytesRead >= limits.BytesMin || LeftMs() <= 0 || StopWaiting.IsCancellationRequested
                || cancellation.IsCancellationRequested)
            {
                return Answer();
            }

            await WaitAsync(endsBefore, limits.BytesMin - _bytesRead, cancellation);
            if (_bytesRead > 0 && SumOfEnds() == endsBefore)
            {
                return Answer();
            }

            Discard();
        }
    }

    /// <summary>A partition that is still being opened is to be asked for again: without an error it would look empty.</summary>
    private FetchResponse.PartitionData[] Answer()
    {
        for (int at = 0; at < items.Count; at++)
        {
            if (_opening[at])
            {
                _answers[at].ErrorCode = (short)KafkaError.NotLeaderOrFollower;
            }
        }

        return _answers;
    }

    /// <summary>Finds the partitions and checks positions; fills in an answer for each, without records.</summary>
    private void Check()
    {
        _mustAnswer = items.Count == 0;
        for (int at = 0; at < items.Count; at++)
        {
            FetchItem item = items[at];
            Topic? topic = item.Key.In(services.Topics);
            bool isDenied = MayRead is { } mayRead && (item.Key.Topic ?? topic?.Name) is { } read && !mayRead(read);
            Partition? partition = _partitions[at] = isDenied ? null : topic?.Partition(item.Key.Partition);
            FetchResponse.PartitionData answer = _answers[at] = new FetchResponse.PartitionData
            {
                PartitionIndex = item.Key.Partition,

                // In this order, so that it is never beyond the other.
                LastStableOffset = partition?.LastStableOffset ?? -1,
                HighWatermark = partition?.HighWatermark ?? -1,
                LogStartOffset = partition?.LogStartOffset ?? -1,
                AbortedTransactions = limits.OnlyCommitted ? [] : null,
                Records = RecordsPayload.Empty,
            };
            KafkaError error = isDenied ? KafkaError.TopicAuthorizationFailed
                : partition is null
                ? item.Key.Topic is null && topic is null ? KafkaError.UnknownTopicId : KafkaError.UnknownTopicOrPartition
                : CheckPosition(partition, item, answer);
            _opening[at] = error == KafkaError.NotLeaderOrFollower && partition?.State == PartitionState.Opening && LeftMs() > 0;
            if (_opening[at])
            {
                // It opens in a moment and wakes the wait then.
                continue;
            }

            answer.ErrorCode = (short)error;
            _mustAnswer |= error != KafkaError.None || answer.DivergingEpoch is { Epoch: >= 0 };
        }
    }

    private KafkaError CheckPosition(Partition partition, FetchItem item, FetchResponse.PartitionData answer)
    {
        if (PartitionChecks.LeaderEpoch(partition, item.CurrentLeaderEpoch) is var fenced and not KafkaError.None)
        {
            return fenced;
        }

        if (!partition.IsReadable)
        {
            return KafkaError.NotLeaderOrFollower;
        }

        if (item.LastFetchedEpoch >= 0)
        {
            (int epoch, long endOffset) = partition.EndOfEpoch(item.LastFetchedEpoch);
            if (epoch >= 0 && (epoch < item.LastFetchedEpoch || endOffset < item.Offset))
            {
                answer.DivergingEpoch = new FetchResponse.EpochEndOffset { Epoch = epoch, EndOffset = endOffset };
                return KafkaError.None;
            }
        }

        if (item.Offset > partition.NextOffset && (partition.State == PartitionState.Sealed || !services.IsInTouch()))
        {
            // The client may have read on at another broker that leads it now; out of range would send it back to the start, or to the end.
            return KafkaError.NotLeaderOrFollower;
        }

        return item.Offset < partition.LogStartOffset || item.Offset > partition.NextOffset
            ? KafkaError.OffsetOutOfRange
            : KafkaError.None;
    }

    private async ValueTask ReadAsync(CancellationToken cancellation)
    {
        long wanted = 0;
        for (int at = 0; at < items.Count && wanted < limits.BytesMax; at++)
        {
            wanted += HasRecords(at) ? Math.Max(items[at].BytesMax, 1) : 0;
        }

        if (wanted == 0)
        {
            return;
        }

        long reserved = Math.Clamp(wanted, 1, Math.Max(limits.BytesMax, 1));
        await services.FetchBytes.AcquireAsync(reserved, cancellation);
        var reads = new FetchReads(services.FetchBytes, reserved);
        StartReads(reads, cancellation);
        await reads.WaitAsync(TimeSpan.FromMilliseconds(services.Options.ColdReadGraceMs), ColdWait(), services.Time, cancellation);
        foreach ((int at, FetchedBatches? batches, Exception? error) in reads.TakeEnded())
        {
            if (error is not null)
            {
                Fail(at, error);
                continue;
            }

            if (batches!.TotalBytes == 0 || (_bytesRead > 0 && _bytesRead + batches.TotalBytes > limits.BytesMax))
            {
                // It would not fit any more; the partition comes earlier next time.
                batches.Dispose();
                continue;
            }

            await NameAbortedAsync(at, batches.EndOffset, cancellation);
            _bytesRead += batches.TotalBytes;
            _counts[at] = batches.EndOffset - items[at].Offset;
            _answers[at].Records = new RecordsPayload(batches.Segments, reads.LeaseOf(batches));
        }

        // What is read too late is let go when it comes, and its share of the budget with it.
        reads.Abandon();
    }

    private void StartReads(FetchReads reads, CancellationToken cancellation)
    {
        long left = limits.BytesMax;
        for (int at = 0; at < items.Count && (left > 0 || reads.Count == 0); at++)
        {
            if (!HasRecords(at))
            {
                continue;
            }

            int bytesMax = (int)Math.Min(items[at].BytesMax, Math.Max(left, 0));
            try
            {
                int read = reads.Start(at, ReadAsync(at, bytesMax, cancellation));
                // A slow read takes no room from the quick ones, as long as the budget has more.
                left -= read >= 0 ? read : reads.TryExtend(bytesMax) ? 0 : bytesMax;
            }
            catch (Exception error)
            {
                Fail(at, error);
            }
        }
    }

    private ValueTask<FetchedBatches> ReadAsync(int at, int bytesMax, CancellationToken cancellation)
    {
        ValueTask<FetchedBatches> read = _partitions[at]!.ReadAsync(items[at].Offset, bytesMax, cancellation);
        if (!limits.OnlyCommitted)
        {
            return read;
        }

        long end = _answers[at].LastStableOffset;
        return read.IsCompletedSuccessfully
            ? ValueTask.FromResult(StableReads.Cut(read.Result, end))
            : CutAsync(read, end);
    }

    private static async ValueTask<FetchedBatches> CutAsync(ValueTask<FetchedBatches> read, long end) => StableReads.Cut(await read, end);

    /// <summary>What a reader of committed records has to leave out of the records that were read.</summary>
    private async ValueTask NameAbortedAsync(int at, long endOffset, CancellationToken cancellation)
    {
        if (!limits.OnlyCommitted)
        {
            return;
        }

        IReadOnlyList<AbortedTransaction> aborted = await AbortedSearch.FindAsync(
            _partitions[at]!, items[at].Offset, endOffset, cancellation);
        _answers[at].AbortedTransactions =
        [
            .. aborted.Select(static one => new FetchResponse.AbortedTransaction { ProducerId = one.ProducerId, FirstOffset = one.FirstOffset }),
        ];
    }

    /// <summary>With nothing to answer yet, a slow read is waited for as long as the client waits anyway.</summary>
    private TimeSpan ColdWait() => TimeSpan.FromMilliseconds(Math.Max(LeftMs(), services.Options.ColdReadGraceMs));

    private bool HasRecords(int at) =>
        _answers[at].ErrorCode == 0 && _answers[at].DivergingEpoch is not { Epoch: >= 0 }
        && _partitions[at] is { IsReadable: true } partition
        && items[at].Offset < (limits.OnlyCommitted ? _answers[at].LastStableOffset : partition.HighWatermark);

    private void Fail(int at, Exception error)
    {
        _mustAnswer = true;
        _answers[at].ErrorCode = (short)StreamErrors.ErrorOf(error);
        if (error is not (OffsetOutOfRangeException or StreamUnavailableException or OperationCanceledException))
        {
            LogReadFailed(services.Logger, error, _partitions[at]!.Identity, items[at].Offset);
        }
    }

    /// <summary>Waits for new bytes, a change of a partition, or the deadline.</summary>
    private async ValueTask WaitAsync(long endsBefore, long bytesWanted, CancellationToken cancellation)
    {
        var waiter = new FetchWaiter(bytesWanted);
        foreach (Partition? partition in _partitions)
        {
            partition?.Waiters.Add(waiter);
        }

        try
        {
            // What was confirmed before the waiter was in place did not wake it.
            if (SumOfEnds() != endsBefore)
            {
                return;
            }

            // The time may have run out on the way here, and a negative rest would be refused or mean for ever.
            // Rounded up: a timer for less than its unit fires at once, and the fetch would go round until the time has passed.
            var left = TimeSpan.FromMilliseconds(Math.Ceiling(Math.Max(LeftMs(), 0)));
            using ITimer deadline = services.Time.CreateTimer(
                static state => ((FetchWaiter)state!).Wake(), waiter, left, Timeout.InfiniteTimeSpan);
            using CancellationTokenRegistration gone = cancellation.UnsafeRegister(static state => ((FetchWaiter)state!).Wake(), waiter);
            using CancellationTokenRegistration enough = StopWaiting.UnsafeRegister(static state => ((FetchWaiter)state!).Wake(), waiter);
            await waiter.Woken;
        }
        finally
        {
            foreach (Partition? partition in _partitions)
            {
                partition?.Waiters.Remove(waiter);
            }
        }
    }

    private long SumOfEnds()
    {
        long sum = 0;
        foreach (Partition? partition in _partitions)
        {
            long end = partition is null ? 0 : limits.OnlyCommitted ? partition.LastStableOffset : partition.HighWatermark;
            sum += partition is null ? 0 : end + ((long)partition.State << 40);
        }

        return sum;
    }

    private void Discard()
    {
        foreach (FetchResponse.PartitionData answer in _answers)
        {
            answer.Records?.Dispose();
            answer.Records = RecordsPayload.Empty;
        }

        Array.Clear(_counts);
        _bytesRead = 0;
    }

    private double LeftMs() => limits.WaitMsMax - services.Time.GetElapsedTime(_startedAt).TotalMilliseconds;

    [LoggerMessage(51, LogLevel.Error, "{Partition} could not be read at offset {Offset}")]
    private static partial void LogReadFailed(ILogger logger, Exception error, PartitionIdentity partition, long offset);
}
