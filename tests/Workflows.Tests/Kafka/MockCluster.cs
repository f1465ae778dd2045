using System.Reflection;
using System.Runtime.InteropServices;
using Confluent.Kafka;
using PipeRoll.Workflows.Kafka;

namespace PipeRoll.Workflows.Tests.Kafka;

/// <summary>
/// librdkafka's own mock cluster: real sockets, real protocol, written by others. It lives inside one client handle; every other client
/// of the process reaches it by its bootstrap address.
/// </summary>
public sealed class MockCluster : IDisposable
{
    private readonly IProducer<byte[], byte[]> _owner;
    private readonly nint _mock;

    static MockCluster() => NativeLibrary.SetDllImportResolver(typeof(MockCluster).Assembly, LoadedLibrdkafka);

    public MockCluster()
    {
        var config = new ProducerConfig { BootstrapServers = "unused:1" };
        config.Set("test.mock.num.brokers", "1");
        _owner = new ProducerBuilder<byte[], byte[]>(config).SetLogHandler((_, _) => { }).Build();
        object handle = typeof(Handle).GetProperty(
            "LibrdkafkaHandle", BindingFlags.Instance | BindingFlags.NonPublic)!.GetValue(_owner.Handle)!;
        _mock = HandleMockCluster(((SafeHandle)handle).DangerousGetHandle());
        Bootstrap = Marshal.PtrToStringUTF8(MockBootstraps(_mock))!;
        GroupInitialRebalanceDelay(_mock, 50);
    }

    public string Bootstrap { get; }

    public KafkaConnection Connection => new(Bootstrap)
    {
        Properties = new Dictionary<string, string> { ["allow.auto.create.topics"] = "true" },
    };

    public void CreateTopic(string topic, int partitions)
    {
        int error = TopicCreate(_mock, topic, partitions, 1);
        Assert.Equal(0, error);
    }

    /// <summary>The leader refuses connections until <see cref="Up"/>: what a client sees of a killed broker.</summary>
    public void Down() => Assert.Equal(0, BrokerDown(_mock, 1));

    public void Up() => Assert.Equal(0, BrokerUp(_mock, 1));

    public void Dispose() => _owner.Dispose();

    /// <summary>
    /// Confluent.Kafka chooses one of several builds of librdkafka by what the machine has; we must call into that very one.
    /// </summary>
    private static nint LoadedLibrdkafka(string name, Assembly assembly, DllImportSearchPath? path)
    {
        if (name != "librdkafka")
        {
            return 0;
        }

        string loaded = File.ReadLines("/proc/self/maps").First(line => line.EndsWith("librdkafka.so", StringComparison.Ordinal));
        return NativeLibrary.Load(loaded[loaded.IndexOf('/')..]);
    }

    [DllImport("librdkafka", EntryPoint = "rd_kafka_handle_mock_cluster")]
    private static extern nint HandleMockCluster(nint client);

    [DllImport("librdkafka", EntryPoint = "rd_kafka_mock_cluster_bootstraps")]
    private static extern nint MockBootstraps(nint cluster);

    [DllImport("librdkafka", EntryPoint = "rd_kafka_mock_topic_create")]
    private static extern int TopicCreate(nint cluster, [MarshalAs(UnmanagedType.LPUTF8Str)] string topic, int partitions, int replicas);

    [DllImport("librdkafka", EntryPoint = "rd_kafka_mock_group_initial_rebalance_delay_ms")]
    private static extern void GroupInitialRebalanceDelay(nint cluster, int delayMs);

    [DllImport("librdkafka", EntryPoint = "rd_kafka_mock_broker_set_down")]
    private static extern int BrokerDown(nint cluster, int brokerId);

    [DllImport("librdkafka", EntryPoint = "rd_kafka_mock_broker_set_up")]
    private static extern int BrokerUp(nint cluster, int brokerId);
}
