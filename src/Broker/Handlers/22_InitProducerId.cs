using PipeRoll.Broker.Security;
using PipeRoll.Broker.Transactions;
using PipeRoll.Streams.Metadata;
using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Handlers;

/// <summary>
/// InitProducerId (22): gives a producer its id and epoch: to an idempotent one any new id, to a transactional one those of its
/// transactional id, with an epoch above all that were given before.
/// </summary>
/// <remarks>
/// Version 3 on (KIP-360): a producer that had an error may name its id and epoch and gets the next epoch; when the epochs
/// are used up, or it names none, a new id with epoch 0. Ids are never given twice, across restarts. An open transaction of the
/// transactional id is aborted first. Version 4 on: PRODUCER_FENCED.
/// </remarks>
internal sealed class InitProducerIdHandler(BrokerServices services, TransactionCoordinator transactions)
    : Handler<InitProducerIdRequest, InitProducerIdResponse>
{
    private const short FencedSince = 4;

    public override async ValueTask<InitProducerIdResponse> HandleAsync(InitProducerIdRequest request, RequestContext context)
    {
        if (request.TransactionalId is { } transactionalId)
        {
            if (!context.Allows(AclOperation.Write, ResourceType.TransactionalId, transactionalId))
            {
                return Refused((short)KafkaError.TransactionalIdAuthorizationFailed);
            }

            return await InitAsync(transactionalId, request, context);
        }

        // Whoever may write to any topic may do so idempotently (KIP-679).
        if (!context.Guard.Authorizer.AllowsOnAny(
                context.Client.Principal, context.Client.RemoteAddress, AclOperation.Write, ResourceType.Topic)
            && !context.AllowsOnCluster(AclOperation.IdempotentWrite))
        {
            return Refused((short)KafkaError.ClusterAuthorizationFailed);
        }

        if (request.ProducerId >= 0 && request.ProducerEpoch is >= 0 and < short.MaxValue - 1)
        {
            return new InitProducerIdResponse { ProducerId = request.ProducerId, ProducerEpoch = (short)(request.ProducerEpoch + 1) };
        }

        try
        {
            return new InitProducerIdResponse { ProducerId = await services.ProducerIds.NextAsync(CancellationToken.None), ProducerEpoch = 0 };
        }
        catch (MetadataUnavailableException)
        {
            // Retried after a pause by all clients, without looking for a coordinator, which producers without transactions have none of.
            return Refused((short)KafkaError.CoordinatorLoadInProgress);
        }
    }

    private async ValueTask<InitProducerIdResponse> InitAsync(string transactionalId, InitProducerIdRequest request, RequestContext context)
    {
        bool isHalf = request.ProducerId < 0 != request.ProducerEpoch < 0;
        if (transactionalId.Length == 0 || isHalf)
        {
            return Refused((short)KafkaError.InvalidRequest);
        }

        var call = new InitCall(request.TransactionTimeoutMs, request.ProducerId, request.ProducerEpoch);
        TransactionStep step = await transactions.InitAsync(transactionalId, call, context.Cancellation);
        return step.Error == KafkaError.None
            ? new InitProducerIdResponse { ProducerId = step.ProducerId, ProducerEpoch = step.Epoch }
            : Refused(TransactionErrors.Of(step.Error, context.Version, FencedSince));
    }

    private static InitProducerIdResponse Refused(short error) => new() { ErrorCode = error, ProducerId = -1, ProducerEpoch = -1 };
}
