using PipeRoll.Streams.Metadata;

namespace PipeRoll.Streams.Tests.Metadata;

/// <summary>What the tests of every metadata engine share: a fresh database under a clock that only the test moves.</summary>
public abstract class MetadataContract : IAsyncLifetime
{
    internal static readonly TimeSpan Session = TimeSpan.FromSeconds(3);
    private readonly ITestDatabase _database;
    private int _nextNode = 1;

    internal MetadataContract(ITestDatabase database) => _database = database;

    internal IMetadataStore Store { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        Store = await _database.OpenAsync();
        await Store.StartAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await Store.DisposeAsync();
        await _database.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    internal ValueTask AdvanceAsync(TimeSpan by) => _database.AdvanceAsync(by);

    internal static BrokerEndpoint Endpoint(int node) => new(node, $"host{node}", 9092, $"http://host{node}:8080", node % 2 == 0 ? "b" : null);

    internal async Task<BrokerEpoch> RegisterAsync(int? node = null) =>
        await Store.RegisterBrokerAsync(Endpoint(node ?? _nextNode++), Session);

    internal async Task<Heartbeat> BeatAsync(BrokerEpoch broker, bool mayLead = false) =>
        await Store.HeartbeatAsync(new HeartbeatRequest(broker, new BrokerLoad(1, 2, 3), Session, mayLead));

    /// <summary>A broker that holds the controller's place.</summary>
    internal async Task<ControllerTerm> LeadAsync() => (await BeatAsync(await RegisterAsync(), mayLead: true)).Controller;

    internal async Task<BrokerRecord> BrokerAsync(BrokerEpoch epoch) => (await Store.ReadBrokersAsync()).Single(b => b.Epoch == epoch);

    /// <summary>Declares everybody dead who isn't among <paramref name="living"/>; the controller must be.</summary>
    internal async Task KillOthersAsync(ControllerTerm term, params BrokerEpoch[] living)
    {
        foreach (TimeSpan wait in new[] { Session - TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(1) })
        {
            foreach (BrokerEpoch broker in living)
            {
                await BeatAsync(broker, mayLead: broker == term.Broker);
            }

            await AdvanceAsync(wait);
        }

        await Store.FenceExpiredAsync(term);
    }

    internal async Task<StreamId> CreateAsync() => (await Store.CreateStreamsAsync(1, "test"))[0];

    internal async Task<TopicRecord> CreateTopicAsync(string name, params BrokerEpoch[] owners) => (await Store.CreateTopicAsync(
        Guid.NewGuid(), name, owners.Length, new Dictionary<string, string>(), false, "test", owners)).Topic!;

    internal async Task<StreamOpened> OpenAsync(StreamId id, long epoch, BrokerEpoch broker = default) =>
        (await Store.OpenStreamsAsync([new StreamOpening(id, epoch, broker)]))[0];

    internal async Task<StreamState> StateAsync(StreamId id) => Assert.Single(await Store.ReadStreamsAsync([id]));

    internal static RangeCommit Range(StreamId id, long from, long to, long epoch = 0) => new(id, epoch, from, to, to, 100);

    internal Task<CommitOutcome> CommitAsync(params RangeCommit[] ranges) => CommitAsync(default(CommitWriter), ranges);

    internal async Task<CommitOutcome> CommitAsync(CommitWriter writer, params RangeCommit[] ranges) =>
        await Store.CommitObjectsAsync([await ObjectAsync(writer.Broker, ranges)], writer);

    internal async Task<ObjectCommit> ObjectAsync(BrokerEpoch writer, params RangeCommit[] ranges) =>
        new(await Store.PrepareObjectsAsync(1, TimeSpan.FromHours(1), writer), 100, 50, ranges);

    internal async Task<List<string>> KindsAsync(long after = 0) => [.. (await Store.ReadLogAsync(after, 10_000)).Select(e => e.Kind)];

    internal async Task<long> LogEndAsync() => await Store.WaitForLogAsync(0, TimeSpan.Zero);
}
