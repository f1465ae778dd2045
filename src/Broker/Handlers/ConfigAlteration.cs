using System.Globalization;
using PipeRoll.Broker.Configs;
using PipeRoll.Broker.Security;
using PipeRoll.Broker.Topics;
using PipeRoll.Wire;

namespace PipeRoll.Broker.Handlers;

/// <summary>What AlterConfigs and IncrementalAlterConfigs have in common.</summary>
internal static class ConfigAlteration
{
    /// <param name="fromNothing">AlterConfigs replaces everything that was set; the incremental one starts from it.</param>
    /// <returns><see cref="KafkaError.None"/>, or what was refused and why.</returns>
    public static async ValueTask<(KafkaError Error, string? Message)> ApplyAsync(
        BrokerServices services, sbyte resourceType, string resourceName, IReadOnlyList<ConfigChange> changes, bool fromNothing,
        bool validateOnly, RequestContext context)
    {
        if (ConfigResource.Refuse(resourceType, resourceName, AclOperation.AlterConfigs, context) is { } denied)
        {
            return (denied, "not allowed to alter these settings");
        }

        if (resourceType != ConfigResource.Topic)
        {
            return await ApplyOtherAsync(services, resourceType, resourceName, changes, fromNothing, validateOnly, context);
        }

        if (services.Topics.Find(resourceName) is not { } topic)
        {
            return (KafkaError.UnknownTopicOrPartition, $"Topic '{resourceName}' does not exist.");
        }

        if (topic.IsInternal)
        {
            return (KafkaError.InvalidTopicException, $"Topic '{resourceName}' is the broker's own: its settings stay as they are.");
        }

        var rules = ConfigRules.Topic(services.Configs.Options);
        ConfigChangeResult result = Change(topic.Configs, changes, fromNothing, rules);
        if (result.Error != KafkaError.None || validateOnly)
        {
            return (result.Error, result.Message);
        }

        // Applied to the topic as it is when its turn comes: another change may have come between.
        TopicChange change = await services.Topics.SetConfigsAsync(
            resourceName, now => Change(now.Configs, changes, fromNothing, rules).Configs, context.Client.Principal,
            CancellationToken.None);
        return (change.Error, change.Message);
    }

    private static async ValueTask<(KafkaError Error, string? Message)> ApplyOtherAsync(
        BrokerServices services, sbyte type, string name, IReadOnlyList<ConfigChange> changes, bool fromNothing, bool validateOnly,
        RequestContext context)
    {
        if (type == ConfigResource.BrokerLogger)
        {
            return (KafkaError.InvalidRequest, "Levels of loggers are set in the configuration file, by category.");
        }

        if (ConfigResource.KindOf(type) is not { } kind)
        {
            return (KafkaError.InvalidRequest, $"Resources of type {type} have no settings here.");
        }

        if (RefuseName(services, type, name) is { } refused)
        {
            return refused;
        }

        ConfigRules rules = type switch
        {
            ConfigResource.Broker => ConfigRules.Broker(services.Configs.Options, services.AdvertisedPort),
            ConfigResource.Group => ConfigRules.Of("group", GroupConfigs.Within(services.Options.Groups)),
            _ => ConfigRules.Of("client metrics", ClientMetricsConfigs.Table),
        };
        ConfigChangeResult result = Change(services.Configs.Find(kind, name), changes, fromNothing, rules);
        return result.Error != KafkaError.None || validateOnly
            ? (result.Error, result.Message)
            : await services.Configs.SetAsync(
                kind, name, now => Change(now, changes, fromNothing, rules), context.Client.Principal, CancellationToken.None);
    }

    private static (KafkaError Error, string? Message)? RefuseName(BrokerServices services, sbyte type, string name)
    {
        if (type != ConfigResource.Broker)
        {
            return name.Length == 0 ? (KafkaError.InvalidRequest, "The resource name is empty: there are no defaults to set.") : null;
        }

        if (name.Length == 0)
        {
            return null;
        }

        return !int.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out int nodeId)
            ? (KafkaError.InvalidRequest, $"Node id must be an integer, but it is: {name}")
            : services.Cluster.Nodes.Concat(services.Cluster.Fenced).Any(node => node.NodeId == nodeId) ? null
            : (KafkaError.BrokerIdNotRegistered, $"No broker with id {nodeId} found.");
    }

    private static ConfigChangeResult Change(
        IReadOnlyDictionary<string, string> now, IReadOnlyList<ConfigChange> changes, bool fromNothing, ConfigRules rules) =>
        ConfigChanges.Apply(fromNothing ? new Dictionary<string, string>() : now, changes, rules);
}
