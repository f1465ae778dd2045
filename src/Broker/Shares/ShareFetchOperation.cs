using PipeRoll.Broker.Groups.Consumer;
using PipeRoll.Broker.Network;
using PipeRoll.Broker.Partitions;
using PipeRoll.Streams;
using PipeRoll.Wire;
using PipeRoll.Wire.Framing;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Shares;

/// <param name="WaitMsMax">How long to wait for the first record.</param>
/// <param name="BytesMax">Of all records together; the first batch comes whatever its size.</param>
/// <param name="RecordsMax">Of all partitions together.</param>
/// <param name="OnlyCommitted">Records of transactions only once they are committed; those of aborted ones are done with unseen.</param>
internal readonly record struct ShareFetchLimits(int WaitMsMax, int BytesMax, int RecordsMax, bool OnlyCommitted);

/// <summary>One fetch of a member of a share group: acquires what there is, and waits when there is nothing.</summary>
/// <remarks>One task. Waits are woken by the log and by records that come back, never by polling.</remarks>
internal sealed class ShareFetchOperation(
    SharePartitions shares, ByteBudget budget, TimeProvider time, ShareSession session, IReadOnlySet<Guid> denied, ShareFetchLimits limits)
{
    /// <summary>Somebody else may have been faster with what was read: so often it is tried again at once.</summary>
    private const int TriesAtOnce = 3;

    private readonly long _startedAt = time.GetTimestamp();
    private readonly Dictionary<TopicIdPartition, ShareFetchResponse.PartitionData> _answers = [];
    private int _recordsLeft = limits.RecordsMax;
    private bool _wasBeaten;

    /// <summary>Partitions with records or an error.</summary>
    public IReadOnlyDictionary<TopicIdPartition, ShareFetchResponse.PartitionData> Answers => _answers;

    public async Task RunAsync(CancellationToken cancellation)
    {
        for (int beaten = 0; ;)
        {
            List<Partition> watched = [];
            long endsBefore = await TryAsync(watched, cancellation);
            if (_answers.Count > 0 || LeftMs() <= 0 || cancellation.IsCancellationRequested || session.Partitions.Count == 0)
            {
                return;
            }

            if (_wasBeaten && ++beaten < TriesAtOnce)
            {
                continue;
            }

            beaten = 0;
            await WaitAsync(watched, endsBefore, cancellation);
        }
    }

    /// <returns>A number that is another one when a watched log has grown since.</returns>
    private async Task<long> TryAsync(List<Partition> watched, CancellationToken cancellation)
    {
        _wasBeaten = false;
        long ends = 0;
        long reserved = Math.Max(limits.BytesMax, 1);
        await budget.AcquireAsync(reserved, cancellation);
        FetchReads reads = new(budget, reserved);
        try
        {
            int bytesLeft = limits.BytesMax;
            foreach (TopicIdPartition partition in session.InTurn())
            {
                if (denied.Contains(partition.Topic))
                {
                    _answers[partition] = Failed(partition, KafkaError.TopicAuthorizationFailed);
                    continue;
                }

                SharePartitionKey key = new(session.GroupId, partition.Topic, partition.Partition);
                (KafkaError error, SharePartition? share) = await shares.GetAsync(key, cancellation);
                if (share is null)
                {
                    _answers[partition] = Failed(partition, error);
                    continue;
                }

                watched.Add(share.Log);
                ends += EndOf(share.Log);
                if (_recordsLeft > 0 && bytesLeft > 0)
                {
                    bytesLeft -= await AcquireAsync(partition, share, bytesLeft, reads, cancellation);
                }
            }
        }
        finally
        {
            reads.Abandon();
        }

        return ends;
    }

    /// <returns>How many bytes were taken.</returns>
    private async Task<int> AcquireAsync(
        TopicIdPartition partition, SharePartition share, int bytesMax, FetchReads reads, CancellationToken cancellation)
    {
        while (share.NextOffset() is { } first && first < EndOf(share.Log))
        {
            FetchedBatches batches;
            IReadOnlyList<(long First, long Last)> aborted;
            try
            {
                batches = await share.Log.ReadAsync(first, bytesMax, cancellation);
                batches = limits.OnlyCommitted ? StableReads.Cut(batches, EndOf(share.Log)) : batches;
                aborted = limits.OnlyCommitted ? await AbortedRanges.FindAsync(share.Log, first, batches, cancellation) : [];
            }
            catch (Exception error) when (error is OffsetOutOfRangeException or StreamUnavailableException)
            {
                _answers[partition] = Failed(partition, StreamErrors.ErrorOf(error));
                return 0;
            }

            IReadOnlyList<AcquiredRange> acquired = batches.TotalBytes == 0
                ? []
                : share.Acquire(session.MemberId, first, batches.EndOffset - 1, _recordsLeft, aborted);
            if (acquired.Count > 0)
            {
                return Give(partition, acquired, batches, reads);
            }

            batches.Dispose();
            if (aborted.Count == 0 || share.NextOffset() == first)
            {
                _wasBeaten = true;
                return 0;
            }
        }

        return 0;
    }

    private int Give(TopicIdPartition partition, IReadOnlyList<AcquiredRange> acquired, FetchedBatches batches, FetchReads reads)
    {
        _recordsLeft -= (int)acquired.Sum(static range => range.Last - range.First + 1);
        _answers[partition] = new ShareFetchResponse.PartitionData
        {
            PartitionIndex = partition.Partition,
            Records = new RecordsPayload(batches.Segments, reads.LeaseOf(batches)),
            AcquiredRecords = [.. acquired.Select(static range => new ShareFetchResponse.AcquiredRange
            {
                FirstOffset = range.First,
                LastOffset = range.Last,
                DeliveryCount = (short)Math.Min(range.Deliveries, short.MaxValue),
            })],
        };
        return batches.TotalBytes;
    }

    private static ShareFetchResponse.PartitionData Failed(TopicIdPartition partition, KafkaError error) => new()
    {
        PartitionIndex = partition.Partition,
        ErrorCode = (short)error,
        Records = RecordsPayload.Empty,
    };

    private async Task WaitAsync(List<Partition> watched, long endsBefore, CancellationToken cancellation)
    {
        FetchWaiter waiter = new(1);
        watched.ForEach(partition => partition.Waiters.Add(waiter));
        try
        {
            // What was confirmed before the waiter was in place did not wake it.
            if (watched.Sum(EndOf) != endsBefore)
            {
                return;
            }

            var left = TimeSpan.FromMilliseconds(Math.Ceiling(Math.Max(LeftMs(), 0)));
            using ITimer deadline = time.CreateTimer(
                static state => ((FetchWaiter)state!).Wake(), waiter, left, Timeout.InfiniteTimeSpan);
            using CancellationTokenRegistration gone = cancellation.UnsafeRegister(static state => ((FetchWaiter)state!).Wake(), waiter);
            await waiter.Woken;
        }
        finally
        {
            watched.ForEach(partition => partition.Waiters.Remove(waiter));
        }
    }

    private long EndOf(Partition log) => limits.OnlyCommitted ? log.LastStableOffset : log.HighWatermark;

    private double LeftMs() => limits.WaitMsMax - time.GetElapsedTime(_startedAt).TotalMilliseconds;
}
