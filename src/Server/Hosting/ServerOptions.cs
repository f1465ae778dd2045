using System.Net;

namespace PipeRoll.Server.Hosting;

/// <summary>What <c>piperoll up</c> was told, all layers merged: defaults, piperoll.yaml, PIPEROLL_… variables, flags.</summary>
public sealed record ServerOptions
{
    /// <summary>Folder of the embedded default: write-ahead log, objects and metadata.</summary>
    public string DataFolder { get; init; } = "./data";

    /// <summary>Kafka port; 0 takes a free one.</summary>
    public int KafkaPort { get; init; } = 9092;

    /// <summary>HTTP port; 0 takes a free one.</summary>
    public int HttpPort { get; init; } = 8080;

    /// <summary>Address to listen on. Loopback until told otherwise: nothing is reachable from outside by accident.</summary>
    public IPAddress Listen { get; init; } = IPAddress.Loopback;

    /// <summary>Host name that clients are told to connect to.</summary>
    public string AdvertisedHost { get; init; } = "localhost";

    public LogFormat LogFormat { get; init; } = LogFormat.Json;

    /// <summary>Broker settings by their documented Kafka names, such as <c>num.partitions</c>.</summary>
    public IReadOnlyDictionary<string, SettingValue> Broker { get; init; } = NoSettings;

    /// <summary>Storage settings by name, such as <c>upload.bytes</c>.</summary>
    public IReadOnlyDictionary<string, SettingValue> Storage { get; init; } = NoSettings;

    /// <summary>Settings that make this a broker of a cluster, such as <c>node.id</c>; empty for the embedded default.</summary>
    public IReadOnlyDictionary<string, SettingValue> Cluster { get; init; } = NoSettings;

    /// <summary>The bucket that the brokers of a cluster share, such as <c>endpoint</c>.</summary>
    public IReadOnlyDictionary<string, SettingValue> Store { get; init; } = NoSettings;

    /// <summary>Users and what proves them, such as <c>admin.user</c>.</summary>
    public IReadOnlyDictionary<string, SettingValue> Security { get; init; } = NoSettings;

    /// <summary>Encryption of both ports, such as <c>certificate</c>.</summary>
    public IReadOnlyDictionary<string, SettingValue> Tls { get; init; } = NoSettings;

    /// <summary>Workflows to run beside the broker: name → manifest file.</summary>
    public IReadOnlyDictionary<string, SettingValue> Workflows { get; init; } = NoSettings;

    /// <summary>Further settings of the workflows' Kafka clients by librdkafka's names, such as <c>sasl.username</c>.</summary>
    public IReadOnlyDictionary<string, SettingValue> WorkflowClient { get; init; } = NoSettings;

    private static IReadOnlyDictionary<string, SettingValue> NoSettings { get; } = new Dictionary<string, SettingValue>(StringComparer.Ordinal);
}

public enum LogFormat
{
    Json,
    Text,
}
