using PipeRoll.Broker.Admission;
using PipeRoll.Broker.Partitions;
using PipeRoll.Broker.Quotas;
using PipeRoll.Broker.Registry;
using PipeRoll.Broker.Security;
using PipeRoll.Broker.Topics;
using PipeRoll.Broker.Transactions;
using PipeRoll.Foundation.Buffers;
using PipeRoll.Wire;
using PipeRoll.Wire.Framing;
using PipeRoll.Wire.Messages;
using PipeRoll.Wire.Records;

namespace PipeRoll.Broker.Handlers;

/// <summary>
/// Produce (0): appends record batches; answers when they are durable.
/// </summary>
/// <remarks>
/// 1. Check the request. 2. Find each partition. 3. Validate its batches, record by record, and their schemas
/// where the topic wants it. 4. Ask for admission.
/// 5. Append: the place in the log is fixed. All this happens before the first wait, so that requests of a connection
/// append in the order sent. 6. Wait until everything is durable. 7. Answer.
/// acks=1 is as strong as acks=all: there is one durability. acks=0 is not answered; if it fails, the connection is closed,
/// as Kafka does, since that is the only way to tell. A compressed batch is opened to be checked and stored as it came.
/// Versions: 3 is the first one served (record batches v2); 7 zstd; 8 record errors; 10 the leader, when it is another broker
/// (KIP-951); 12 makes the partition part of the transaction by itself (KIP-890). The first records of a transaction wait for its coordinator.
/// </remarks>
internal sealed class ProduceHandler(BrokerServices services, DecompressorPool decompressors, TransactionGate gate)
    : Handler<ProduceRequest, ProduceResponse>
{
    private const short FirstVersionThatAddsPartitions = 12;

    private readonly SchemaGate _schemas = new(services.Schemas);
    private readonly DeadLetterWriter _deadLetters = new(services);

    public override ValueTask<ProduceResponse> HandleAsync(ProduceRequest request, RequestContext context) =>
        IsAheadOfUs(request) ? CatchUpAndAppendAsync(request, context) : AppendAsync(request, context);

    /// <summary>
    /// Whether it asks for something this broker has not heard of: a new topic, mostly, of which the client knows through the broker that
    /// made it. Refused, it would come again; a producer with several requests in flight would then have its first records overtaken.
    /// </summary>
    private bool IsAheadOfUs(ProduceRequest request)
    {
        if (!services.Partitions.IsClustered || !services.Cluster.IsInTouch)
        {
            return false;
        }

        foreach (ProduceRequest.TopicProduceData topicData in request.TopicData)
        {
            Topic? topic = services.Topics.Find(topicData.Name);
            foreach (ProduceRequest.PartitionProduceData data in topicData.PartitionData)
            {
                if (topic?.Partition(data.Index) is not { } partition
                    || (partition.State == PartitionState.Elsewhere && services.Cluster.LeaderOf(partition.Identity.Stream).NodeId < 0))
                {
                    return true;
                }
            }
        }

        return false;
    }

    private async ValueTask<ProduceResponse> CatchUpAndAppendAsync(ProduceRequest request, RequestContext context)
    {
        var appended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        context.Hold = appended.Task;
        ValueTask<ProduceResponse> answer;
        try
        {
            await services.Topics.CatchUpAsync(context.Cancellation);
            answer = AppendAsync(request, context);
        }
        finally
        {
            appended.SetResult();
        }

        return await answer;
    }

    /// <summary>Steps 1 to 5, without a wait; then the others.</summary>
    private ValueTask<ProduceResponse> AppendAsync(ProduceRequest request, RequestContext context)
    {
        context.SuppressResponse = request.Acks == 0;
        var response = new ProduceResponse { Responses = new(request.TopicData.Count) };
        services.Quotas.Charge(QuotaKind.Produce, context, context.Buffer?.Length ?? 0);
        List<PendingAnswer>? pending = null;
        KafkaError refused = request.Acks is < -1 or > 1 ? KafkaError.InvalidRequiredAcks
            : request.TransactionalId is { } id && !context.Allows(AclOperation.Write, ResourceType.TransactionalId, id)
                ? KafkaError.TransactionalIdAuthorizationFailed
                : KafkaError.None;
        foreach (ProduceRequest.TopicProduceData topicData in request.TopicData)
        {
            var topicAnswer = new ProduceResponse.TopicProduceResponse
            {
                Name = topicData.Name,
                PartitionResponses = new(topicData.PartitionData.Count),
            };
            response.Responses.Add(topicAnswer);
            KafkaError error = refused == KafkaError.None && !context.Allows(AclOperation.Write, ResourceType.Topic, topicData.Name)
                ? KafkaError.TopicAuthorizationFailed
                : refused;
            Topic? topic = services.Topics.Find(topicData.Name);
            foreach (ProduceRequest.PartitionProduceData data in topicData.PartitionData)
            {
                var answer = new ProduceResponse.PartitionProduceResponse { Index = data.Index, BaseOffset = -1, RecordErrors = [] };
                topicAnswer.PartitionResponses.Add(answer);
                if (error != KafkaError.None)
                {
                    Refuse(answer, error, RefusalText(error));
                }
                else if (Start(topic, data, answer, request.TransactionalId, context) is { } append)
                {
                    (pending ??= []).Add(append);
                }
            }
        }

        return FinishAsync(response, pending, context);
    }

    /// <returns>Null when the answer is complete already.</returns>
    private PendingAnswer? Start(
        Topic? topic, ProduceRequest.PartitionProduceData data, ProduceResponse.PartitionProduceResponse answer, string? transactionalId,
        RequestContext context)
    {
        if (topic?.Partition(data.Index) is not { } partition)
        {
            Refuse(answer, KafkaError.UnknownTopicOrPartition, "this broker has no such partition");
            return null;
        }

        if (topic.IsInternal)
        {
            Refuse(answer, KafkaError.TopicAuthorizationFailed, $"{topic.Name} is written by the broker only");
            return null;
        }

        ReadOnlyMemory<byte> records = data.Records ?? default;
        if (Validate(topic, partition, records, context.Version) is { } refusal)
        {
            Refuse(answer, refusal.Error, refusal.Message);
            answer.RecordErrors = [.. refusal.Faults.Select(static fault =>
                new ProduceResponse.BatchIndexAndErrorMessage { BatchIndex = fault.RecordIndex, BatchIndexErrorMessage = fault.Reason })];
            return null;
        }

        DeadLetters? dead = null;
        if (topic.Settings.Schemas is { } rules && !CheckSchemas(topic, rules, ref records, answer, context, ref dead))
        {
            return null;
        }

        AdmissionVerdict verdict = Admit(topic.Name, data.Index, records, context.Client.Principal);
        if (verdict.Error != KafkaError.None)
        {
            Refuse(answer, verdict.Error, verdict.Message ?? "the broker's policy does not let these records in");
            return null;
        }

        _ = RecordBatchHeader.TryRead(records.Span, out RecordBatchHeader first);
        if (!first.IsTransactional)
        {
            // What was taken out of a batch left it in memory of its own.
            return new PendingAnswer(answer, partition, partition.AppendAsync(records, dead is null ? context.Buffer : null), records, dead);
        }

        if (string.IsNullOrEmpty(transactionalId))
        {
            Refuse(answer, KafkaError.TransactionalIdAuthorizationFailed, "records of a transaction in a request that names no transactional.id");
            return null;
        }

        short clientVersion = context.Version >= FirstVersionThatAddsPartitions ? TransactionCore.EpochBumping : (short)0;
        var writer = new TransactionalWriter(transactionalId, first.ProducerId, first.ProducerEpoch, clientVersion);
        return new PendingAnswer(answer, partition, AppendAsync(partition, writer, records, context.Buffer), records, null);
    }

    /// <summary>As any append, once the coordinator has let the records in. They may be asked for when the connection is long gone.</summary>
    private async ValueTask<AppendResult> AppendAsync(
        Partition partition, TransactionalWriter writer, ReadOnlyMemory<byte> records, SharedBuffer? owner)
    {
        owner?.AddReference();
        try
        {
            return await gate.AppendAsync(partition, writer, permit => partition.AppendAsync(records, owner, permit: permit));
        }
        finally
        {
            owner?.Release();
        }
    }

    private BatchRefusal? Validate(Topic topic, Partition partition, ReadOnlyMemory<byte> records, short version)
    {
        RecordDecompressor decompressor = decompressors.Take();
        try
        {
            return BatchChecks.Validate(records, topic.Settings, decompressor, services.Partitions.NowMs, version);
        }
        finally
        {
            decompressors.Return(decompressor);
        }
    }

    /// <summary>Refuses the batch, or takes out of it what goes to the dead-letter topic.</summary>
    private bool CheckSchemas(
        Topic topic, SchemaValidation rules, ref ReadOnlyMemory<byte> records, ProduceResponse.PartitionProduceResponse answer, RequestContext context,
        ref DeadLetters? dead)
    {
        RecordDecompressor decompressor = decompressors.Take();
        try
        {
            SchemaVerdict verdict = _schemas.Check(new SchemaCandidate(topic.Name, answer.Index, context.Client.Principal), rules, records, decompressor);
            if (verdict.Error == KafkaError.None)
            {
                (records, dead) = (verdict.Records, verdict.Dead);
                return true;
            }

            Refuse(answer, verdict.Error, verdict.Message ?? "");
            answer.RecordErrors = [.. verdict.Faults.Select(static fault =>
                new ProduceResponse.BatchIndexAndErrorMessage { BatchIndex = fault.RecordIndex, BatchIndexErrorMessage = fault.Reason })];
            return false;
        }
        finally
        {
            decompressors.Return(decompressor);
        }
    }

    private AdmissionVerdict Admit(string topic, int partition, ReadOnlyMemory<byte> records, string principal)
    {
        while (RecordBatches.TryTakeFirst(ref records, out _, out ReadOnlyMemory<byte> batch))
        {
            AdmissionVerdict verdict = services.Admission.Admit(new ProduceCandidate(topic, partition, principal, batch.Span));
            if (verdict.Error != KafkaError.None)
            {
                return verdict;
            }
        }

        return AdmissionVerdict.Allowed;
    }

    private async ValueTask<ProduceResponse> FinishAsync(ProduceResponse response, List<PendingAnswer>? pending, RequestContext context)
    {
        LeaderHints? hints = null;
        foreach (PendingAnswer append in pending ?? [])
        {
            AppendResult result = await append.Append;
            ProduceResponse.PartitionProduceResponse answer = append.Answer;
            if (result.Error != KafkaError.None)
            {
                // A permit that became void time and again: for the client to send the records once more.
                KafkaError refusal = result.LacksPermit ? KafkaError.NotEnoughReplicas : TransactionErrors.OfProduce(result.Error, context.Version);
                Refuse(answer, refusal, result.Message ?? "");
                answer.LogStartOffset = result.LogStartOffset;
                if (result.Error == KafkaError.NotLeaderOrFollower)
                {
                    hints ??= new LeaderHints(services.Cluster, services.Metrics);
                    answer.CurrentLeader = hints.For(append.Partition) is { } leader
                        ? new ProduceResponse.LeaderIdAndEpoch { LeaderId = leader.NodeId, LeaderEpoch = leader.Epoch }
                        : null;
                }

                continue;
            }

            if (append.Dead is { } dead && await _deadLetters.WriteAsync(dead, result.BaseOffset, CancellationToken.None) is { } problem)
            {
                // The rest of the batch is in the log: an idempotent producer that comes again finds it there, and only this is done again.
                Refuse(answer, KafkaError.NotEnoughReplicasAfterAppend, problem);
                continue;
            }

            answer.BaseOffset = result.BaseOffset;
            answer.LogAppendTimeMs = result.LogAppendTimeMs;
            answer.LogStartOffset = result.LogStartOffset;
            CountProduced(append.Records);
        }

        if (hints is not null)
        {
            response.NodeEndpoints = [.. hints.Nodes.Select(static node => new ProduceResponse.NodeEndpoint
            {
                NodeId = node.NodeId,
                Host = node.Host,
                Port = node.Port,
                Rack = node.Rack,
            })];
        }

        if (context.SuppressResponse && FirstError(response) is { } error)
        {
            context.CloseReason = $"a produce with acks=0 failed with {error}, and closing is the only way to say so";
        }

        return response;
    }

    private void CountProduced(ReadOnlyMemory<byte> records)
    {
        long bytes = records.Length;
        long count = 0;
        while (RecordBatches.TryTakeFirst(ref records, out RecordBatchHeader header, out _))
        {
            count += header.RecordCount;
        }

        services.Metrics.Produced(count, bytes);
    }

    private static KafkaError? FirstError(ProduceResponse response)
    {
        foreach (ProduceResponse.TopicProduceResponse topic in response.Responses)
        {
            foreach (ProduceResponse.PartitionProduceResponse partition in topic.PartitionResponses)
            {
                if (partition.ErrorCode != 0)
                {
                    return (KafkaError)partition.ErrorCode;
                }
            }
        }

        return null;
    }

    private static void Refuse(ProduceResponse.PartitionProduceResponse answer, KafkaError error, string message)
    {
        answer.ErrorCode = (short)error;
        answer.ErrorMessage = message;
    }

    private static string RefusalText(KafkaError error) => error == KafkaError.InvalidRequiredAcks
        ? "acks must be -1, 0 or 1"
        : error == KafkaError.TransactionalIdAuthorizationFailed ? "not allowed to write with this transactional id"
        : "not allowed to write to this topic";

    private readonly record struct PendingAnswer(
        ProduceResponse.PartitionProduceResponse Answer, Partition Partition, ValueTask<AppendResult> Append, ReadOnlyMemory<byte> Records,
        DeadLetters? Dead);
}
