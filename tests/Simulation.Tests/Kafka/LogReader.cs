using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Simulation.Kafka;

/// <summary>Reads one partition from an offset on, and checks all it is shown: nothing missing, nothing twice, nothing changed.</summary>
/// <remarks>Owner: a reader's or member's process; one fetch at a time.</remarks>
/// <param name="epochMin">The leader epoch of the record before the offset, as far as it is known; -1.</param>
internal sealed class LogReader(KafkaClient client, PartitionModel model, long offset, int lane, int epochMin = -1)
{
    private const short Version = 12;
    private int _epoch = -1;
    private int _nearby = -1;
    private int _source = -1;
    private long _highWatermark = -1;
    private int _writtenUnder = epochMin;

    public int Partition => model.Partition;

    /// <summary>The leader epoch of the last record read.</summary>
    public int LastEpoch => _writtenUnder;

    public long Offset { get; private set; } = offset;

    /// <summary>One fetch. Backs off and asks for the leader when it was refused.</summary>
    /// <returns>False when it was refused or lost.</returns>
    public async Task<bool> FetchAsync(int waitMs, int bytesMax)
    {
        KnownLeader? leader = client.LeaderOf(model.Partition);
        if (client.Host.KnowsEpochs && leader?.Epoch < _writtenUnder)
        {
            leader = null;
        }

        long acknowledged = model.AcknowledgedEnd;
        FetchResponse? response = leader is { NodeId: >= 0 } known
            ? await client.CallAsync<FetchRequest, FetchResponse>(
                _nearby >= 0 ? _nearby : known.NodeId, Request(known, waitMs, bytesMax), Version, lane, waitMs + KafkaClient.RequestTimeoutMs)
            : null;
        if (response is null)
        {
            _nearby = -1;
            await RefusedAsync();
            return false;
        }

        FetchResponse.PartitionData answer = response.Responses[0].Partitions[0];
        var error = (KafkaError)answer.ErrorCode;
        if (error != KafkaError.None)
        {
            client.Host.World.Trace.Note("client.refused", model.Partition, answer.ErrorCode);
            model.Require(Retriable.Is(error), $"a fetch of {Offset} failed: {error}");
            _nearby = -1;
            client.Hint(model.Partition, answer.CurrentLeader?.LeaderId ?? -1, answer.CurrentLeader?.LeaderEpoch ?? -1);
            await RefusedAsync();
            return false;
        }

        Check(leader!.Value.Epoch, answer, acknowledged);
        return true;
    }

    private FetchRequest Request(KnownLeader leader, int waitMs, int bytesMax) => new()
    {
        MaxWaitMs = waitMs,
        MinBytes = 1,
        MaxBytes = bytesMax,
        RackId = client.Host.Rack,
        ForgottenTopicsData = [],
        Topics =
        [
            new()
            {
                Topic = client.Topic,
                Partitions =
                [
                    new()
                    {
                        Partition = model.Partition,
                        FetchOffset = Offset,
                        CurrentLeaderEpoch = leader.Epoch,
                        PartitionMaxBytes = bytesMax,
                    },
                ],
            },
        ],
    };

    private void Check(int epoch, FetchResponse.PartitionData answer, long acknowledged)
    {
        // A broker of the reader's rack may know of a record a little later than the leader.
        model.Require(
            epoch != _epoch || _source != _nearby || answer.HighWatermark >= _highWatermark,
            $"the high watermark fell from {_highWatermark} to {answer.HighWatermark} within epoch {epoch}");
        if (_nearby < 0)
        {
            model.SawHighWatermark(epoch, answer.HighWatermark, acknowledged);
        }

        client.ReadNearby += _nearby >= 0 && answer.Records is { Length: > 0 } ? 1 : 0;
        _source = _nearby;
        if (answer.PreferredReadReplica >= 0)
        {
            client.Host.World.Trace.Note("client.nearby", model.Partition, _nearby = answer.PreferredReadReplica);
        }

        _epoch = epoch;
        _highWatermark = answer.HighWatermark;
        foreach ((long at, int writtenUnder, SentRecord record) in RecordCodec.Read(answer.Records?.ToArray() ?? []))
        {
            model.Require(
                writtenUnder >= _writtenUnder, $"{at} was written under epoch {writtenUnder}, what came before it under {_writtenUnder}");
            _writtenUnder = writtenUnder;
            if (at < Offset)
            {
                continue; // a batch comes whole
            }

            model.Require(at == Offset, $"offsets are not dense: {at} follows {Offset - 1}");
            model.Require(at < answer.HighWatermark, $"{at} is shown, beyond the high watermark {answer.HighWatermark}");
            model.Shown(at, record);
            Offset++;
        }

        client.Host.World.Trace.Note("client.fetched", model.Partition, Offset);
    }

    private async Task RefusedAsync()
    {
        await client.Host.BackOffAsync();
        await client.RefreshAsync();
    }
}
