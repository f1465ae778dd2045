using PipeRoll.Broker.Configs;
using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Handlers;

/// <summary>
/// AlterConfigs (33): replaces all settings of a topic; what is not named goes back to its default.
/// </summary>
/// <remarks>Deprecated by Kafka in favour of IncrementalAlterConfigs, still sent by older admin tools.</remarks>
internal sealed class AlterConfigsHandler(BrokerServices services) : Handler<AlterConfigsRequest, AlterConfigsResponse>
{
    public override async ValueTask<AlterConfigsResponse> HandleAsync(AlterConfigsRequest request, RequestContext context)
    {
        var response = new AlterConfigsResponse { Responses = new(request.Resources.Count) };
        foreach (AlterConfigsRequest.AlterConfigsResource resource in request.Resources)
        {
            List<ConfigChange> changes =
                [.. resource.Configs.Select(config => new ConfigChange(config.Name, ConfigOperation.Set, config.Value))];
            (KafkaError error, string? message) = await ConfigAlteration.ApplyAsync(
                services, resource.ResourceType, resource.ResourceName, changes, fromNothing: true, request.ValidateOnly, context);
            response.Responses.Add(new AlterConfigsResponse.AlterConfigsResourceResponse
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
