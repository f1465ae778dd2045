using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Handlers;

/// <summary>
/// FindCoordinator (10): which broker coordinates a group. There is one broker: this one.
/// </summary>
/// <remarks>
/// Versions up to 3 ask for one key, 4 on for many (KIP-699). For transactional ids (key type 1) this broker is named too,
/// although it refuses them: an error here is retried for ever by some clients, the one of InitProducerId ends them at once.
/// </remarks>
internal sealed class FindCoordinatorHandler(BrokerServices services) : Handler<FindCoordinatorRequest, FindCoordinatorResponse>
{
    private const sbyte Group = 0;
    private const sbyte Transaction = 1;

    public override ValueTask<FindCoordinatorResponse> HandleAsync(FindCoordinatorRequest request, RequestContext context)
    {
        (KafkaError error, string? message) = request.KeyType is Group or Transaction
            ? (KafkaError.None, (string?)null)
            : (KafkaError.InvalidRequest, $"key type {request.KeyType} is unknown");
        bool found = error == KafkaError.None;
        if (context.Version < 4)
        {
            return ValueTask.FromResult(new FindCoordinatorResponse
            {
                ErrorCode = (short)error,
                ErrorMessage = message,
                NodeId = found ? services.Options.NodeId : -1,
                Host = found ? services.AdvertisedHost : "",
                Port = found ? services.AdvertisedPort : -1,
                Coordinators = [],
            });
        }

        return ValueTask.FromResult(new FindCoordinatorResponse
        {
            Coordinators = [.. request.CoordinatorKeys.Select(key => new FindCoordinatorResponse.Coordinator
            {
                Key = key,
                NodeId = found ? services.Options.NodeId : -1,
                Host = found ? services.AdvertisedHost : "",
                Port = found ? services.AdvertisedPort : -1,
                ErrorCode = (short)error,
                ErrorMessage = message,
            })],
        });
    }
}
