using PipeRoll.Broker.Configs;
using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Handlers;

/// <summary>
/// IncrementalAlterConfigs (44, KIP-339): sets, deletes, appends to and subtracts from single settings of a topic.
/// </summary>
/// <remarks>A resource named twice in one request is refused, all changes of a resource happen or none does.</remarks>
internal sealed class IncrementalAlterConfigsHandler(BrokerServices services)
    : Handler<IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse>
{
    public override async ValueTask<IncrementalAlterConfigsResponse> HandleAsync(
        IncrementalAlterConfigsRequest request, RequestContext context)
    {
        var response = new IncrementalAlterConfigsResponse { Responses = new(request.Resources.Count) };
        var seen = new HashSet<(sbyte, string)>();
        foreach (IncrementalAlterConfigsRequest.AlterConfigsResource resource in request.Resources)
        {
            List<ConfigChange> changes =
            [
                .. resource.Configs.Select(config =>
                    new ConfigChange(config.Name, (ConfigOperation)config.ConfigOperation, config.Value)),
            ];
            (KafkaError error, string? message) = seen.Add((resource.ResourceType, resource.ResourceName))
                ? await ConfigAlteration.ApplyAsync(
                    services, resource.ResourceType, resource.ResourceName, changes, fromNothing: false, request.ValidateOnly, context)
                : (KafkaError.InvalidRequest, "The resource is named twice in one request.");
            response.Responses.Add(new IncrementalAlterConfigsResponse.AlterConfigsResourceResponse
            {
                ErrorCode = (short)error,
                ErrorMessage = message,
                ResourceType = resource.ResourceType,
                ResourceName = resource.ResourceName,
            });
        }

        return response;
    }
}
