using Confluent.Kafka.Admin;
using Microsoft.Extensions.Logging.Abstractions;
using PipeRoll.Broker;
using PipeRoll.Broker.Groups;
using PipeRoll.Broker.Transactions;
using PipeRoll.Streams;
using PipeRoll.Workflows.Kafka;

namespace PipeRoll.Workflows.Tests.Kafka;

/// <summary>A broker of ours on a free port of loopback and a folder of its own. Sessions and transactions may be as short as tests want.</summary>
public sealed class RealBroker : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("workflows").FullName;
    private readonly EmbeddedStorage _storage;
    private Broker.Broker _broker;

    public RealBroker()
    {
        _storage = EmbeddedStorage.StartAsync(
            _folder, new StreamStorageOptions(), TimeProvider.System, NullLoggerFactory.Instance, error => throw error, Guid.NewGuid)
            .AsTask().GetAwaiter().GetResult();
        _broker = Start(port: 0);
        Connection = new KafkaConnection($"127.0.0.1:{_broker.Port}");
    }

    public KafkaConnection Connection { get; }

    public void CreateTopic(string topic, int partitions)
    {
        using var admin = new TopicAdmin(Connection, NullLogger.Instance);
        admin.EnsureAsync([new TopicPlan(topic, partitions)]).GetAwaiter().GetResult();
    }

    /// <summary>Away for a while, then back under the same address.</summary>
    public void Restart(TimeSpan away)
    {
        int port = _broker.Port;
        _broker.DisposeAsync().AsTask().GetAwaiter().GetResult();
        Thread.Sleep(away);
        _broker = Start(port);
    }

    public void Dispose()
    {
        _broker.DisposeAsync().AsTask().GetAwaiter().GetResult();
        _storage.DisposeAsync().AsTask().GetAwaiter().GetResult();
        Directory.Delete(_folder, recursive: true);
    }

    private Broker.Broker Start(int port)
    {
        var options = new BrokerOptions
        {
            ListenPort = port,
            AdvertisedHost = "127.0.0.1",
            Groups = new GroupOptions { SessionTimeoutMinMs = 100, InitialRebalanceDelayMs = 50, OffsetsTopicPartitions = 3 },
            Transactions = new TransactionOptions { TimeoutCheckMs = 100, StateTopicPartitions = 3 },
        };
        var broker = new Broker.Broker(options, new BrokerDependencies
        {
            Storage = _storage.Streams,
            Catalog = _storage.Metadata,
            Time = TimeProvider.System,
            Loggers = NullLoggerFactory.Instance,
            Random = new Random(),
            NewGuid = Guid.NewGuid,
        });
        broker.StartAsync().GetAwaiter().GetResult();
        return broker;
    }
}
