using System.Text;
using PipeRoll.Broker.Tests.Support;
using PipeRoll.Wire;
using PipeRoll.Wire.Messages;
using PipeRoll.Wire.Records;

namespace PipeRoll.Broker.Tests.Transactions;

/// <summary>A transactional producer and a reader, over the protocol; the old way (v1) or the new one (v2, KIP-890).</summary>
internal sealed class TransactionClient(RawClient client, string transactionalId, bool isV2) : IDisposable
{
    private readonly Dictionary<(string Topic, int Partition), int> _sequences = [];

    public long ProducerId { get; set; } = -1;

    public short Epoch { get; set; } = -1;

    public RawClient Raw => client;

    public static async Task<TransactionClient> ConnectAsync(BrokerHost host, string transactionalId, bool isV2) =>
        new(await RawClient.ConnectAsync(host), transactionalId, isV2);

    public async Task<KafkaError> InitAsync(int timeoutMs = 60_000)
    {
        InitProducerIdResponse response = await client.CallAsync<InitProducerIdRequest, InitProducerIdResponse>(
            new InitProducerIdRequest { TransactionalId = transactionalId, TransactionTimeoutMs = timeoutMs }, 4);
        Take(response.ProducerId, response.ProducerEpoch);
        return (KafkaError)response.ErrorCode;
    }

    public async Task<KafkaError> AddAsync(string topic, params int[] partitions)
    {
        AddPartitionsToTxnResponse response = await client.CallAsync<AddPartitionsToTxnRequest, AddPartitionsToTxnResponse>(
            new AddPartitionsToTxnRequest
            {
                V3AndBelowTransactionalId = transactionalId,
                V3AndBelowProducerId = ProducerId,
                V3AndBelowProducerEpoch = Epoch,
                V3AndBelowTopics = [new() { Name = topic, Partitions = [.. partitions] }],
            },
            3);
        return (KafkaError)response.ResultsByTopicV3AndBelow[0].ResultsByPartition[0].PartitionErrorCode;
    }

    /// <summary>One batch; the old way after the partition was added.</summary>
    public async Task<ProduceResponse.PartitionProduceResponse> ProduceAsync(string topic, int count = 1, int partition = 0)
    {
        if (!isV2)
        {
            Assert.Equal(KafkaError.None, await AddAsync(topic, partition));
        }

        return await SendAsync(topic, count, partition);
    }

    public Task<ProduceResponse.PartitionProduceResponse> SendAsync(string topic, int count = 1, int partition = 0) =>
        SendAsync(topic, partition, count, sequence => Batches.Of(count, ProducerId, Epoch, sequence, isTransactional: true));

    /// <summary>One batch of these records; the old way after the partition was added.</summary>
    public async Task<KafkaError> WriteAsync(string topic, params (string Key, string? Value)[] records)
    {
        if (!isV2 && await AddAsync(topic, 0) is var refused and not KafkaError.None)
        {
            return refused;
        }

        return (KafkaError)(await SendAsync(topic, 0, records.Length, sequence =>
        {
            using var builder = new RecordBatchBuilder { ProducerId = ProducerId, ProducerEpoch = Epoch, BaseSequence = sequence, IsTransactional = true };
            foreach ((string key, string? value) in records)
            {
                ReadOnlyMemory<byte>? bytes = value is null ? (ReadOnlyMemory<byte>?)null : Encoding.UTF8.GetBytes(value);
                builder.Append(TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds(), Encoding.UTF8.GetBytes(key), bytes);
            }

            return builder.Build();
        })).ErrorCode;
    }

    private async Task<ProduceResponse.PartitionProduceResponse> SendAsync(string topic, int partition, int count, Func<int, byte[]> build)
    {
        int sequence = _sequences.GetValueOrDefault((topic, partition));
        _sequences[(topic, partition)] = sequence + count;
        ProduceRequest request = Requests.Produce(topic, partition, build(sequence));
        request.TransactionalId = transactionalId;
        return (await client.CallAsync<ProduceRequest, ProduceResponse>(request, isV2 ? (short)12 : (short)9)).Only();
    }

    public async Task<KafkaError> EndAsync(bool isCommit)
    {
        EndTxnResponse response = await client.CallAsync<EndTxnRequest, EndTxnResponse>(
            new EndTxnRequest
            {
                TransactionalId = transactionalId,
                ProducerId = ProducerId,
                ProducerEpoch = Epoch,
                Committed = isCommit,
            },
            isV2 ? (short)5 : (short)3);
        if (isV2 && response.ErrorCode == 0)
        {
            Take(response.ProducerId, response.ProducerEpoch);
        }

        return (KafkaError)response.ErrorCode;
    }

    public async Task<KafkaError> CommitOffsetAsync(string group, string topic, long offset, int generation = -1, string memberId = "")
    {
        if (!isV2)
        {
            AddOffsetsToTxnResponse added = await client.CallAsync<AddOffsetsToTxnRequest, AddOffsetsToTxnResponse>(
                new AddOffsetsToTxnRequest
                {
                    TransactionalId = transactionalId,
                    ProducerId = ProducerId,
                    ProducerEpoch = Epoch,
                    GroupId = group,
                },
                3);
            if (added.ErrorCode != 0)
            {
                return (KafkaError)added.ErrorCode;
            }
        }

        TxnOffsetCommitResponse response = await client.CallAsync<TxnOffsetCommitRequest, TxnOffsetCommitResponse>(
            new TxnOffsetCommitRequest
            {
                TransactionalId = transactionalId,
                GroupId = group,
                ProducerId = ProducerId,
                ProducerEpoch = Epoch,
                GenerationId = generation,
                MemberId = memberId,
                Topics = [new() { Name = topic, Partitions = [new() { CommittedOffset = offset, CommittedMetadata = "" }] }],
            },
            isV2 ? (short)5 : (short)3);
        return (KafkaError)response.Topics[0].Partitions[0].ErrorCode;
    }

    /// <summary>The committed offset of partition 0, or the error.</summary>
    public async Task<(KafkaError Error, long Offset)> FetchOffsetAsync(string group, string topic, bool requireStable = true)
    {
        OffsetFetchResponse response = await client.CallAsync<OffsetFetchRequest, OffsetFetchResponse>(
            new OffsetFetchRequest
            {
                RequireStable = requireStable,
                Groups = [new() { GroupId = group, Topics = [new() { Name = topic, PartitionIndexes = [0] }] }],
            },
            8);
        OffsetFetchResponse.OffsetFetchResponsePartitions only = response.Groups[0].Topics[0].Partitions[0];
        return ((KafkaError)only.ErrorCode, only.CommittedOffset);
    }

    public async Task<FetchResponse.PartitionData> FetchAsync(string topic, long offset = 0, bool onlyCommitted = true, int waitMs = 0)
    {
        FetchRequest request = Requests.Fetch(topic, offset, waitMs: waitMs);
        request.IsolationLevel = (sbyte)(onlyCommitted ? 1 : 0);
        return (await client.FetchAsync(request)).Only();
    }

    public async Task<long> EndOffsetAsync(string topic, bool onlyCommitted = true)
    {
        ListOffsetsResponse response = await client.CallAsync<ListOffsetsRequest, ListOffsetsResponse>(
            new ListOffsetsRequest
            {
                ReplicaId = -1,
                IsolationLevel = (sbyte)(onlyCommitted ? 1 : 0),
                Topics = [new() { Name = topic, Partitions = [new() { Timestamp = -1, CurrentLeaderEpoch = -1 }] }],
            },
            7);
        return response.Topics[0].Partitions[0].Offset;
    }

    /// <summary>The offset after the last batch that was fetched.</summary>
    public static long EndOf(FetchResponse.PartitionData fetched)
    {
        long end = -1;
        ReadOnlyMemory<byte> rest = fetched.Records is { } records ? records.ToArray() : default;
        while (RecordBatches.TryTakeFirst(ref rest, out RecordBatchHeader header, out _))
        {
            end = header.LastOffset + 1;
        }

        return end;
    }

    /// <summary>Offsets of the records that a client of that isolation would hand to its user: it leaves out markers and what was aborted.</summary>
    public static List<long> Visible(FetchResponse.PartitionData fetched)
    {
        List<long> offsets = [];
        HashSet<long> aborted = [];
        Queue<FetchResponse.AbortedTransaction> coming = new((fetched.AbortedTransactions ?? []).OrderBy(one => one.FirstOffset));
        ReadOnlyMemory<byte> rest = fetched.Records is { } records ? records.ToArray() : default;
        while (RecordBatches.TryTakeFirst(ref rest, out RecordBatchHeader header, out _))
        {
            while (coming.TryPeek(out FetchResponse.AbortedTransaction? next) && next.FirstOffset <= header.LastOffset)
            {
                aborted.Add(coming.Dequeue().ProducerId);
            }

            if (header.IsControl)
            {
                aborted.Remove(header.ProducerId);
            }
            else if (!header.IsTransactional || !aborted.Contains(header.ProducerId))
            {
                offsets.AddRange(Enumerable.Range(0, header.RecordCount).Select(index => header.BaseOffset + index));
            }
        }

        return offsets;
    }

    public void Dispose() => client.Dispose();

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
