using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Handlers;

/// <summary>
/// InitProducerId (22): gives an idempotent producer its id.
/// </summary>
/// <remarks>
/// Version 3 on (KIP-360): a producer that had an error may name its id and epoch and gets the next epoch; when the epochs
/// are used up, or it names none, a new id with epoch 0. Ids are never given twice, across restarts.
/// A transactional id is refused with UNSUPPORTED_VERSION, which Java and librdkafka clients take as final, and which is
/// true: the broker lacks the feature. COORDINATOR_NOT_AVAILABLE would be retried for ever.
/// </remarks>
internal sealed class InitProducerIdHandler(BrokerServices services) : Handler<InitProducerIdRequest, InitProducerIdResponse>
{
    public override async ValueTask<InitProducerIdResponse> HandleAsync(InitProducerIdRequest request, RequestContext context)
    {
        if (request.TransactionalId is not null)
        {
            return Refused(request.TransactionalId.Length == 0 ? KafkaError.InvalidRequest : KafkaError.UnsupportedVersion);
        }

        if (request.ProducerId >= 0 && request.ProducerEpoch is >= 0 and < short.MaxValue - 1)
        {
            return new InitProducerIdResponse { ProducerId = request.ProducerId, ProducerEpoch = (short)(request.ProducerEpoch + 1) };
        }

        return new InitProducerIdResponse { ProducerId = await services.ProducerIds.NextAsync(context.Cancellation), ProducerEpoch = 0 };
    }

    private static InitProducerIdResponse Refused(KafkaError error) =>
        new() { ErrorCode = (short)error, ProducerId = -1, ProducerEpoch = -1 };
}
