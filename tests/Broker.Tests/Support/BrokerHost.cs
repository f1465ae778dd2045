using PipeRoll.Broker.Admission;
using PipeRoll.Broker.Groups;
using PipeRoll.Broker.Network;
using PipeRoll.Broker.Partitions;
using PipeRoll.Broker.Security;
using PipeRoll.Broker.Shares;
using PipeRoll.Broker.Topics;
using PipeRoll.Wire;

namespace PipeRoll.Broker.Tests.Support;

/// <summary>A real broker on a free port of loopback, over storage in memory that outlives restarts.</summary>
internal sealed class BrokerHost : IAsyncDisposable
{
    private static readonly TimeSpan PatienceMax = TimeSpan.FromSeconds(20);

    private readonly BrokerOptions _options;
    private readonly IProduceAdmission _admission;
    private readonly SecurityDependencies _security;
    private readonly Func<IConnectionListener>? _listen;

    private BrokerHost(
        BrokerOptions options, IProduceAdmission admission, TimeProvider time, MemoryStreamStorage storage, MemoryTopicCatalog catalog,
        SecurityDependencies security, Func<IConnectionListener>? listen)
    {
        _options = options;
        _security = security;
        _listen = listen;
        _admission = admission;
        Time = time;
        Storage = storage;
        Catalog = catalog;
        Broker = Build();
    }

    public Broker Broker { get; private set; }

    public TimeProvider Time { get; }

    public MemoryStreamStorage Storage { get; }

    public MemoryTopicCatalog Catalog { get; }

    public CapturedLogs Logs { get; } = new();

    public SecurityDependencies Security => _security;

    public BrokerServices Services => Broker.Services!;

    public GroupCoordinator Groups => Broker.Modules.OfType<GroupModule>().Single().Coordinator;

    public ShareBroker Shares => Broker.Modules.OfType<GroupModule>().Single().Shares;

    public string Bootstrap => $"127.0.0.1:{Broker.Port}";

    public static BrokerOptions Options => new() { ListenPort = 0, AdvertisedHost = "127.0.0.1", DefaultPartitions = 1 };

    public static async Task<BrokerHost> StartAsync(
        BrokerOptions? options = null, IProduceAdmission? admission = null, TimeProvider? time = null, MemoryStreamStorage? storage = null,
        MemoryTopicCatalog? catalog = null, SecurityDependencies? security = null, Func<IConnectionListener>? listen = null)
    {
        var host = new BrokerHost(
            options ?? Options, admission ?? new AdmitAll(), time ?? TimeProvider.System, storage ?? new MemoryStreamStorage(),
            catalog ?? new MemoryTopicCatalog(), security ?? new SecurityDependencies(new MemorySecurityCatalog()), listen);
        await host.Broker.StartAsync();
        return host;
    }

    /// <summary>
    /// Stops the broker, cleanly or as a crash does (nothing stored, nothing closed), and starts another on the same storage.
    /// </summary>
    public async Task RestartAsync(bool cleanly = true)
    {
        if (cleanly)
        {
            await Broker.DisposeAsync();
        }

        Broker = Build();
        await Broker.StartAsync();
    }

    /// <summary>Creates a topic and waits until its partitions are open.</summary>
    public async Task<Topic> CreateTopicAsync(string name, int partitions = 1, params (string Name, string Value)[] configs)
    {
        TopicChange change = await Services.Topics.CreateAsync(
            name, partitions, configs.ToDictionary(pair => pair.Name, pair => pair.Value), false, "User:test", CancellationToken.None);
        Assert.Equal(KafkaError.None, change.Error);
        await UntilAsync(() => change.Topic!.Partitions.All(partition => partition.State == PartitionState.Open));
        return change.Topic!;
    }

    public Task AllOpenAsync() => UntilAsync(() => Broker.Status is var status && status.PartitionsOpen == status.Partitions);

    /// <summary>Looks until it is so; the only wait of tests that has no event to wait for.</summary>
    public static Task UntilAsync(Func<bool> condition) => UntilAsync(() => Task.FromResult(condition()));

    /// <inheritdoc cref="UntilAsync(Func{bool})"/>
    public static async Task UntilAsync(Func<Task<bool>> condition)
    {
        long startedAt = TimeProvider.System.GetTimestamp();
        while (!await condition())
        {
            Assert.True(TimeProvider.System.GetElapsedTime(startedAt) < PatienceMax, "the condition never came true");
            await Task.Delay(2);
        }
    }

    public ValueTask DisposeAsync() => Broker.DisposeAsync();

    private Broker Build() => new(_options, new BrokerDependencies
    {
        Storage = Storage,
        Catalog = Catalog,
        Time = Time,
        Loggers = Logs,
        Random = new Random(17),
        NewGuid = Guid.NewGuid,
        Admission = _admission,
        Security = _security,
        Listen = _listen,
    });
}
