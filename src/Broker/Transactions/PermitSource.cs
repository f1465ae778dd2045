using PipeRoll.Broker.Cluster;
using PipeRoll.Broker.Groups;
using PipeRoll.Broker.Topics;
using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Transactions;

/// <summary>Whom the gate asks. A seam for its tests.</summary>
internal interface IPermitSource
{
    /// <returns>What the records may be told: none, or why they may not come in. What a client is to try again is NOT_ENOUGH_REPLICAS.</returns>
    Task<KafkaError> AskAsync(TransactionalWriter writer, TransactionPartition partition);
}

/// <summary>Asks the coordinators of transactions, wherever they are; the partitions that a producer begins on at once in one request.</summary>
/// <remarks>Any thread. Failure: what a coordinator that is away, moving or busy says is asked again for a while.</remarks>
internal sealed class PermitSource(BrokerServices services, CancellationToken stopping) : IPermitSource
{
    private const short Version = 5;
    private const int PauseMinMs = 5;
    private const int PauseMaxMs = 200;

    private readonly Lock _gate = new();
    private readonly Dictionary<TransactionalWriter, List<Asking>> _rounds = [];

    public Task<KafkaError> AskAsync(TransactionalWriter writer, TransactionPartition partition)
    {
        var asking = new Asking(partition, new TaskCompletionSource<KafkaError>(TaskCreationOptions.RunContinuationsAsynchronously));
        lock (_gate)
        {
            if (_rounds.TryGetValue(writer, out List<Asking>? next))
            {
                next.Add(asking);
                return asking.Answer.Task;
            }

            _rounds.Add(writer, [asking]);
        }

        _ = RunAsync(writer);
        return asking.Answer.Task;
    }

    /// <summary>One request after the other, each for all that have come meanwhile.</summary>
    private async Task RunAsync(TransactionalWriter writer)
    {
        while (true)
        {
            List<Asking> asked;
            lock (_gate)
            {
                asked = _rounds[writer];
                if (asked.Count == 0)
                {
                    _rounds.Remove(writer);
                    return;
                }

                _rounds[writer] = [];
            }

            IReadOnlyDictionary<TransactionPartition, KafkaError> answers = await AskUntilAnsweredAsync(writer, asked);
            foreach (Asking asking in asked)
            {
                asking.Answer.SetResult(answers.GetValueOrDefault(asking.Partition, KafkaError.NotEnoughReplicas));
            }
        }
    }

    private async Task<IReadOnlyDictionary<TransactionPartition, KafkaError>> AskUntilAnsweredAsync(
        TransactionalWriter writer, List<Asking> asked)
    {
        long startedAt = services.Time.GetTimestamp();
        int pauseMs = PauseMinMs;
        Dictionary<TransactionPartition, KafkaError> answers = [];
        TransactionPartition[] left = [.. asked.Select(static asking => asking.Partition).Distinct()];
        while (true)
        {
            foreach ((TransactionPartition partition, KafkaError error) in await AskOnceAsync(writer, left))
            {
                answers[partition] = error;
            }

            left = [.. left.Where(partition => IsTemporary(answers.GetValueOrDefault(partition, KafkaError.CoordinatorNotAvailable)))];
            bool isOver = services.Time.GetElapsedTime(startedAt).TotalMilliseconds >= services.Options.Transactions.PermitWaitMs;
            if (left.Length == 0 || isOver || stopping.IsCancellationRequested)
            {
                foreach (TransactionPartition partition in left)
                {
                    answers[partition] = KafkaError.NotEnoughReplicas;
                }

                return answers;
            }

            await PauseAsync(pauseMs);
            pauseMs = Math.Min(pauseMs * 2, PauseMaxMs);
        }
    }

    private async Task<IEnumerable<KeyValuePair<TransactionPartition, KafkaError>>> AskOnceAsync(
        TransactionalWriter writer, TransactionPartition[] partitions)
    {
        int coordinator = CoordinatorOf(writer.TransactionalId);
        if (coordinator < 0)
        {
            return [];
        }

        var request = new AddPartitionsToTxnRequest
        {
            Transactions =
            [
                new()
                {
                    TransactionalId = writer.TransactionalId,
                    ProducerId = writer.ProducerId,
                    ProducerEpoch = writer.Epoch,
                    VerifyOnly = writer.ClientVersion < TransactionCore.EpochBumping,
                    Topics =
                    [
                        .. partitions.GroupBy(static partition => partition.Topic).Select(static topic =>
                            new AddPartitionsToTxnRequest.AddPartitionsToTxnTopic
                            {
                                Name = topic.Key,
                                Partitions = [.. topic.Select(static partition => partition.Partition)],
                            }),
                    ],
                },
            ],
        };
        try
        {
            AddPartitionsToTxnResponse response = await services.Peers.CallAsync<AddPartitionsToTxnRequest, AddPartitionsToTxnResponse>(
                coordinator, request, Version, stopping);
            return response.ResultsByTransaction.SelectMany(static result => result.TopicResults).SelectMany(
                static topic => topic.ResultsByPartition,
                static (topic, partition) => KeyValuePair.Create(
                    new TransactionPartition(topic.Name, partition.PartitionIndex), (KafkaError)partition.PartitionErrorCode));
        }
        catch (Exception error) when (error is PeerUnavailableException or OperationCanceledException)
        {
            return [];
        }
    }

    /// <returns>-1 when nobody coordinates the id now.</returns>
    private int CoordinatorOf(string transactionalId) =>
        services.Topics.Find(PartitionTransactionLog.TopicName) is { } topic
            ? services.Cluster.LeaderOf(
                topic.Partitions[GroupHash.PartitionOf(transactionalId, topic.Partitions.Count)].Identity.Stream).NodeId
            : -1;

    private async Task PauseAsync(int pauseMs)
    {
        try
        {
            await Task.Delay(TimeSpan.FromMilliseconds(pauseMs), services.Time, stopping);
        }
        catch (OperationCanceledException)
        {
            // The broker stops; the loop sees it.
        }
    }

    private static bool IsTemporary(KafkaError error) => error is KafkaError.ConcurrentTransactions or KafkaError.CoordinatorNotAvailable
        or KafkaError.CoordinatorLoadInProgress or KafkaError.NotCoordinator or KafkaError.NotEnoughReplicas;

    private readonly record struct Asking(TransactionPartition Partition, TaskCompletionSource<KafkaError> Answer);
}
