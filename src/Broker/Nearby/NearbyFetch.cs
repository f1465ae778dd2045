using PipeRoll.Broker.Network;
using PipeRoll.Broker.Partitions;
using PipeRoll.Foundation.Scheduling;
using PipeRoll.Wire;
using PipeRoll.Wire.Framing;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Nearby;

/// <summary>
/// The part of a consumer's fetch that is served from what leaders have sent: one item, one answer, in the same order. The counterpart of
/// <see cref="FetchOperation"/>, which reads what this broker leads.
/// </summary>
/// <remarks>One task.</remarks>
internal sealed class NearbyFetch(
    NearbyReads reads, FetchServices services, IReadOnlyList<(FetchItem Item, NearbyLog Log)> items, FetchLimits limits)
{
    // A load that found nothing where another reader is further on already: looked at again after so long.
    private const int AgainMs = 100;

    private readonly FetchResponse.PartitionData[] _answers = new FetchResponse.PartitionData[items.Count];
    private readonly NearbySlice?[] _slices = new NearbySlice?[items.Count];
    private readonly KafkaError[] _failed = new KafkaError[items.Count];
    private readonly long _startedAt = services.Time.GetTimestamp();
    private bool _mustAnswer;
    private long _bytes;

    /// <summary>Cancelled when the rest of the fetch has enough to answer.</summary>
    public CancellationToken StopWaiting { get; init; }

    /// <summary>How many offsets the answer's records cover, from the offset asked for on.</summary>
    public long CountOf(int at) => _slices[at] is { } slice ? slice.EndOffset - items[at].Item.Offset : 0;

    public async ValueTask<FetchResponse.PartitionData[]> RunAsync(CancellationToken cancellation)
    {
        while (true)
        {
            Look();
            if (!IsEnough() && Missing() is { Count: > 0 } missing)
            {
                await LoadAsync(missing, cancellation);
                Look();
            }

            if (IsEnough() || LeftMs() <= 0 || StopWaiting.IsCancellationRequested || cancellation.IsCancellationRequested)
            {
                return await AnswerAsync(cancellation);
            }

            await WaitAsync(cancellation);
        }
    }

    private bool IsEnough() => _mustAnswer || _bytes >= limits.BytesMin;

    /// <summary>Takes what is here.</summary>
    private void Look()
    {
        _bytes = 0;
        for (int at = 0; at < items.Count; at++)
        {
            (FetchItem item, NearbyLog log) = items[at];
            NearbyBounds bounds = log.Bounds;
            bool isFresh = reads.IsFresh(log);
            KafkaError error = reads.CheckEpoch(log, item.CurrentLeaderEpoch) is var fenced and not KafkaError.None ? fenced
                : isFresh && item.Offset < bounds.LogStartOffset ? KafkaError.OffsetOutOfRange
                : _failed[at];
            _mustAnswer |= error != KafkaError.None;
            int bytesMax = (int)Math.Clamp(limits.BytesMax - _bytes, 0, item.BytesMax);
            NearbySlice? slice = error == KafkaError.None && isFresh ? log.Find(item.Offset, bytesMax) : null;
            if (slice is { } found && _bytes > 0 && _bytes + found.Records.Length > limits.BytesMax)
            {
                // It does not fit any more; the partition comes earlier next time.
                slice = null;
            }

            _slices[at] = slice;
            _bytes += slice?.Records.Length ?? 0;
            _answers[at] = new FetchResponse.PartitionData
            {
                PartitionIndex = item.Key.Partition,
                ErrorCode = (short)error,
                LastStableOffset = bounds.LastStableOffset,
                HighWatermark = bounds.HighWatermark,
                LogStartOffset = bounds.LogStartOffset,
                AbortedTransactions = limits.OnlyCommitted ? [.. slice?.Aborted ?? []] : null,
                Records = RecordsPayload.Empty,
            };
        }
    }

    /// <summary>What neither is here nor is being waited for already.</summary>
    private List<int> Missing() =>
        [.. Enumerable.Range(0, items.Count).Where(at => _slices[at] is null && _failed[at] == KafkaError.None && !IsAwaited(at))];

    private bool IsAwaited(int at) => items[at].Log.Tail == items[at].Item.Offset && reads.IsFresh(items[at].Log);

    private async ValueTask LoadAsync(List<int> missing, CancellationToken cancellation)
    {
        Task<NearbyAnswer>[] loads = [.. missing.Select(at => reads.LoadAsync(items[at].Log, items[at].Item.Offset))];
        var patience = TimeSpan.FromMilliseconds(Math.Max(LeftMs(), services.Options.ColdReadGraceMs));
        try
        {
            await Task.WhenAll(loads.Select(static load => load.Follow())).WaitAsync(patience, services.Time, cancellation);
        }
        catch (Exception error) when (error is TimeoutException or OperationCanceledException)
        {
            // They go on, and the next fetch finds what they bring.
        }

        for (int index = 0; index < loads.Length; index++)
        {
            if (loads[index].IsCompletedSuccessfully)
            {
                _failed[missing[index]] = ErrorOf(loads[index].Result.Error);
            }
        }
    }

    /// <summary>What is wrong with the leader makes the client ask who leads; only what is wrong with the request is passed on.</summary>
    private static KafkaError ErrorOf(KafkaError error) =>
        error is KafkaError.None or KafkaError.OffsetOutOfRange or KafkaError.UnknownTopicId ? error : KafkaError.NotLeaderOrFollower;

    private async ValueTask WaitAsync(CancellationToken cancellation)
    {
        var waiter = new FetchWaiter(limits.BytesMin - _bytes);
        foreach ((_, NearbyLog log) in items)
        {
            log.Waiters.Add(waiter);
        }

        try
        {
            double leftMs = Math.Max(LeftMs(), 0);
            bool isFollowed = true;
            for (int at = 0; at < items.Count; at++)
            {
                // What came before the waiter was in place did not wake it.
                if (_slices[at] is null && items[at].Log.Find(items[at].Item.Offset, 1) is not null)
                {
                    return;
                }

                isFollowed &= _slices[at] is not null || IsAwaited(at);
            }

            // What a leader has said is not waited on for longer than it counts.
            leftMs = Math.Min(leftMs, isFollowed ? NearbyReads.FreshMs : AgainMs);
            using ITimer deadline = services.Time.CreateTimer(
                static state => ((FetchWaiter)state!).Wake(), waiter, TimeSpan.FromMilliseconds(Math.Ceiling(leftMs)), Timeout.InfiniteTimeSpan);
            using CancellationTokenRegistration gone = cancellation.UnsafeRegister(static state => ((FetchWaiter)state!).Wake(), waiter);
            using CancellationTokenRegistration enough = StopWaiting.UnsafeRegister(static state => ((FetchWaiter)state!).Wake(), waiter);
            await waiter.Woken;
        }
        finally
        {
            foreach ((_, NearbyLog log) in items)
            {
                log.Waiters.Remove(waiter);
            }
        }
    }

    /// <summary>Puts the records into the answers, counted against the broker's budget until they were sent.</summary>
    private async ValueTask<FetchResponse.PartitionData[]> AnswerAsync(CancellationToken cancellation)
    {
        if (_bytes > 0)
        {
            await services.FetchBytes.AcquireAsync(_bytes, cancellation);
        }

        for (int at = 0; at < items.Count; at++)
        {
            if (_slices[at] is { } slice)
            {
                _answers[at].Records = new RecordsPayload(slice.Records, new Lease(services.FetchBytes, slice.Records.Length));
            }
        }

        return _answers;
    }

    private double LeftMs() => limits.WaitMsMax - services.Time.GetElapsedTime(_startedAt).TotalMilliseconds;

    private sealed class Lease(ByteBudget budget, long bytes) : IDisposable
    {
        private long _bytes = bytes;

        public void Dispose() => budget.Release(Interlocked.Exchange(ref _bytes, 0));
    }
}
