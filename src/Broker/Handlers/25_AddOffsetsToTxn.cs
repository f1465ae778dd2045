using PipeRoll.Broker.Groups;
using PipeRoll.Broker.Groups.Offsets;
using PipeRoll.Broker.Security;
using PipeRoll.Broker.Topics;
using PipeRoll.Broker.Transactions;
using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Handlers;

/// <summary>
/// AddOffsetsToTxn (25): makes the offsets of a group part of a transaction: the group's partition of the offsets topic is added.
/// </summary>
/// <remarks>Version 2 on: PRODUCER_FENCED. Producers that have the epoch of each transaction from the last one do not ask (KIP-890).</remarks>
internal sealed class AddOffsetsToTxnHandler(BrokerServices services, TransactionCoordinator transactions)
    : Handler<AddOffsetsToTxnRequest, AddOffsetsToTxnResponse>
{
    private const short FencedSince = 2;

    public override async ValueTask<AddOffsetsToTxnResponse> HandleAsync(AddOffsetsToTxnRequest request, RequestContext context)
    {
        if (!context.Allows(AclOperation.Write, ResourceType.TransactionalId, request.TransactionalId))
        {
            return new AddOffsetsToTxnResponse { ErrorCode = (short)KafkaError.TransactionalIdAuthorizationFailed };
        }

        if (!context.Allows(AclOperation.Read, ResourceType.Group, request.GroupId))
        {
            return new AddOffsetsToTxnResponse { ErrorCode = (short)KafkaError.GroupAuthorizationFailed };
        }

        if (request.GroupId.Length == 0)
        {
            return new AddOffsetsToTxnResponse { ErrorCode = (short)KafkaError.InvalidGroupId };
        }

        TopicChange offsets = await PartitionOffsetsLog.EnsureTopicAsync(services.Topics, services.Options.Groups, context.Cancellation);
        if (offsets.Topic is not { } topic)
        {
            return new AddOffsetsToTxnResponse { ErrorCode = (short)KafkaError.CoordinatorNotAvailable };
        }

        int partition = GroupHash.PartitionOf(request.GroupId, topic.Partitions.Count);
        KafkaError error = await transactions.AddAsync(
            request.TransactionalId, request.ProducerId, request.ProducerEpoch, [new TransactionPartition(topic.Name, partition)],
            clientVersion: 0, context.Cancellation);
        return new AddOffsetsToTxnResponse { ErrorCode = TransactionErrors.Of(error, context.Version, FencedSince) };
    }
}
