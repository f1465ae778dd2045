using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Simulation.Kafka;

/// <summary>The requests of a transactional producer, one try each; NETWORK_EXCEPTION stands for no answer.</summary>
/// <param name="isV2">Partitions are added by producing, and each transaction has an epoch of its own (KIP-890).</param>
internal sealed class TransactionCalls(KafkaClient client, string transactionalId, string groupId, bool isV2, int timeoutMs)
{
    private readonly Dictionary<int, int> _sequences = [];
    private int _coordinator = -1;
    private int _groupCoordinator = -1;

    public bool IsV2 => isV2;

    public long ProducerId { get; private set; } = -1;

    public short Epoch { get; private set; } = -1;

    public async Task<KafkaError> InitAsync()
    {
        InitProducerIdResponse? answer = await AtCoordinatorAsync<InitProducerIdRequest, InitProducerIdResponse>(
            new InitProducerIdRequest { TransactionalId = transactionalId, TransactionTimeoutMs = timeoutMs, ProducerId = -1, ProducerEpoch = -1 }, 4);
        if (answer?.ErrorCode == 0)
        {
            Take(answer.ProducerId, answer.ProducerEpoch);
        }

        return Noted(answer?.ErrorCode);
    }

    public async Task<KafkaError> AddAsync(IEnumerable<int> partitions)
    {
        AddPartitionsToTxnResponse? answer = await AtCoordinatorAsync<AddPartitionsToTxnRequest, AddPartitionsToTxnResponse>(
            new AddPartitionsToTxnRequest
            {
                V3AndBelowTransactionalId = transactionalId,
                V3AndBelowProducerId = ProducerId,
                V3AndBelowProducerEpoch = Epoch,
                V3AndBelowTopics = [new() { Name = client.Topic, Partitions = [.. partitions] }],
            },
            3);
        return Noted(answer?.ResultsByTopicV3AndBelow[0].ResultsByPartition[0].PartitionErrorCode);
    }

    /// <summary>The sequence number moves on when the batch is acknowledged.</summary>
    public async Task<KafkaError> ProduceAsync(int partition, int producer, int number, int count, long timestampMs)
    {
        if (client.LeaderOf(partition) is not { NodeId: >= 0 } leader)
        {
            await client.RefreshAsync();
            return KafkaError.NetworkException;
        }

        int sequence = _sequences.GetValueOrDefault(partition);
        var request = new ProduceRequest
        {
            TransactionalId = transactionalId,
            Acks = -1,
            TimeoutMs = KafkaClient.RequestTimeoutMs,
            TopicData =
            [
                new()
                {
                    Name = client.Topic,
                    PartitionData =
                    [
                        new()
                        {
                            Index = partition,
                            Records = RecordCodec.Repeated(producer, number, count, timestampMs, ProducerId, Epoch, sequence),
                        },
                    ],
                },
            ],
        };
        // Longer than the broker waits for the coordinator.
        ProduceResponse? answer = await client.CallAsync<ProduceRequest, ProduceResponse>(
            leader.NodeId, request, isV2 ? (short)12 : (short)9, timeoutMs: 2 * KafkaClient.RequestTimeoutMs);
        var error = (KafkaError)(answer?.Responses[0].PartitionResponses[0].ErrorCode ?? (short)KafkaError.NetworkException);
        if (error is KafkaError.None or KafkaError.DuplicateSequenceNumber)
        {
            _sequences[partition] = sequence + count;
            return KafkaError.None;
        }

        await client.RefreshAsync();
        return error;
    }

    public async Task<KafkaError> CommitOffsetAsync(long offset)
    {
        if (!isV2)
        {
            AddOffsetsToTxnResponse? added = await AtCoordinatorAsync<AddOffsetsToTxnRequest, AddOffsetsToTxnResponse>(
                new AddOffsetsToTxnRequest
                {
                    TransactionalId = transactionalId,
                    ProducerId = ProducerId,
                    ProducerEpoch = Epoch,
                    GroupId = groupId,
                },
                3);
            if (Noted(added?.ErrorCode) is var error and not KafkaError.None)
            {
                return error;
            }
        }

        TxnOffsetCommitResponse? answer = await AtGroupAsync<TxnOffsetCommitRequest, TxnOffsetCommitResponse>(
            new TxnOffsetCommitRequest
            {
                TransactionalId = transactionalId,
                GroupId = groupId,
                ProducerId = ProducerId,
                ProducerEpoch = Epoch,
                MemberId = "",
                Topics = [new() { Name = client.Topic, Partitions = [new() { CommittedOffset = offset, CommittedMetadata = "" }] }],
            },
            isV2 ? (short)5 : (short)3);
        return NotedOfGroup(answer?.Topics[0].Partitions[0].ErrorCode);
    }

    public async Task<KafkaError> EndAsync(bool isCommit)
    {
        EndTxnResponse? answer = await AtCoordinatorAsync<EndTxnRequest, EndTxnResponse>(
            new EndTxnRequest
            {
                TransactionalId = transactionalId,
                ProducerId = ProducerId,
                ProducerEpoch = Epoch,
                Committed = isCommit,
            },
            isV2 ? (short)5 : (short)3);
        if (isV2 && answer?.ErrorCode == 0)
        {
            Take(answer.ProducerId, answer.ProducerEpoch);
        }

        return Noted(answer?.ErrorCode);
    }

    /// <returns>The stable committed offset, -1 for none; null when it could not be told now.</returns>
    public async Task<long?> FetchOffsetAsync()
    {
        OffsetFetchResponse? answer = await AtGroupAsync<OffsetFetchRequest, OffsetFetchResponse>(
            new OffsetFetchRequest
            {
                RequireStable = true,
                Groups = [new() { GroupId = groupId, Topics = [new() { Name = client.Topic, PartitionIndexes = [0] }] }],
            },
            8);
        if (NotedOfGroup(answer?.Groups[0].ErrorCode) != KafkaError.None)
        {
            return null;
        }

        OffsetFetchResponse.OffsetFetchResponsePartitions only = answer!.Groups[0].Topics[0].Partitions[0];
        return only.ErrorCode == 0 ? only.CommittedOffset : null;
    }

    private async Task<TResponse?> AtCoordinatorAsync<TRequest, TResponse>(TRequest request, short version)
        where TRequest : class, IKafkaRequest, IKafkaMessage<TRequest>
        where TResponse : class, IKafkaResponse, IKafkaMessage<TResponse>
    {
        _coordinator = _coordinator >= 0 ? _coordinator : await FindAsync(transactionalId, keyType: 1);
        return _coordinator < 0 ? null : await client.CallAsync<TRequest, TResponse>(
            _coordinator, request, version, timeoutMs: 2 * KafkaClient.RequestTimeoutMs);
    }

    private async Task<TResponse?> AtGroupAsync<TRequest, TResponse>(TRequest request, short version)
        where TRequest : class, IKafkaRequest, IKafkaMessage<TRequest>
        where TResponse : class, IKafkaResponse, IKafkaMessage<TResponse>
    {
        _groupCoordinator = _groupCoordinator >= 0 ? _groupCoordinator : await FindAsync(groupId, keyType: 0);
        return _groupCoordinator < 0 ? null : await client.CallAsync<TRequest, TResponse>(
            _groupCoordinator, request, version, timeoutMs: 2 * KafkaClient.RequestTimeoutMs);
    }

    private async Task<int> FindAsync(string key, sbyte keyType)
    {
        FindCoordinatorResponse answer = await client.CallAnyAsync<FindCoordinatorRequest, FindCoordinatorResponse>(
            new FindCoordinatorRequest { KeyType = keyType, CoordinatorKeys = [key] }, 4);
        FindCoordinatorResponse.Coordinator found = answer.Coordinators[0];
        if (found.ErrorCode != 0)
        {
            Retriable.Require((KafkaError)found.ErrorCode, "FindCoordinator");
            return -1;
        }

        client.Know(found.NodeId, found.Host, found.Port);
        return found.NodeId;
    }

    private KafkaError Noted(short? code)
    {
        var error = (KafkaError)(code ?? (short)KafkaError.NetworkException);
        _coordinator = error is KafkaError.NetworkException or KafkaError.NotCoordinator or KafkaError.CoordinatorNotAvailable ? -1 : _coordinator;
        return error;
    }

    private KafkaError NotedOfGroup(short? code)
    {
        var error = (KafkaError)(code ?? (short)KafkaError.NetworkException);
        _groupCoordinator = error is KafkaError.NetworkException or KafkaError.NotCoordinator or KafkaError.CoordinatorNotAvailable
            ? -1 : _groupCoordinator;
        return error;
    }

    private void Take(long producerId, short epoch)
    {
        if (producerId != ProducerId || epoch != Epoch)
        {
            _sequences.Clear();
        }

        ProducerId = producerId;
        Epoch = epoch;
    }
}
