using PipeRoll.Broker.Cluster;
using PipeRoll.Broker.Partitions;
using PipeRoll.Broker.Tests.Support;
using PipeRoll.Broker.Topics;
using PipeRoll.Streams;
using PipeRoll.Streams.Metadata;
using PipeRoll.Wire;

namespace PipeRoll.Broker.Tests.Cluster;

/// <summary>
/// Two real brokers, 1 and 2, over one storage and one catalog in memory; the test plays the cluster's machinery: it places, moves, and
/// brings each broker word of what the other did.
/// </summary>
internal sealed class TwoBrokers : IAsyncDisposable
{
    private readonly List<TopicRecord> _news = [];

    private TwoBrokers()
    {
        Catalog.Changed = (topic, owners) =>
        {
            int first = topic.Partitions.Count - (owners?.Count ?? 0);
            for (int index = 0; index < (owners?.Count ?? 0); index++)
            {
                Placements[topic.Partitions[first + index]] = ((int)owners![index].Value, 1);
            }

            lock (_news)
            {
                _news.Add(topic);
            }
        };
    }

    public Placements Placements { get; } = new();

    public MemoryStreamStorage Storage { get; } = new();

    public MemoryTopicCatalog Catalog { get; } = new();

    public CapturedLogs Logs { get; } = new();

    public HandMover Mover { get; } = new();

    /// <summary>What a broker waits for that wants to know all there is; null lets it do with what it was told.</summary>
    public Func<Task>? CatchUp { get; set; }

    public Broker First { get; private set; } = null!;

    public Broker Second { get; private set; } = null!;

    public HandView FirstView { get; private set; } = null!;

    public HandView SecondView { get; private set; } = null!;

    public static async Task<TwoBrokers> StartAsync(BrokerOptions? options = null)
    {
        var pair = new TwoBrokers();
        pair.FirstView = new HandView(1, pair.Placements);
        pair.SecondView = new HandView(2, pair.Placements);
        pair.First = pair.Build(pair.FirstView, options ?? BrokerHost.Options);
        pair.Second = pair.Build(pair.SecondView, options ?? BrokerHost.Options);
        await pair.First.StartAsync();
        await pair.Second.StartAsync();
        ClusterNode[] nodes =
        [
            new(1, "127.0.0.1", pair.First.Port, "a"), new(2, "127.0.0.1", pair.Second.Port, "b"),
        ];
        pair.FirstView.Nodes = nodes;
        pair.SecondView.Nodes = nodes;
        return pair;
    }

    public Task<RawClient> ConnectAsync(int node) => RawClient.ConnectAsync(BrokerOf(node).Port);

    public Broker BrokerOf(int node) => node == 1 ? First : Second;

    public Partition PartitionOn(int node, string topic, int index = 0) => BrokerOf(node).Services!.Topics.Find(topic, index)!;

    /// <summary>Creates the topic through broker 1, which leads it, and has broker 2 learn of it.</summary>
    public async Task<StreamId> CreateAsync(string name, params (string Name, string Value)[] configs)
    {
        TopicChange change = await First.Services!.Topics.CreateAsync(
            name, 1, configs.ToDictionary(pair => pair.Name, pair => pair.Value), false, "User:test", CancellationToken.None);
        Assert.Equal(KafkaError.None, change.Error);
        await SpreadAsync();
        await BrokerHost.UntilAsync(() => change.Topic!.Partitions.All(partition => partition.State == PartitionState.Open));
        return change.Topic!.Partitions[0].Identity.Stream;
    }

    /// <summary>Brings both brokers word of all topics that were made or changed, twice, as a tail may.</summary>
    public async Task SpreadAsync()
    {
        TopicRecord[] news;
        lock (_news)
        {
            news = [.. _news];
            _news.Clear();
        }

        foreach (TopicRecord topic in news.Concat(news))
        {
            await First.Services!.Topics.ApplyAsync(topic);
            await Second.Services!.Topics.ApplyAsync(topic);
        }
    }

    /// <summary>A whole hand-over, from whoever leads the stream to the other one.</summary>
    public async Task MoveAsync(StreamId stream, bool imageFirst = false)
    {
        int from = Placements[stream].Node;
        PartitionHandOver handOver = (await BrokerOf(from).PartitionHost!.SealAsync(stream))!;
        Commit(handOver);
        if (imageFirst)
        {
            Announce(stream);
            BrokerOf(from).PartitionHost!.Released(stream);
        }
        else
        {
            BrokerOf(from).PartitionHost!.Released(stream);
            Announce(stream);
        }

        Partition moved = BrokerOf(3 - from).Services!.Topics.Find(stream)!;
        await BrokerHost.UntilAsync(() => moved.State == PartitionState.Open);
    }

    /// <summary>What the catalog's transaction does.</summary>
    public void Commit(PartitionHandOver handOver)
    {
        (int node, int epoch) = Placements[handOver.Stream];
        Assert.Equal(epoch, handOver.Epoch);
        Assert.Equal(Storage[handOver.Stream].ConfirmedOffset, handOver.EndOffset);
        Storage[handOver.Stream].KeepCheckpoint(new StreamCheckpoint(handOver.EndOffset, handOver.Checkpoint));
        Placements[handOver.Stream] = (3 - node, epoch + 1);
    }

    /// <summary>What the image's listeners do when a placement has changed.</summary>
    public void Announce(StreamId stream)
    {
        (int leader, int epoch) = Placements[stream];
        for (int node = 1; node <= 2; node++)
        {
            if (node == leader)
            {
                BrokerOf(node).PartitionHost!.Lead(stream, epoch);
            }
            else
            {
                BrokerOf(node).PartitionHost!.StepDown(stream);
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        await First.DisposeAsync();
        await Second.DisposeAsync();
    }

    private Broker Build(HandView view, BrokerOptions options) => new(options with { NodeId = view.NodeId }, new BrokerDependencies
    {
        Storage = Storage,
        Catalog = Catalog,
        Time = TimeProvider.System,
        Loggers = Logs,
        Random = new Random(view.NodeId),
        NewGuid = Guid.NewGuid,
        View = view,
        Mover = Mover,
        CatchUp = async _ => await (CatchUp?.Invoke() ?? Task.CompletedTask),
    });
}
