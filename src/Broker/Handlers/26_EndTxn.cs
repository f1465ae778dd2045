using PipeRoll.Broker.Security;
using PipeRoll.Broker.Transactions;
using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Handlers;

/// <summary>
/// EndTxn (26): commits or aborts. Answered when that is decided, durably; the markers that make it visible follow.
/// </summary>
/// <remarks>
/// Version 2 on: PRODUCER_FENCED. Version 5 on: each transaction ends with a new epoch, which the answer has (KIP-890); when the epochs
/// are used up, a new producer id.
/// </remarks>
internal sealed class EndTxnHandler(TransactionCoordinator transactions) : Handler<EndTxnRequest, EndTxnResponse>
{
    private const short FencedSince = 2;
    private const short FirstVersionWithEpochs = 5;

    public override async ValueTask<EndTxnResponse> HandleAsync(EndTxnRequest request, RequestContext context)
    {
        if (!context.Allows(AclOperation.Write, ResourceType.TransactionalId, request.TransactionalId))
        {
            return new EndTxnResponse { ErrorCode = (short)KafkaError.TransactionalIdAuthorizationFailed };
        }

        short clientVersion = context.Version >= FirstVersionWithEpochs ? TransactionCore.EpochBumping : (short)0;
        var call = new EndCall(request.ProducerId, request.ProducerEpoch, request.Committed, clientVersion);
        TransactionStep step = await transactions.EndAsync(request.TransactionalId, call, context.Cancellation);
        return step.Error == KafkaError.None
            ? new EndTxnResponse { ProducerId = step.ProducerId, ProducerEpoch = step.Epoch }
            : new EndTxnResponse { ErrorCode = TransactionErrors.Of(step.Error, context.Version, FencedSince) };
    }
}
