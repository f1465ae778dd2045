using PipeRoll.Broker.Security;
using PipeRoll.Broker.Transactions;
using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Handlers;

/// <summary>
/// AddPartitionsToTxn (24): makes partitions part of a transaction, before the first records are written to them.
/// </summary>
/// <remarks>
/// Up to version 3 a producer asks for its transaction; all partitions are added, or none. From 4 on leaders ask, for many transactions,
/// to add partitions on behalf of producers that do not ask themselves, or only whether they were added (KIP-890). Version 2 on:
/// PRODUCER_FENCED; 5 on: TRANSACTION_ABORTABLE.
/// </remarks>
internal sealed class AddPartitionsToTxnHandler(BrokerServices services, TransactionCoordinator transactions)
    : Handler<AddPartitionsToTxnRequest, AddPartitionsToTxnResponse>
{
    private const short FirstVersionOfBrokers = 4;
    private const short FirstVersionWithAbortable = 5;
    private const short FencedSince = 2;

    public override async ValueTask<AddPartitionsToTxnResponse> HandleAsync(AddPartitionsToTxnRequest request, RequestContext context)
    {
        if (context.Version < FirstVersionOfBrokers)
        {
            return await AddAsync(request, context);
        }

        // Brokers alone ask in these versions; what their producers may was checked where they wrote.
        if (!context.AllowsOnCluster(AclOperation.ClusterAction))
        {
            return new AddPartitionsToTxnResponse { ErrorCode = (short)KafkaError.ClusterAuthorizationFailed, ResultsByTransaction = [] };
        }

        var response = new AddPartitionsToTxnResponse { ResultsByTransaction = new(request.Transactions.Count) };
        foreach (AddPartitionsToTxnRequest.AddPartitionsToTxnTransaction transaction in request.Transactions)
        {
            response.ResultsByTransaction.Add(await AnswerAsync(transaction, context));
        }

        return response;
    }

    private async ValueTask<AddPartitionsToTxnResponse> AddAsync(AddPartitionsToTxnRequest request, RequestContext context)
    {
        TransactionPartition[] partitions =
        [
            .. request.V3AndBelowTopics.SelectMany(
                static topic => topic.Partitions, static (topic, index) => new TransactionPartition(topic.Name, index)),
        ];
        HashSet<TransactionPartition> unknown =
            [.. partitions.Where(partition => services.Topics.Find(partition.Topic, partition.Partition) is null)];
        bool mayWrite = context.Allows(AclOperation.Write, ResourceType.TransactionalId, request.V3AndBelowTransactionalId);
        HashSet<string> denied =
        [
            .. request.V3AndBelowTopics.Select(static topic => topic.Name)
                .Where(topic => mayWrite && !context.Allows(AclOperation.Write, ResourceType.Topic, topic)),
        ];
        KafkaError error = !mayWrite ? KafkaError.TransactionalIdAuthorizationFailed
            : unknown.Count > 0 || denied.Count > 0
            ? KafkaError.OperationNotAttempted
            : await transactions.AddAsync(
                request.V3AndBelowTransactionalId, request.V3AndBelowProducerId, request.V3AndBelowProducerEpoch, partitions,
                clientVersion: 0, context.Cancellation);
        short answer = TransactionErrors.Of(error, context.Version, FencedSince);
        return new AddPartitionsToTxnResponse
        {
            ResultsByTopicV3AndBelow =
            [
                .. request.V3AndBelowTopics.Select(topic => new AddPartitionsToTxnResponse.V3AndBelowTopicResult
                {
                    Name = topic.Name,
                    ResultsByPartition =
                    [
                        .. topic.Partitions.Select(index => new AddPartitionsToTxnResponse.V3AndBelowPartitionResult
                        {
                            PartitionIndex = index,
                            PartitionErrorCode = denied.Contains(topic.Name) ? (short)KafkaError.TopicAuthorizationFailed
                                : mayWrite && unknown.Contains(new TransactionPartition(topic.Name, index))
                                ? (short)KafkaError.UnknownTopicOrPartition : answer,
                        }),
                    ],
                }),
            ],
        };
    }

    private async ValueTask<AddPartitionsToTxnResponse.AddPartitionsToTxnResult> AnswerAsync(
        AddPartitionsToTxnRequest.AddPartitionsToTxnTransaction transaction, RequestContext context)
    {
        KafkaError added = KafkaError.None;
        if (!transaction.VerifyOnly)
        {
            added = await transactions.AddAsync(
                transaction.TransactionalId, transaction.ProducerId, transaction.ProducerEpoch,
                [
                    .. transaction.Topics.SelectMany(
                        static topic => topic.Partitions, static (topic, index) => new TransactionPartition(topic.Name, index)),
                ],
                TransactionCore.EpochBumping, context.Cancellation);
        }

        var result = new AddPartitionsToTxnResponse.AddPartitionsToTxnResult
        {
            TransactionalId = transaction.TransactionalId,
            TopicResults = new(transaction.Topics.Count),
        };
        foreach (AddPartitionsToTxnRequest.AddPartitionsToTxnTopic topic in transaction.Topics)
        {
            var answered = new AddPartitionsToTxnResponse.AddPartitionsToTxnTopicResult { Name = topic.Name, ResultsByPartition = [] };
            foreach (int index in topic.Partitions)
            {
                KafkaError error = transaction.VerifyOnly
                    ? await transactions.VerifyAsync(
                        transaction.TransactionalId, transaction.ProducerId, transaction.ProducerEpoch,
                        new TransactionPartition(topic.Name, index))
                    : added;
                answered.ResultsByPartition.Add(new AddPartitionsToTxnResponse.AddPartitionsToTxnPartitionResult
                {
                    PartitionIndex = index,
                    PartitionErrorCode = (short)(error == KafkaError.TransactionAbortable && context.Version < FirstVersionWithAbortable
                        ? KafkaError.InvalidTxnState : error),
                });
            }

            result.TopicResults.Add(answered);
        }

        return result;
    }
}
