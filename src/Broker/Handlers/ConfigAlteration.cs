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
            return resourceType == ConfigResource.Broker
                ? (KafkaError.InvalidConfig, "The broker's settings are read once at start: change its configuration file and restart it.")
                : (KafkaError.InvalidRequest, $"Resources of type {resourceType} have no settings here.");
        }

        if (services.Topics.Find(resourceName) is not { } topic)
        {
            return (KafkaError.UnknownTopicOrPartition, $"Topic '{resourceName}' does not exist.");
        }

        if (topic.IsInternal)
        {
            return (KafkaError.InvalidTopicException, $"Topic '{resourceName}' is the broker's own: its settings stay as they are.");
        }

        ConfigChangeResult result = Change(topic, changes, fromNothing, services.Options);
        if (result.Error != KafkaError.None || validateOnly)
        {
            return (result.Error, result.Message);
        }

        // Applied to the topic as it is when its turn comes: another change may have come between.
        TopicChange change = await services.Topics.SetConfigsAsync(
            resourceName, now => Change(now, changes, fromNothing, services.Options).Configs, context.Client.Principal,
            CancellationToken.None);
        return (change.Error, change.Message);
    }

    private static ConfigChangeResult Change(Topic topic, IReadOnlyList<ConfigChange> changes, bool fromNothing, BrokerOptions options) =>
        ConfigChanges.Apply(fromNothing ? new Dictionary<string, string>() : topic.Configs, changes, options);
}
