using PipeRoll.Broker.Groups;
using PipeRoll.Broker.Groups.Offsets;
using PipeRoll.Broker.Partitions;
using PipeRoll.Broker.Security;
using PipeRoll.Broker.Transactions;
using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Handlers;

/// <summary>
/// TxnOffsetCommit (28): stores offsets of a group that count when the transaction is committed, and never when it is aborted.
/// </summary>
/// <remarks>
/// Version 3 on: a member that was replaced commits nothing (KIP-447). Version 5 on: the group becomes part of the transaction by this
/// (KIP-890); before, AddOffsetsToTxn has made it so.
/// </remarks>
internal sealed class TxnOffsetCommitHandler(BrokerServices services, GroupCoordinator groups, TransactionGate gate)
    : Handler<TxnOffsetCommitRequest, TxnOffsetCommitResponse>
{
    private const short FirstVersionThatAddsTheGroup = 5;

    public override async ValueTask<TxnOffsetCommitResponse> HandleAsync(TxnOffsetCommitRequest request, RequestContext context)
    {
        KafkaError refused = !context.Allows(AclOperation.Write, ResourceType.TransactionalId, request.TransactionalId)
            ? KafkaError.TransactionalIdAuthorizationFailed
            : !context.Allows(AclOperation.Read, ResourceType.Group, request.GroupId) ? KafkaError.GroupAuthorizationFailed
            : KafkaError.None;
        if (refused != KafkaError.None)
        {
            return Answer(request, refused, null);
        }

        HashSet<string> denied =
        [
            .. request.Topics.Select(static topic => topic.Name)
                .Where(topic => !context.Allows(AclOperation.Read, ResourceType.Topic, topic)),
        ];
        long nowMs = services.Time.GetUtcNow().ToUnixTimeMilliseconds();
        List<OffsetCommitEntry> entries = [];
        foreach (TxnOffsetCommitRequest.TxnOffsetCommitRequestTopic topic in request.Topics)
        {
            foreach (TxnOffsetCommitRequest.TxnOffsetCommitRequestPartition partition in topic.Partitions)
            {
                if (Check(topic, partition, denied) == KafkaError.None)
                {
                    entries.Add(new OffsetCommitEntry(
                        new GroupPartition(topic.Name, partition.PartitionIndex),
                        new CommittedOffset(
                            partition.CommittedOffset, partition.CommittedLeaderEpoch, partition.CommittedMetadata ?? "", nowMs)));
                }
            }
        }

        KafkaError error = entries.Count == 0 ? KafkaError.None : await CommitAsync(request, entries, context);
        return Answer(request, TransactionErrors.OfOffsets(error, context.Version), denied);
    }

    private async ValueTask<KafkaError> CommitAsync(
        TxnOffsetCommitRequest request, IReadOnlyList<OffsetCommitEntry> entries, RequestContext context)
    {
        await groups.WhenLoadedAsync(request.GroupId, context.Cancellation);
        KafkaError status = request.GroupId.Length == 0 ? KafkaError.InvalidGroupId : groups.Status(request.GroupId);
        if (status != KafkaError.None)
        {
            return status;
        }

        if (services.Topics.Find(PartitionOffsetsLog.TopicName, groups.PartitionOf(request.GroupId)) is not { } partition)
        {
            return KafkaError.CoordinatorNotAvailable;
        }

        short clientVersion = context.Version >= FirstVersionThatAddsTheGroup ? TransactionCore.EpochBumping : (short)0;
        var writer = new TransactionalWriter(request.TransactionalId, request.ProducerId, request.ProducerEpoch, clientVersion);
        var by = new Committer(context.Client.Principal, context.ClientId ?? "");
        AppendResult result = await gate.AppendAsync(
            partition, writer,
            permit => new ValueTask<AppendResult>(groups.CommitInTransactionAsync(
                request.GroupId, new CommitIdentity(request.MemberId, request.GroupInstanceId, request.GenerationId), entries, by,
                new TransactionalAppend(request.ProducerId, request.ProducerEpoch, permit))));
        return result.LacksPermit ? KafkaError.NotEnoughReplicas : result.Error;
    }

    private KafkaError Check(
        TxnOffsetCommitRequest.TxnOffsetCommitRequestTopic topic, TxnOffsetCommitRequest.TxnOffsetCommitRequestPartition partition,
        HashSet<string>? denied)
    {
        if (denied is null)
        {
            // Of what may not be touched nothing else is told.
            return KafkaError.None;
        }

        if (denied.Contains(topic.Name))
        {
            return KafkaError.TopicAuthorizationFailed;
        }

        if (services.Topics.Find(topic.Name) is null)
        {
            return KafkaError.UnknownTopicOrPartition;
        }

        return partition.CommittedMetadata?.Length > services.Options.Groups.OffsetMetadataBytesMax
            ? KafkaError.OffsetMetadataTooLarge
            : KafkaError.None;
    }

    private TxnOffsetCommitResponse Answer(TxnOffsetCommitRequest request, KafkaError error, HashSet<string>? denied) => new()
    {
        Topics =
        [
            .. request.Topics.Select(topic => new TxnOffsetCommitResponse.TxnOffsetCommitResponseTopic
            {
                Name = topic.Name,
                Partitions =
                [
                    .. topic.Partitions.Select(partition => new TxnOffsetCommitResponse.TxnOffsetCommitResponsePartition
                    {
                        PartitionIndex = partition.PartitionIndex,
                        ErrorCode = (short)(Check(topic, partition, denied) is var own and not KafkaError.None ? own : error),
                    }),
                ],
            }),
        ],
    };
}
