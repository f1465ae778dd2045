using System.Globalization;
using PipeRoll.Broker.Configs;
using PipeRoll.Broker.Security;
using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Handlers;

/// <summary>Resource types of the config APIs.</summary>
internal static class ConfigResource
{
    public const sbyte Topic = 2;
    public const sbyte Broker = 4;
    public const sbyte Group = 32;

    /// <returns>Null when the client may do this to the settings of the resource.</returns>
    public static KafkaError? Refuse(sbyte type, string name, AclOperation operation, RequestContext context) => type switch
    {
        Topic => context.Allows(operation, Security.ResourceType.Topic, name) ? null : KafkaError.TopicAuthorizationFailed,
        Group => context.Allows(operation, Security.ResourceType.Group, name) ? null : KafkaError.GroupAuthorizationFailed,
        _ => context.AllowsOnCluster(operation) ? null : KafkaError.ClusterAuthorizationFailed,
    };

    /// <summary>Whether a resource name means this broker; the empty name means all of them.</summary>
    public static bool IsThisBroker(string name, int nodeId) =>
        name.Length == 0 || name == nodeId.ToString(CultureInfo.InvariantCulture);
}

/// <summary>
/// DescribeConfigs (32): the settings of topics and of this broker, with where each value comes from.
/// </summary>
/// <remarks>
/// A null list of keys means all. Synonyms (version 1 on) only when asked for, documentation (3 on) likewise. The value of a
/// sensitive setting is never told. Broker settings are read-only: they are set in the configuration file.
/// </remarks>
internal sealed class DescribeConfigsHandler(BrokerServices services) : Handler<DescribeConfigsRequest, DescribeConfigsResponse>
{
    public override ValueTask<DescribeConfigsResponse> HandleAsync(DescribeConfigsRequest request, RequestContext context)
    {
        var response = new DescribeConfigsResponse { Results = new(request.Resources.Count) };
        foreach (DescribeConfigsRequest.DescribeConfigsResource resource in request.Resources)
        {
            response.Results.Add(Describe(resource, request, context));
        }

        return ValueTask.FromResult(response);
    }

    private DescribeConfigsResponse.DescribeConfigsResult Describe(
        DescribeConfigsRequest.DescribeConfigsResource resource, DescribeConfigsRequest request, RequestContext context)
    {
        var result = new DescribeConfigsResponse.DescribeConfigsResult
        {
            ResourceType = resource.ResourceType,
            ResourceName = resource.ResourceName,
            Configs = [],
        };
        if (ConfigResource.Refuse(resource.ResourceType, resource.ResourceName, AclOperation.DescribeConfigs, context) is { } denied)
        {
            return Refuse(result, denied, "not allowed to describe these settings");
        }

        IEnumerable<DescribedConfig> configs;
        switch (resource.ResourceType)
        {
            case ConfigResource.Topic when services.Topics.Find(resource.ResourceName) is { } topic:
                configs = ConfigDescriber.OfTopic(topic.Configs, services.Options);
                break;
            case ConfigResource.Topic:
                return Refuse(result, KafkaError.UnknownTopicOrPartition, $"Topic '{resource.ResourceName}' does not exist.");
            case ConfigResource.Broker when ConfigResource.IsThisBroker(resource.ResourceName, services.Options.NodeId):
                // The empty name asks for cluster-wide dynamic settings, of which there are none.
                configs = resource.ResourceName.Length == 0 ? [] : ConfigDescriber.OfBroker(services.Options, services.AdvertisedPort);
                break;
            case ConfigResource.Broker:
                return Refuse(result, KafkaError.InvalidRequest,
                    $"This is broker {services.Options.NodeId}: ask broker '{resource.ResourceName}' itself.");
            default:
                return Refuse(result, KafkaError.InvalidRequest, $"Resources of type {resource.ResourceType} have no settings here.");
        }

        foreach (DescribedConfig config in configs)
        {
            if (resource.ConfigurationKeys is null || resource.ConfigurationKeys.Contains(config.Key.Name))
            {
                result.Configs.Add(Answer(config, request, resource.ResourceType == ConfigResource.Broker));
            }
        }

        return result;
    }

    private static DescribeConfigsResponse.DescribeConfigsResourceResult Answer(
        DescribedConfig config, DescribeConfigsRequest request, bool readOnly) => new()
        {
            Name = config.Key.Name,
            Value = config.Key.IsSensitive ? null : config.Value,
            ReadOnly = readOnly,
            IsDefault = config.Source == ConfigSource.Default,
            ConfigSource = (sbyte)config.Source,
            IsSensitive = config.Key.IsSensitive,
            Synonyms = request.IncludeSynonyms
                ? [.. config.Synonyms.Select(synonym => new DescribeConfigsResponse.DescribeConfigsSynonym
                {
                    Name = synonym.Name,
                    Value = config.Key.IsSensitive ? null : synonym.Value,
                    Source = (sbyte)synonym.Source,
                })]
                : [],
            ConfigType = (sbyte)config.Key.Type,
            Documentation = request.IncludeDocumentation ? config.Key.Doc : null,
        };

    private static DescribeConfigsResponse.DescribeConfigsResult Refuse(
        DescribeConfigsResponse.DescribeConfigsResult result, KafkaError error, string message)
    {
        result.ErrorCode = (short)error;
        result.ErrorMessage = message;
        return result;
    }
}
