using PipeRoll.Broker.Partitions;
using PipeRoll.Broker.Topics;
using PipeRoll.Foundation.Scheduling;
using PipeRoll.Wire;
using PipeRoll.Wire.Framing;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Nearby;

/// <summary>
/// One fetch, wherever its partitions are led: those led here are read, those led in another rack are served from what their leaders have sent,
/// and consumers of another rack are told to read there (KIP-392). One item, one answer, in the same order.
/// </summary>
/// <remarks>One task. Without a rack this is a <see cref="FetchOperation"/> and nothing else.</remarks>
/// <param name="rack">Of the consumer; empty for none, and for brokers.</param>
/// <param name="mayRead">Null when the client may read every topic.</param>
internal sealed class FetchRound(
    FetchServices services, NearbyReads nearby, IReadOnlyList<FetchItem> items, FetchLimits limits, string rack, Func<string, bool>? mayRead)
{
    private readonly List<int> _here = [];
    private readonly List<(int At, NearbyLog Log)> _there = [];
    private FetchResponse.PartitionData[] _answers = [];
    private Partition?[] _partitions = [];
    private long[] _counts = [];
    private bool _sendsAway;

    /// <summary>How many offsets each answer's records cover.</summary>
    public IReadOnlyList<long> RecordCounts { get; private set; } = [];

    /// <summary>The partition of each item; null where there is none.</summary>
    public IReadOnlyList<Partition?> Partitions { get; private set; } = [];

    /// <summary>Bytes of records that other brokers lead.</summary>
    public long NearbyBytes { get; private set; }

    public async ValueTask<FetchResponse.PartitionData[]> RunAsync(CancellationToken cancellation)
    {
        if (rack.Length == 0)
        {
            var operation = new FetchOperation(services, items, limits) { MayRead = mayRead };
            FetchResponse.PartitionData[] answers = await operation.RunAsync(cancellation);
            (RecordCounts, Partitions) = (operation.RecordCounts, operation.Partitions);
            return answers;
        }

        _answers = new FetchResponse.PartitionData[items.Count];
        RecordCounts = _counts = new long[items.Count];
        Partitions = _partitions = new Partition?[items.Count];
        Divide();
        FetchLimits shared = _sendsAway ? limits with { WaitMsMax = 0 } : limits;
        if (_there.Count == 0)
        {
            await RunHereAsync(shared, default, cancellation);
            return _answers;
        }

        if (_here.Count == 0)
        {
            await RunThereAsync(shared, default, cancellation);
            return _answers;
        }

        // Whichever has something to say first ends the wait of both.
        shared = shared with { BytesMax = shared.BytesMax / 2 };
        using var enough = new CancellationTokenSource();
        Task here = RunHereAsync(shared, enough.Token, cancellation).AsTask();
        Task there = RunThereAsync(shared, enough.Token, cancellation).AsTask();
        try
        {
            await Task.WhenAny(here.Follow(), there.Follow());
        }
        finally
        {
            enough.Cancel();
        }

        try
        {
            await Task.WhenAll(here.Follow(), there.Follow());
        }
        catch
        {
            foreach (FetchResponse.PartitionData? answer in _answers)
            {
                answer?.Records?.Dispose();
            }

            throw;
        }

        return _answers;
    }

    private void Divide()
    {
        for (int at = 0; at < items.Count; at++)
        {
            FetchItem item = items[at];
            Topic? topic = item.Key.In(services.Topics);
            if (topic?.Partition(item.Key.Partition) is not { } partition || mayRead?.Invoke(topic.Name) == false)
            {
                _here.Add(at);
            }
            else if (partition.State == PartitionState.Elsewhere && nearby.LogOf(partition, rack, limits.OnlyCommitted) is { } log)
            {
                _partitions[at] = partition;
                _there.Add((at, log));
            }
            else if (nearby.ReaderFor(partition, rack) is { } reader && partition.IsReadable
                && PartitionChecks.LeaderEpoch(partition, item.CurrentLeaderEpoch) == KafkaError.None)
            {
                _partitions[at] = partition;
                _answers[at] = SendTo(reader, partition, item);
                _sendsAway = true;
            }
            else
            {
                _here.Add(at);
            }
        }
    }

    private FetchResponse.PartitionData SendTo(int reader, Partition partition, FetchItem item) => new()
    {
        PartitionIndex = item.Key.Partition,
        LastStableOffset = partition.LastStableOffset,
        HighWatermark = partition.HighWatermark,
        LogStartOffset = partition.LogStartOffset,
        AbortedTransactions = limits.OnlyCommitted ? [] : null,
        PreferredReadReplica = reader,
        Records = RecordsPayload.Empty,
    };

    private async ValueTask RunHereAsync(FetchLimits shared, CancellationToken stopWaiting, CancellationToken cancellation)
    {
        if (_here.Count == 0 && items.Count > 0)
        {
            return;
        }

        FetchItem[] own = [.. _here.Select(at => items[at])];
        var operation = new FetchOperation(services, own, shared) { MayRead = mayRead, StopWaiting = stopWaiting };
        FetchResponse.PartitionData[] answers = await operation.RunAsync(cancellation);
        for (int index = 0; index < own.Length; index++)
        {
            int at = _here[index];
            (_answers[at], _partitions[at], _counts[at]) = (answers[index], operation.Partitions[index], operation.RecordCounts[index]);
        }
    }

    private async ValueTask RunThereAsync(FetchLimits shared, CancellationToken stopWaiting, CancellationToken cancellation)
    {
        var fetch = new NearbyFetch(nearby, services, [.. _there.Select(each => (items[each.At], each.Log))], shared) { StopWaiting = stopWaiting };
        FetchResponse.PartitionData[] answers = await fetch.RunAsync(cancellation);
        for (int index = 0; index < answers.Length; index++)
        {
            int at = _there[index].At;
            (_answers[at], _counts[at]) = (answers[index], fetch.CountOf(index));
            NearbyBytes += answers[index].Records?.Length ?? 0;
        }
    }
}
