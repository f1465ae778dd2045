using Microsoft.Extensions.Logging;
using PipeRoll.Broker.Security;
using PipeRoll.Streams.Metadata;
using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Handlers;

/// <summary>
/// InitProducerId (22): gives an idempotent producer its id.
/// </summary>
/// <remarks>
/// Version 3 on (KIP-360): a producer that had an error may name its id and epoch and gets the next epoch; when the epochs
/// are used up, or it names none, a new id with epoch 0. Ids are never given twice, across restarts.
/// A transactional id is refused with INVALID_TRANSACTION_TIMEOUT: no timeout is allowed, for there are no transactions. It is
/// the one error without a false accusation that both Java and librdkafka clients take as final; librdkafka retries
/// UNSUPPORTED_VERSION and every coordinator error for ever. The log says it in words.
/// </remarks>
internal sealed partial class InitProducerIdHandler(BrokerServices services) : Handler<InitProducerIdRequest, InitProducerIdResponse>
{
    private readonly ILogger _logger = services.Loggers.CreateLogger<InitProducerIdHandler>();

    public override async ValueTask<InitProducerIdResponse> HandleAsync(InitProducerIdRequest request, RequestContext context)
    {
        if (request.TransactionalId is { } transactionalId)
        {
            if (!context.Allows(AclOperation.Write, ResourceType.TransactionalId, transactionalId))
            {
                return Refused(KafkaError.TransactionalIdAuthorizationFailed);
            }

            LogTransactionsRefused(_logger, context.Client.ConnectionId, transactionalId);
            return Refused(transactionalId.Length == 0 ? KafkaError.InvalidRequest : KafkaError.InvalidTransactionTimeout);
        }

        // Whoever may write to any topic may do so idempotently (KIP-679).
        if (!context.Guard.Authorizer.AllowsOnAny(
                context.Client.Principal, context.Client.RemoteAddress, AclOperation.Write, ResourceType.Topic)
            && !context.AllowsOnCluster(AclOperation.IdempotentWrite))
        {
            return Refused(KafkaError.ClusterAuthorizationFailed);
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
            return Refused(KafkaError.CoordinatorLoadInProgress);
        }
    }

    private static InitProducerIdResponse Refused(KafkaError error) =>
        new() { ErrorCode = (short)error, ProducerId = -1, ProducerEpoch = -1 };

    [LoggerMessage(61, LogLevel.Warning,
        "{Connection} asked for transactions with transactional.id '{TransactionalId}', which are not supported: produce without one")]
    private static partial void LogTransactionsRefused(ILogger logger, string connection, string transactionalId);
}
