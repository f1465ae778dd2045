using PipeRoll.Wire;
using PipeRoll.Wire.Messages;
using PipeRoll.Wire.Records;

namespace PipeRoll.Simulation.Kafka;

/// <summary>Reads one partition as a reader of committed records does: what was aborted is left out by the list that comes with the records.</summary>
/// <remarks>Owner: one process; one fetch at a time.</remarks>
internal sealed class CommittedReader(KafkaClient client, int partition, TransactionModel model)
{
    private const short Version = 12;
    private const sbyte ReadCommitted = 1;

    private long _offset;
    private int _nearby = -1;

    /// <summary>Everything that is in the log is decided, and was read.</summary>
    public bool IsAtEnd { get; private set; }

    public string Describe() => $"partition {partition} read to {_offset}, last answer {_last}";

    private string _last = "none";

    /// <summary>One fetch. Backs off and asks for the leader when it was refused.</summary>
    public async Task FetchAsync(int waitMs, int bytesMax)
    {
        FetchResponse? response = client.LeaderOf(partition) is { NodeId: >= 0 } leader
            ? await client.CallAsync<FetchRequest, FetchResponse>(
                _nearby >= 0 ? _nearby : leader.NodeId, Request(waitMs, bytesMax), Version, lane: 1, waitMs + KafkaClient.RequestTimeoutMs)
            : null;
        FetchResponse.PartitionData? answer = response?.Responses[0].Partitions[0];
        if (answer is null || answer.ErrorCode != 0)
        {
            var error = (KafkaError)(answer?.ErrorCode ?? (short)KafkaError.NetworkException);
            model.Require(Retriable.Is(error), $"a fetch of {_offset} failed: {error}");
            _nearby = -1;
            await client.Host.BackOffAsync();
            await client.RefreshAsync();
            return;
        }

        _last = $"stable end {answer.LastStableOffset}, end {answer.HighWatermark}";
        model.Require(
            answer.LastStableOffset <= answer.HighWatermark, $"the stable end {answer.LastStableOffset} is beyond the end {answer.HighWatermark}");
        Take(answer);
        if (answer.PreferredReadReplica >= 0)
        {
            client.Host.World.Trace.Note("client.nearby", partition, _nearby = answer.PreferredReadReplica);
        }

        IsAtEnd = _offset >= answer.HighWatermark && answer.LastStableOffset == answer.HighWatermark;
    }

    private void Take(FetchResponse.PartitionData answer)
    {
        var coming = new Queue<FetchResponse.AbortedTransaction>((answer.AbortedTransactions ?? []).OrderBy(static one => one.FirstOffset));
        HashSet<long> aborted = [];
        ReadOnlyMemory<byte> rest = answer.Records?.ToArray() ?? [];
        while (RecordBatches.TryTakeFirst(ref rest, out RecordBatchHeader header, out ReadOnlyMemory<byte> batch))
        {
            while (coming.TryPeek(out FetchResponse.AbortedTransaction? next) && next.FirstOffset <= header.LastOffset)
            {
                aborted.Add(coming.Dequeue().ProducerId);
            }

            model.Require(
                header.LastOffset < answer.LastStableOffset,
                $"{partition}/{header.LastOffset} is shown, beyond the stable end {answer.LastStableOffset}");
            if (header.IsControl)
            {
                aborted.Remove(header.ProducerId);
            }
            else if (!aborted.Contains(header.ProducerId))
            {
                foreach ((long offset, _, SentRecord record) in RecordCodec.Read(batch))
                {
                    if (offset >= _offset)
                    {
                        model.Shown(partition, offset, record);
                    }
                }
            }

            _offset = Math.Max(_offset, header.LastOffset + 1);
        }
    }

    private FetchRequest Request(int waitMs, int bytesMax) => new()
    {
        MaxWaitMs = waitMs,
        MinBytes = 1,
        MaxBytes = bytesMax,
        IsolationLevel = ReadCommitted,
        RackId = client.Host.Rack,
        ForgottenTopicsData = [],
        Topics =
        [
            new()
            {
                Topic = client.Topic,
                Partitions = [new() { Partition = partition, FetchOffset = _offset, CurrentLeaderEpoch = -1, PartitionMaxBytes = bytesMax }],
            },
        ],
    };
}
