using PipeRoll.Wire;
using PipeRoll.Wire.Messages;
using PipeRoll.Wire.Records;

namespace PipeRoll.Client;

/// <summary>
/// Writes transactions (KIP-98): records of many partitions, and offsets of a group, that become visible together or not at all. Where the cluster has
/// agreed on <c>transaction.version</c> 2, each transaction has an epoch of its own and partitions join by being written to (KIP-890); elsewhere they
/// are named first.
/// </summary>
/// <remarks>
/// Owner: its creator; one call at a time. What passes by itself is repeated until the transaction's time is up. Failure:
/// <see cref="ClientException"/>; the producer must then be thrown away, and the cluster aborts what it left open. Batches are sent in order: the next
/// goes out when the ones before are acknowledged.
/// </remarks>
public sealed class TransactionalProducer(KafkaCluster cluster, string transactionalId, int timeoutMs) : IAsyncDisposable
{
    private const long SendBytes = 1024 * 1024;
    private const long UnsentBytesMax = 32 * 1024 * 1024;
    private const short AllReplicas = -1;
    private readonly PendingBatches _pending = new();
    private readonly HashSet<PartitionId> _named = [];
    private readonly CancellationTokenSource _stop = new();
    private readonly ProduceCalls _calls = new(cluster, transactionalId, AllReplicas);
    private Task _sending = Task.CompletedTask;
    private long _unsentBytes;
    private bool _isSecondVersion;
    private bool _isOpen;
    private bool _isBegun;
    private long _giveUpAt;

    /// <summary>Whether the second version of transactions is used where it is to be had.</summary>
    internal bool IsSecondVersionWanted { get; init; } = true;

    /// <summary>Learns its id and epoch from the coordinator; whoever used the transactional id before is fenced, and what it left open aborted.</summary>
    public async Task StartAsync(CancellationToken cancellation)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation, _stop.Token);
        InitProducerIdResponse answer = await CoordinatorCallAsync<InitProducerIdRequest, InitProducerIdResponse>(
            new InitProducerIdRequest { TransactionalId = transactionalId, TransactionTimeoutMs = timeoutMs },
            4, static answer => answer.ErrorCode, "to begin writing transactions", long.MaxValue, stop.Token);
        _pending.Begin(answer.ProducerId, answer.ProducerEpoch);
    }

    /// <summary>Adds a record; it is copied. Blocks while much is on its way.</summary>
    public void Append(
        PartitionId partition, long timestampMs, ReadOnlySpan<byte> key, bool isKeyNull, ReadOnlySpan<byte> value, bool isValueNull,
        ReadOnlySpan<RecordHeader> headers)
    {
        Open();
        _pending.Append(partition, timestampMs, key, isKeyNull, value, isValueNull, headers);
        if (_pending.SealedBytes >= SendBytes)
        {
            Send(all: false);
            if (Interlocked.Read(ref _unsentBytes) > UnsentBytesMax)
            {
                _sending.GetAwaiter().GetResult();
            }
        }
    }

    /// <summary>Sends what there is, and the offsets behind what it follows from; refused if the group has gone on without this member.</summary>
    public async Task SendOffsetsAsync(GroupIdentity group, IReadOnlyDictionary<PartitionId, long> offsets)
    {
        Open();
        Send(all: true);
        _isBegun = true;
        Task sending = _sending;
        await CommitOffsetsAsync(group, offsets);
        await sending;
    }

    /// <summary>Makes everything visible. When it returns that is certain.</summary>
    public Task CommitAsync() => EndAsync(isCommit: true);

    /// <summary>Makes everything void.</summary>
    public Task AbortAsync() => EndAsync(isCommit: false);

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _sending.ContinueWith(static _ => { }, TaskScheduler.Default);
        _pending.Dispose();
        _stop.Dispose();
    }

    private void Open()
    {
        if (!_isOpen)
        {
            _isOpen = true;
            _giveUpAt = Environment.TickCount64 + timeoutMs;
        }
    }

    private void Send(bool all)
    {
        List<SealedBatch> batches = _pending.Take(all);
        if (batches.Count > 0)
        {
            _isBegun = true;
            Interlocked.Add(ref _unsentBytes, batches.Sum(static batch => (long)batch.Bytes.Length));
            _sending = SendAfterAsync(_sending, batches);
        }
    }

    private async Task SendAfterAsync(Task before, List<SealedBatch> batches)
    {
        await before;
        if (!_isSecondVersion)
        {
            await NameAsync([.. batches.Select(static batch => batch.Partition).Distinct().Where(partition => !_named.Contains(partition))]);
        }

        await _calls.SendAsync(batches, _isSecondVersion, _giveUpAt, _stop.Token);
        Interlocked.Add(ref _unsentBytes, -batches.Sum(static batch => (long)batch.Bytes.Length));
    }

    private async Task EndAsync(bool isCommit)
    {
        if (!_isOpen)
        {
            return;
        }

        if (!isCommit)
        {
            _pending.Clear();
        }

        Send(all: true);
        await (isCommit ? _sending : _sending.ContinueWith(static _ => { }, TaskScheduler.Default));
        if (!_isBegun)
        {
            // Nobody but us has heard of it.
            _isOpen = false;
            return;
        }

        EndTxnResponse answer = await CoordinatorCallAsync<EndTxnRequest, EndTxnResponse>(
            new EndTxnRequest { TransactionalId = transactionalId, ProducerId = _pending.ProducerId, ProducerEpoch = _pending.Epoch, Committed = isCommit },
            _isSecondVersion ? (short)5 : (short)4, static answer => answer.ErrorCode, isCommit ? "to commit" : "to abort", _giveUpAt, _stop.Token);
        if (_isSecondVersion)
        {
            _pending.Begin(answer.ProducerId, answer.ProducerEpoch);
        }

        _named.Clear();
        (_isOpen, _isBegun) = (false, false);
    }

    private async Task CommitOffsetsAsync(GroupIdentity group, IReadOnlyDictionary<PartitionId, long> offsets)
    {
        if (!_isSecondVersion)
        {
            // The coordinator takes one change of a transaction at a time.
            await _sending;
            await CoordinatorCallAsync<AddOffsetsToTxnRequest, AddOffsetsToTxnResponse>(
                new AddOffsetsToTxnRequest
                {
                    TransactionalId = transactionalId,
                    ProducerId = _pending.ProducerId,
                    ProducerEpoch = _pending.Epoch,
                    GroupId = group.Group,
                },
                3, static answer => answer.ErrorCode, $"to add group {group.Group}", _giveUpAt, _stop.Token);
        }

        var request = new TxnOffsetCommitRequest
        {
            TransactionalId = transactionalId,
            GroupId = group.Group,
            ProducerId = _pending.ProducerId,
            ProducerEpoch = _pending.Epoch,
            GenerationId = group.Generation,
            MemberId = group.MemberId,
            GroupInstanceId = group.InstanceId,
            Topics =
            [
                .. offsets.GroupBy(static each => each.Key.Topic).Select(static topic => new TxnOffsetCommitRequest.TxnOffsetCommitRequestTopic
                {
                    Name = topic.Key,
                    Partitions =
                    [
                        .. topic.Select(static each => new TxnOffsetCommitRequest.TxnOffsetCommitRequestPartition
                        {
                            PartitionIndex = each.Key.Partition, CommittedOffset = each.Value, CommittedMetadata = "",
                        }),
                    ],
                }),
            ],
        };
        await CallAsync<TxnOffsetCommitRequest, TxnOffsetCommitResponse>(
            KafkaCluster.GroupKey, group.Group, request, _isSecondVersion ? (short)5 : (short)4,
            static answer => answer.Topics.SelectMany(static topic => topic.Partitions).Select(static each => each.ErrorCode)
                .FirstOrDefault(static code => code != 0),
            $"group {group.Group} does not take the offsets", _giveUpAt, _stop.Token);
    }

    /// <summary>The first version of transactions: partitions are named to the coordinator before they are written to.</summary>
    private async Task NameAsync(IReadOnlyList<PartitionId> partitions)
    {
        if (partitions.Count == 0)
        {
            return;
        }

        await CoordinatorCallAsync<AddPartitionsToTxnRequest, AddPartitionsToTxnResponse>(
            new AddPartitionsToTxnRequest
            {
                V3AndBelowTransactionalId = transactionalId,
                V3AndBelowProducerId = _pending.ProducerId,
                V3AndBelowProducerEpoch = _pending.Epoch,
                V3AndBelowTopics =
                [
                    .. partitions.GroupBy(static each => each.Topic).Select(static topic => new AddPartitionsToTxnRequest.V3AndBelowTopic
                    {
                        Name = topic.Key, Partitions = [.. topic.Select(static each => each.Partition)],
                    }),
                ],
            },
            3,
            static answer => answer.ResultsByTopicV3AndBelow.SelectMany(static topic => topic.ResultsByPartition)
                .Select(static each => each.PartitionErrorCode).FirstOrDefault(static code => code is not 0 and not (short)KafkaError.OperationNotAttempted),
            "to add partitions", _giveUpAt, _stop.Token);
        _named.UnionWith(partitions);
    }

    private Task<TResponse> CoordinatorCallAsync<TRequest, TResponse>(
        TRequest request, short version, Func<TResponse, short> error, string what, long giveUpAt, CancellationToken cancellation)
        where TRequest : class, IKafkaRequest, IKafkaMessage<TRequest>
        where TResponse : class, IKafkaResponse, IKafkaMessage<TResponse> =>
        CallAsync(KafkaCluster.TransactionKey, transactionalId, request, version, error, $"{transactionalId} is not allowed {what}", giveUpAt, cancellation);

    /// <param name="maxVersion">The newest to use: the first and the second version of transactions differ in it.</param>
    private Task<TResponse> CallAsync<TRequest, TResponse>(
        sbyte type, string key, TRequest request, short maxVersion, Func<TResponse, short> error, string what, long giveUpAt, CancellationToken cancellation)
        where TRequest : class, IKafkaRequest, IKafkaMessage<TRequest>
        where TResponse : class, IKafkaResponse, IKafkaMessage<TResponse> => cluster.RetryAsync(
        async () =>
        {
            try
            {
                BrokerLink link = await cluster.CoordinatorAsync(type, key, LinkUse.Write, cancellation);
                if (!_isOpen)
                {
                    _isSecondVersion = IsSecondVersionWanted && link.Feature("transaction.version") >= 2;
                }

                TResponse answer = await link.CallAsync<TRequest, TResponse>(
                    request, link.Version((ApiKey)TRequest.Info.ApiKey, maxVersion), KafkaCluster.CallTimeout, cancellation);
                ClientException.ThrowOn(error(answer), what);
                return answer;
            }
            catch (ClientException failed) when (failed.IsRetriable && failed.Error != KafkaError.ConcurrentTransactions)
            {
                cluster.ForgetCoordinator(type, key);
                throw;
            }
        },
        giveUpAt,
        cancellation);
}
