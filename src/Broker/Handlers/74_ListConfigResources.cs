using System.Globalization;
using PipeRoll.Broker.Configs;
using PipeRoll.Broker.Security;
using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Handlers;

/// <summary>
/// ListConfigResources (74, KIP-1142): what has a configuration, of the types asked for; an empty list of types is all of them. Version 0
/// (KIP-714) knows subscriptions of client metrics only. Groups are those that have something set.
/// </summary>
internal sealed class ListConfigResourcesHandler(BrokerServices services) : Handler<ListConfigResourcesRequest, ListConfigResourcesResponse>
{
    private static readonly sbyte[] Types =
        [ConfigResource.Topic, ConfigResource.Broker, ConfigResource.BrokerLogger, ConfigResource.ClientMetrics, ConfigResource.Group];

    public override ValueTask<ListConfigResourcesResponse> HandleAsync(ListConfigResourcesRequest request, RequestContext context)
    {
        if (!context.AllowsOnCluster(AclOperation.DescribeConfigs))
        {
            return ValueTask.FromResult(new ListConfigResourcesResponse
            {
                ErrorCode = (short)KafkaError.ClusterAuthorizationFailed,
                ConfigResources = [],
            });
        }

        IReadOnlyList<sbyte> wanted = context.Version == 0 ? [ConfigResource.ClientMetrics]
            : request.ResourceTypes.Count == 0 ? Types
            : request.ResourceTypes;
        if (wanted.Any(static type => !Types.Contains(type)))
        {
            return ValueTask.FromResult(new ListConfigResourcesResponse { ErrorCode = (short)KafkaError.UnsupportedVersion, ConfigResources = [] });
        }

        return ValueTask.FromResult(new ListConfigResourcesResponse
        {
            ConfigResources =
            [
                .. wanted.Distinct().SelectMany(type => NamesOf(type).Select(name => new ListConfigResourcesResponse.ConfigResource
                {
                    ResourceName = name,
                    ResourceType = type,
                })),
            ],
        });
    }

    private IEnumerable<string> NamesOf(sbyte type) => type switch
    {
        ConfigResource.Topic => services.Topics.All.Select(static topic => topic.Name).Order(StringComparer.Ordinal),
        ConfigResource.Broker or ConfigResource.BrokerLogger =>
            services.Cluster.Nodes.Select(static node => node.NodeId.ToString(CultureInfo.InvariantCulture)),
        ConfigResource.ClientMetrics => services.Configs.Of(ConfigKinds.ClientMetrics).Select(static record => record.Entity),
        _ => services.Configs.Of(ConfigKinds.Group).Select(static record => record.Entity),
    };
}
