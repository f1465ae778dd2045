using PipeRoll.Broker.Security;
using PipeRoll.Broker.Transactions;
using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Handlers;

/// <summary>DescribeTransactions (65): transactions by their transactional ids (KIP-664). To be asked of their coordinator.</summary>
internal sealed class DescribeTransactionsHandler(TransactionCoordinator transactions)
    : Handler<DescribeTransactionsRequest, DescribeTransactionsResponse>
{
    public override ValueTask<DescribeTransactionsResponse> HandleAsync(DescribeTransactionsRequest request, RequestContext context) =>
        ValueTask.FromResult(new DescribeTransactionsResponse { TransactionStates = [.. request.TransactionalIds.Select(id => Describe(id, context))] });

    private DescribeTransactionsResponse.TransactionDescription Describe(string transactionalId, RequestContext context)
    {
        var answer = new DescribeTransactionsResponse.TransactionDescription
        {
            TransactionalId = transactionalId,
            TransactionState = "",
            Topics = [],
        };
        if (!context.Allows(AclOperation.Describe, ResourceType.TransactionalId, transactionalId))
        {
            answer.ErrorCode = (short)KafkaError.TransactionalIdAuthorizationFailed;
            return answer;
        }

        (KafkaError error, TransactionRecord? record) =
            transactionalId.Length == 0 ? (KafkaError.InvalidRequest, null) : transactions.Describe(transactionalId);
        if (record is null)
        {
            answer.ErrorCode = (short)(error == KafkaError.None ? KafkaError.TransactionalIdNotFound : error);
            return answer;
        }

        answer.TransactionState = record.Status.ToString();
        answer.TransactionTimeoutMs = record.TimeoutMs;
        answer.TransactionStartTimeMs = record.StartMs;
        answer.ProducerId = record.ProducerId;
        answer.ProducerEpoch = record.Epoch;
        answer.Topics =
        [
            .. record.Partitions.GroupBy(static partition => partition.Topic)
                .Where(topic => context.MaySee(AclOperation.Describe, ResourceType.Topic, topic.Key)).Select(static topic =>
                new DescribeTransactionsResponse.TopicData
                {
                    Topic = topic.Key,
                    Partitions = [.. topic.Select(static partition => partition.Partition).Order()],
                }),
        ];
        return answer;
    }
}
