using PipeRoll.Broker.Configs;
using PipeRoll.Broker.Security;
using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Handlers;

/// <summary>
/// DescribeConfigs (32): the settings of topics, of this broker, of groups and of subscriptions of client metrics, with where each value
/// comes from.
/// </summary>
/// <remarks>
/// A null list of keys means all. Synonyms (version 1 on) only when asked for, documentation (3 on) likewise. The value of a
/// sensitive setting is never told. A broker with an empty name stands for what is set for all brokers. Levels of loggers (type 8) are
/// not kept: there are none to describe. A group or a subscription that is not known has the defaults.
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
        string name = resource.ResourceName;
        if (ConfigResource.Refuse(resource.ResourceType, name, AclOperation.DescribeConfigs, context) is { } denied)
        {
            return Refuse(result, denied, "not allowed to describe these settings");
        }

        IEnumerable<DescribedConfig> configs;
        switch (resource.ResourceType)
        {
            case ConfigResource.Topic when services.Topics.Find(name) is { } topic:
                configs = ConfigDescriber.OfTopic(topic.Configs, services.Configs.Layers);
                break;
            case ConfigResource.Topic:
                return Refuse(result, KafkaError.UnknownTopicOrPartition, $"Topic '{name}' does not exist.");
            case ConfigResource.Broker or ConfigResource.BrokerLogger when !ConfigResource.IsThisBroker(name, services.Options.NodeId):
                return Refuse(
                    result, KafkaError.InvalidRequest, $"This is broker {services.Options.NodeId}: ask broker '{name}' itself.");
            case ConfigResource.BrokerLogger:
                configs = [];
                break;
            case ConfigResource.Broker:
                configs = name.Length == 0
                    ? ConfigDescriber.OfAllBrokers(services.Configs.Layers)
                    : ConfigDescriber.OfBroker(services.Configs.Layers, services.AdvertisedPort);
                break;
            case ConfigResource.Group or ConfigResource.ClientMetrics when name.Length == 0:
                return Refuse(result, KafkaError.InvalidRequest, "The resource name is empty.");
            case ConfigResource.Group:
                configs = ConfigDescriber.Of(GroupConfigs.Table, services.Configs.Find(ConfigKinds.Group, name), ConfigSource.Group);
                break;
            case ConfigResource.ClientMetrics:
                configs = ConfigDescriber.Of(
                    ClientMetricsConfigs.Table, services.Configs.Find(ConfigKinds.ClientMetrics, name), ConfigSource.ClientMetrics);
                break;
            default:
                return Refuse(result, KafkaError.InvalidRequest, $"Resources of type {resource.ResourceType} have no settings here.");
        }

        foreach (DescribedConfig config in configs)
        {
            if (resource.ConfigurationKeys is null || resource.ConfigurationKeys.Contains(config.Key.Name))
            {
                result.Configs.Add(Answer(config, request));
            }
        }

        return result;
    }

    private static DescribeConfigsResponse.DescribeConfigsResourceResult Answer(
        DescribedConfig config, DescribeConfigsRequest request) => new()
        {
            Name = config.Key.Name,
            Value = config.Key.IsSensitive ? null : config.Value,
            ReadOnly = config.IsReadOnly,
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
