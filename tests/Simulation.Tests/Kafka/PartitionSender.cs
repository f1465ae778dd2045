using PipeRoll.Simulation.Engine;
using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Simulation.Kafka;

/// <summary>
/// One partition of an idempotent producer. While nothing has to be sent again, several batches are in flight; once one
/// has failed, the oldest goes alone until all that were in flight have been acknowledged.
/// </summary>
internal sealed class PartitionSender(IdempotentProducer producer, PartitionModel model)
{
    private const short Version = 9;
    private const int Lane = 0;

    /// <summary>Long past, so that no broker whose clock has jumped takes it for the future.</summary>
    private static readonly long CreateTimeMs = SimulatedTime.Start.AddDays(-1).ToUnixTimeMilliseconds();

    private readonly List<Batch> _open = [];
    private readonly KafkaClient _client = producer.Client;
    private readonly Random _random = producer.Client.Host.Random;
    private TaskCompletionSource _changed = new();
    private int _made;
    private bool _hasPaused = true;
    private KafkaError _lastError;

    /// <summary>Records made.</summary>
    public int Sent { get; private set; }

    public string Describe() =>
        $"partition {model.Partition} leader {_client.LeaderOf(model.Partition)} {_made} made, last error {_lastError}, open ["
        + string.Join(' ', _open.Select(static batch => $"{batch.First}x{batch.Attempts}{(batch.IsInFlight ? "!" : "")}")) + "]";

    public async Task RunAsync()
    {
        while (_made < producer.Plan.Batches || _open.Count > 0)
        {
            TaskCompletionSource changed = _changed;
            if (!await SendWhatCanBeSentAsync())
            {
                await changed.Task;
            }
        }
    }

    /// <returns>False when there is nothing to do before something changes.</returns>
    private async Task<bool> SendWhatCanBeSentAsync()
    {
        Batch? next = Next();
        if (next is null)
        {
            return false;
        }

        next.IsInFlight = true;
        KnownLeader? leader = _client.LeaderOf(model.Partition);
        KafkaConnection? connection = leader is { NodeId: >= 0 } known ? await _client.ConnectAsync(known.NodeId, Lane) : null;
        if (connection is null)
        {
            Failed(next);
            return true;
        }

        connection.Send<ProduceRequest, ProduceResponse>(
            Request(next), Version, KafkaClient.RequestTimeoutMs, response => Answered(next, response));
        return true;
    }

    private Batch? Next()
    {
        bool retrying = _open.Exists(static batch => batch.Attempts > 0);
        if (retrying)
        {
            return _open[0].IsInFlight ? null : _open[0];
        }

        if (_open.Find(static batch => !batch.IsInFlight) is { } waiting)
        {
            return waiting;
        }

        return _made < producer.Plan.Batches && _open.Count < producer.Plan.InFlightMax && HasPaused() ? Make() : null;
    }

    private bool HasPaused()
    {
        if (producer.Plan.PauseMsMax == 0)
        {
            return true;
        }

        if (_hasPaused)
        {
            _hasPaused = false;
            _ = PauseAsync();
            return true;
        }

        return false;
    }

    private async Task PauseAsync()
    {
        await _client.Host.Process.DelayAsync(TimeSpan.FromMilliseconds(_random.Next(producer.Plan.PauseMsMax)));
        _hasPaused = true;
        Wake();
    }

    private Batch Make()
    {
        var batch = new Batch
        {
            First = Sent,
            Count = _random.Next(1, producer.Plan.RecordsMax + 1),
            Padding = _random.Next(producer.Plan.PaddingMax),
        };
        Sent += batch.Count;
        _made++;
        _open.Add(batch);
        return batch;
    }

    private ProduceRequest Request(Batch batch) => new()
    {
        Acks = -1,
        TimeoutMs = KafkaClient.RequestTimeoutMs,
        TopicData =
        [
            new()
            {
                Name = _client.Topic,
                PartitionData =
                [
                    new()
                    {
                        Index = model.Partition,
                        Records = RecordCodec.Batch(
                            producer.Number, batch.First, batch.Count, batch.Padding, CreateTimeMs,
                            producer.ProducerId, producer.ProducerEpoch, batch.First),
                    },
                ],
            },
        ],
    };

    private void Answered(Batch batch, ProduceResponse? response)
    {
        if (response is null)
        {
            _lastError = KafkaError.NetworkException;
            Failed(batch);
            return;
        }

        ProduceResponse.PartitionProduceResponse answer = response.Responses[0].PartitionResponses[0];
        var error = (KafkaError)answer.ErrorCode;
        _client.Host.World.Trace.Note("client.produced", (model.Partition * 1000) + producer.Number, answer.BaseOffset);
        _lastError = error;
        switch (error)
        {
            case KafkaError.None or KafkaError.DuplicateSequenceNumber:
                Acknowledged(batch, answer.BaseOffset);
                break;
            case KafkaError.OutOfOrderSequenceNumber when _open[0] != batch:
                // One before it has failed; this one comes again after it.
                Failed(batch);
                break;
            default:
                model.Require(Retriable.Is(error), $"a produce of {producer.Number}'s {batch.First} failed: {error} {answer.ErrorMessage}");
                _client.Hint(model.Partition, answer.CurrentLeader?.LeaderId ?? -1, answer.CurrentLeader?.LeaderEpoch ?? -1);
                Failed(batch);
                break;
        }
    }

    private void Acknowledged(Batch batch, long baseOffset)
    {
        model.Require(
            _open[0] == batch, $"producer {producer.Number}'s {batch.First} was acknowledged before its {_open[0].First}, which came earlier");
        model.Acknowledged(producer.Number, batch.First, batch.Count, baseOffset);
        _open.RemoveAt(0);
        Wake();
    }

    private void Failed(Batch batch)
    {
        batch.Attempts++;
        _ = _client.Host.World.GuardAsync(TryAgainLaterAsync(batch));
    }

    private async Task TryAgainLaterAsync(Batch batch)
    {
        await _client.Host.BackOffAsync();
        await _client.RefreshAsync();
        batch.IsInFlight = false;
        Wake();
    }

    private void Wake()
    {
        TaskCompletionSource changed = _changed;
        _changed = new TaskCompletionSource();
        changed.TrySetResult();
    }

    /// <summary>Its first record's number is its base sequence too.</summary>
    private sealed class Batch
    {
        public required int First { get; init; }

        public required int Count { get; init; }

        public required int Padding { get; init; }

        public int Attempts { get; set; }

        public bool IsInFlight { get; set; }
    }
}
