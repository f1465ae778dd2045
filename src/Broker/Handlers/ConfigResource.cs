using System.Globalization;
using PipeRoll.Broker.Configs;
using PipeRoll.Broker.Security;
using PipeRoll.Wire;

namespace PipeRoll.Broker.Handlers;

/// <summary>Resource types of the config APIs.</summary>
internal static class ConfigResource
{
    public const sbyte Topic = 2;
    public const sbyte Broker = 4;
    public const sbyte BrokerLogger = 8;
    public const sbyte ClientMetrics = 16;
    public const sbyte Group = 32;

    /// <summary>What the catalog calls resources that are not topics; null for types that have no settings.</summary>
    public static string? KindOf(sbyte type) => type switch
    {
        Broker => ConfigKinds.Broker,
        ClientMetrics => ConfigKinds.ClientMetrics,
        Group => ConfigKinds.Group,
        _ => null,
    };

    /// <returns>Null when the client may do this to the settings of the resource.</returns>
    public static KafkaError? Refuse(sbyte type, string name, AclOperation operation, RequestContext context) => type switch
    {
        Topic => context.Allows(operation, ResourceType.Topic, name) ? null : KafkaError.TopicAuthorizationFailed,
        Group => context.Allows(operation, ResourceType.Group, name) ? null : KafkaError.GroupAuthorizationFailed,
        _ => context.AllowsOnCluster(operation) ? null : KafkaError.ClusterAuthorizationFailed,
    };

    /// <summary>Whether a resource name means this broker; the empty name means all of them.</summary>
    public static bool IsThisBroker(string name, int nodeId) =>
        name.Length == 0 || name == nodeId.ToString(CultureInfo.InvariantCulture);
}
