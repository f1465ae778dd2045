using Microsoft.Extensions.Logging;
using PipeRoll.Broker.Configs;
using PipeRoll.Broker.Groups.Consumer;
using PipeRoll.Broker.Groups.Offsets;
using PipeRoll.Broker.Handlers;
using PipeRoll.Broker.Partitions;
using PipeRoll.Broker.Shares;
using PipeRoll.Broker.Topics;

namespace PipeRoll.Broker.Groups;

/// <summary>Groups as a part of the broker: the coordinator and the APIs that speak to it.</summary>
/// <remarks>Owner: the broker.</remarks>
internal sealed class GroupModule : IBrokerModule, IAsyncDisposable
{
    private readonly BrokerServices _services;
    private readonly GroupOptions _options;
    private readonly GroupSettings _settings;
    private readonly BackgroundTasks _background = new();
    private readonly PartitionOffsetsLog _log;
    private readonly PartitionOffsetsLog _shareLog;
    private readonly ShareStateLog _shareStates;
    private readonly ShareOffsets _shareOffsets;
    private readonly CancellationTokenSource _stopping = new();

    public GroupModule(BrokerServices services, GroupOptions options, DecompressorPool decompressors)
    {
        _services = services;
        _options = options;
        _settings = new GroupSettings(options, (group, name) => services.Configs.Find(ConfigKinds.Group, group).GetValueOrDefault(name));
        _log = new PartitionOffsetsLog(services.Topics, services.Partitions, options, services.Time);
        _shareLog = new PartitionOffsetsLog(
            services.Topics, services.Partitions, services.Time, ShareStateLog.TopicName, options.ShareStateTopicPartitions);
        _shareStates = new ShareStateLog(_shareLog);
        Shares = new ShareBroker(new ShareServices(
            options, services.Topics,
            new ClusterShareStates(_shareStates, services.Topics, services.Cluster, services.Peers),
            services.Time, new GroupClock(services.Time), _background, _settings, decompressors, _stopping.Token));
        Coordinator = new GroupCoordinator(new GroupServices(
            options, _log, services.Time, new GroupClock(services.Time),
            new GroupBudget(options.GroupsBytesMax), services.NewGuid, services.Topics.IsGoneAsync,
            new DirectoryTopicImage(services.Topics), services.Loggers.CreateLogger<GroupCoordinator>()));
        _shareOffsets = new ShareOffsets(Coordinator, Shares, services.Topics);
    }

    public GroupCoordinator Coordinator { get; }

    public ShareBroker Shares { get; }

    public IEnumerable<IHandler> Handlers =>
    [
        new OffsetCommitHandler(Coordinator, _services.Topics, _options, _services.Time),
        new OffsetFetchHandler(Coordinator, _services.Topics),
        new JoinGroupHandler(Coordinator),
        new HeartbeatHandler(Coordinator),
        new LeaveGroupHandler(Coordinator),
        new SyncGroupHandler(Coordinator),
        new DescribeGroupsHandler(Coordinator),
        new ListGroupsHandler(Coordinator),
        new DeleteGroupsHandler(Coordinator, Shares),
        new OffsetDeleteHandler(Coordinator, _services.Topics),
        new ConsumerGroupHeartbeatHandler(Coordinator, _settings, _services.NewGuid),
        new ConsumerGroupDescribeHandler(Coordinator, _services.Topics),
        new ShareGroupHeartbeatHandler(Coordinator, _settings),
        new ShareGroupDescribeHandler(Coordinator, _services.Topics),
        new ShareFetchHandler(_services, Shares),
        new ShareAcknowledgeHandler(_services, Shares),
        new ReadShareGroupStateHandler(_shareStates),
        new WriteShareGroupStateHandler(_shareStates),
        new DeleteShareGroupStateHandler(_shareStates),
        new DescribeShareGroupOffsetsHandler(Coordinator, _shareOffsets, _services.Topics),
        new AlterShareGroupOffsetsHandler(Coordinator, _shareOffsets, _services.Topics),
        new DeleteShareGroupOffsetsHandler(Coordinator, _shareOffsets, _services.Topics),
    ];

    public ValueTask StartAsync(CancellationToken cancellation)
    {
        _services.Topics.Deleted += ForgetOffsets;
        Coordinator.Start();
        return ValueTask.CompletedTask;
    }

    public async ValueTask StopAsync()
    {
        _services.Topics.Deleted -= ForgetOffsets;
        Shares.Dispose();
        _stopping.Cancel();
        await _background.WhenAllAsync();
        await Coordinator.DisposeAsync();
        _log.Detach();
        _shareLog.Detach();
        _shareStates.Dispose();
        _stopping.Dispose();
    }

    public ValueTask DisposeAsync() => StopAsync();

    /// <summary>A topic of the same name begins at offset 0: nobody may be told an offset of the old one.</summary>
    private void ForgetOffsets(Topic topic)
    {
        Shares.TopicDeleted(topic);
        Task forgotten = Coordinator.TopicDeletedAsync(topic.Name);
        _background.Start(() => forgotten);
    }
}
