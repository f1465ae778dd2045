using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using PipeRoll.Broker.Groups;
using PipeRoll.Broker.Groups.Offsets;
using PipeRoll.Broker.Tests.Groups.Consumer;
using PipeRoll.Wire;

namespace PipeRoll.Broker.Tests.Groups;

public sealed class CoordinatorTests : IAsyncDisposable
{
    private static readonly Committer By = new("User:alice", "app");
    private readonly ManualTime _time = new();
    private readonly MemoryOffsetsLog _log = new(4);
    private readonly List<GroupCoordinator> _started = [];
    private GroupOptions _options = new() { InitialRebalanceDelayMs = 100, OffsetsRetentionMs = 3_600_000 };
    private int _lastGuid;

    public async ValueTask DisposeAsync()
    {
        foreach (GroupCoordinator coordinator in _started)
        {
            await coordinator.DisposeAsync();
        }
    }

    [Fact]
    public async Task RequestsAreToldToComeAgainUntilTheGroupIsLoaded()
    {
        _log.ReadsToFail = 1;
        _log.ReadGate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        GroupCoordinator coordinator = Start();
        Assert.Equal(KafkaError.CoordinatorLoadInProgress, coordinator.Status("g"));
        Assert.Equal(KafkaError.CoordinatorLoadInProgress, (await coordinator.JoinAsync("g", Call())).Error);
        Assert.Equal(KafkaError.RebalanceInProgress, (await coordinator.SyncAsync("g", Sync("m", 1))).Error);
        Assert.Equal(KafkaError.None, coordinator.Heartbeat("g", "m", null, 1));
        Assert.Equal(KafkaError.CoordinatorLoadInProgress, await Commit(coordinator, "g", 7));
        Assert.Equal(KafkaError.CoordinatorLoadInProgress, coordinator.FetchOffsets("g", null, false).Error);
        Assert.Equal(KafkaError.CoordinatorLoadInProgress, coordinator.Describe("g").Error);
        Assert.Equal(KafkaError.CoordinatorLoadInProgress, await coordinator.DeleteAsync("g", By));
        _log.ReadGate.SetResult();
        await LoadedAsync(coordinator);
        Assert.Equal(KafkaError.None, await Commit(coordinator, "g", 7));
    }

    [Fact]
    public async Task TheFirstRequestMakesTheOffsetsTopic()
    {
        _log.IsReady = false;
        GroupCoordinator coordinator = Start();
        Assert.False(_log.IsReady);
        await LoadedAsync(coordinator);
        Assert.True(_log.IsReady);
    }

    [Fact]
    public async Task ACommitCountsOnceItIsDurable()
    {
        GroupCoordinator coordinator = await StartLoadedAsync();
        await Commit(coordinator, "g", 1);
        _log.Holds = true;
        Task<KafkaError> commit = Commit(coordinator, "g", 2);
        Assert.False(commit.IsCompleted);
        Assert.Equal(1, Fetch(coordinator, "g").Committed!.Offset);
        Assert.Equal(KafkaError.UnstableOffsetCommit, Fetch(coordinator, "g", requireStable: true).Error);
        _log.Release();
        Assert.Equal(KafkaError.None, await commit);
        Assert.Equal(2, Fetch(coordinator, "g", requireStable: true).Committed!.Offset);
    }

    [Theory]
    [InlineData(KafkaError.NotLeaderOrFollower, KafkaError.NotCoordinator)]
    [InlineData(KafkaError.KafkaStorageError, KafkaError.NotCoordinator)]
    [InlineData(KafkaError.NotEnoughReplicas, KafkaError.CoordinatorNotAvailable)]
    [InlineData(KafkaError.MessageTooLarge, KafkaError.InvalidCommitOffsetSize)]
    [InlineData(KafkaError.UnknownServerError, KafkaError.UnknownServerError)]
    public async Task AFailedCommitIsToldAndForgotten(KafkaError stored, KafkaError told)
    {
        GroupCoordinator coordinator = await StartLoadedAsync();
        await Commit(coordinator, "g", 1);
        _log.Refusal = stored;
        Assert.Equal(told, await Commit(coordinator, "g", 2));
        Assert.Equal(1, Fetch(coordinator, "g", requireStable: true).Committed!.Offset);
    }

    [Fact]
    public async Task OffsetsAndMembersSurviveARestart()
    {
        GroupCoordinator before = await StartLoadedAsync();
        (string id, int generation) = await StableAsync(before, "g");
        await Commit(before, "g", 42, id, generation);
        await Commit(before, "simple", 7);

        GroupCoordinator after = await StartLoadedAsync();
        Assert.Equal(42, Fetch(after, "g").Committed!.Offset);
        Assert.Equal(7, Fetch(after, "simple").Committed!.Offset);
        Assert.Equal("note", Fetch(after, "g").Committed!.Metadata);
        Assert.Equal(KafkaError.None, after.Heartbeat("g", id, null, generation));
        GroupDescription described = after.Describe("g").Group!;
        Assert.Equal((GroupPhase.Stable, "range", 1), (described.Phase, described.ProtocolName, described.Members.Count));
        Assert.Equal("mine", Encoding.UTF8.GetString(described.Members[0].Assignment.Span));
    }

    [Fact]
    public async Task SessionsEndByTheClockAlone()
    {
        GroupCoordinator coordinator = await StartLoadedAsync();
        (string id, int generation) = await StableAsync(coordinator, "g");
        _time.Pass(9_000);
        Assert.Equal(KafkaError.None, coordinator.Heartbeat("g", id, null, generation));
        _time.Pass(9_000);
        Assert.Equal(GroupPhase.Stable, coordinator.Describe("g").Group!.Phase);
        _time.Pass(2_000);
        Assert.Equal(GroupPhase.Empty, coordinator.Describe("g").Group!.Phase);
    }

    [Fact]
    public async Task AnEmptyGroupExpiresWithItsOffsetsAndLeavesTombstones()
    {
        GroupCoordinator coordinator = await StartLoadedAsync();
        (string id, int generation) = await StableAsync(coordinator, "g");
        await Commit(coordinator, "g", 1, id, generation);
        coordinator.Leave("g", [new LeavingMember(id, null)]);
        _time.Pass(_options.OffsetsRetentionMs - 1);
        await SettledAsync(() => coordinator.GroupCount == 1);
        Assert.Equal(1, Fetch(coordinator, "g").Committed!.Offset);
        _time.Pass(_options.OffsetsRetentionCheckIntervalMs + 1);
        await SettledAsync(() => coordinator.GroupCount == 0);
        Assert.Null(Fetch(coordinator, "g").Committed);
        Assert.Equal(2, _log.All.Count(static record => record.Value is null));
        Assert.Equal(0, (await StartLoadedAsync()).GroupCount);
    }

    [Fact]
    public async Task AStableGroupLosesOnlyOffsetsOfTopicsThatNobodySubscribesTo()
    {
        GroupCoordinator coordinator = await StartLoadedAsync();
        (string id, int generation) = await StableAsync(coordinator, "g", "subscribed");
        await coordinator.CommitAsync("g", new CommitIdentity(id, null, generation), [Entry("subscribed", 1), Entry("left", 2)], By);
        for (int minute = 0; minute < 80; minute++)
        {
            for (int beat = 0; beat < 10; beat++)
            {
                _time.Pass(6_000);
                Assert.Equal(KafkaError.None, coordinator.Heartbeat("g", id, null, generation));
            }
        }

        await SettledAsync(() => coordinator.FetchOffsets("g", null, false).Offsets.Count == 1);
        Assert.Equal("subscribed", coordinator.FetchOffsets("g", null, false).Offsets[0].Partition.Topic);
    }

    [Fact]
    public async Task SimpleOffsetsExpireByTheirCommitAndAnExplicitExpiryWins()
    {
        GroupCoordinator coordinator = await StartLoadedAsync();
        await Commit(coordinator, "simple", 1);
        long soon = _time.GetUtcNow().ToUnixTimeMilliseconds() + 60_000;
        await coordinator.CommitAsync("short", new CommitIdentity("", null, -1), [new OffsetCommitEntry(new GroupPartition("t", 0), new CommittedOffset(5, -1, "", 0, soon))], By);
        _time.Pass(_options.OffsetsRetentionCheckIntervalMs);
        await SettledAsync(() => coordinator.GroupCount == 1);
        Assert.Equal(1, Fetch(coordinator, "simple").Committed!.Offset);
        _time.Pass(_options.OffsetsRetentionMs);
        await SettledAsync(() => coordinator.GroupCount == 0);
    }

    [Fact]
    public async Task DeletingIsDurableOrTakenBack()
    {
        GroupCoordinator coordinator = await StartLoadedAsync();
        (string id, int generation) = await StableAsync(coordinator, "g");
        await Commit(coordinator, "g", 1, id, generation);
        Assert.Equal(KafkaError.NonEmptyGroup, await coordinator.DeleteAsync("g", By));
        Assert.Equal(KafkaError.GroupIdNotFound, await coordinator.DeleteAsync("none", By));
        coordinator.Leave("g", [new LeavingMember(id, null)]);
        _log.Holds = true;
        Task<KafkaError> refused = coordinator.DeleteAsync("g", By);
        Assert.Equal(KafkaError.CoordinatorNotAvailable, (await coordinator.JoinAsync("g", Call())).Error);
        _log.Release(KafkaError.KafkaStorageError);
        Assert.Equal(KafkaError.NotCoordinator, await refused);
        Assert.Equal(1, Fetch(coordinator, "g").Committed!.Offset);
        _log.Holds = false;
        Assert.Equal(KafkaError.None, await coordinator.DeleteAsync("g", By));
        Assert.Null(Fetch(coordinator, "g").Committed);
        Assert.Equal(0, (await StartLoadedAsync()).GroupCount);
    }

    [Fact]
    public async Task OffsetsOfADeletedTopicAreForgotten()
    {
        GroupCoordinator coordinator = await StartLoadedAsync();
        await coordinator.CommitAsync("g", new CommitIdentity("", null, -1), [Entry("gone", 1), Entry("kept", 2)], By);
        await coordinator.TopicDeletedAsync("gone");
        Assert.Equal("kept", Assert.Single(coordinator.FetchOffsets("g", null, false).Offsets).Partition.Topic);
        await coordinator.TopicDeletedAsync("kept");
        Assert.Equal(0, coordinator.GroupCount);
    }

    [Fact]
    public async Task GroupsAndTheirBytesAreBounded()
    {
        _options = _options with { GroupsMax = 1, OffsetsPerGroupMax = 2, GroupsBytesMax = 50_000 };
        GroupCoordinator coordinator = await StartLoadedAsync();
        await Commit(coordinator, "a", 1);
        Assert.Equal(KafkaError.GroupMaxSizeReached, await Commit(coordinator, "b", 1));
        Assert.Equal(KafkaError.GroupMaxSizeReached, (await coordinator.JoinAsync("b", Call())).Error);
        OffsetCommitEntry[] three = [Entry("x", 1), Entry("y", 1), Entry("z", 1)];
        Assert.Equal(KafkaError.InvalidCommitOffsetSize, await coordinator.CommitAsync("a", new CommitIdentity("", null, -1), three, By));
        OffsetCommitEntry large = new(new GroupPartition("t", 0), new CommittedOffset(1, -1, new string('x', 30_000), 0));
        Assert.Equal(KafkaError.None, await coordinator.CommitAsync("a", new CommitIdentity("", null, -1), [large], By));
        Assert.Equal(KafkaError.InvalidCommitOffsetSize, await Commit(coordinator, "a", 2));
    }

    [Fact]
    public async Task UnknownGroupsAreAnsweredAsKafkaDoes()
    {
        GroupCoordinator coordinator = await StartLoadedAsync();
        Assert.Equal(KafkaError.UnknownMemberId, (await coordinator.JoinAsync("g", Call("m"))).Error);
        Assert.Equal(KafkaError.InvalidGroupId, (await coordinator.JoinAsync("", Call())).Error);
        Assert.Equal(KafkaError.UnknownMemberId, (await coordinator.SyncAsync("g", Sync("m", 1))).Error);
        Assert.Equal(KafkaError.UnknownMemberId, coordinator.Heartbeat("g", "m", null, 1));
        Assert.Equal([KafkaError.UnknownMemberId], coordinator.Leave("g", [new LeavingMember("m", null)]).Members);
        Assert.Equal(KafkaError.IllegalGeneration, await Commit(coordinator, "g", 1, "m", 1));
        Assert.Null(coordinator.Describe("g").Group);
        Assert.Equal(new FetchedOffset(new GroupPartition("t", 3), null, KafkaError.None), coordinator.FetchOffsets("g", [new GroupPartition("t", 3)], true).Offsets[0]);
    }

    [Theory]
    [InlineData("", 0)]
    [InlineData("hello", 99_162_322 % 50)]
    [InlineData("test-group", 12)]
    [InlineData("polygenelubricants", 0)]
    public void GroupsAreSpreadAsJavaDoes(string groupId, int partition) => Assert.Equal(partition, GroupHash.PartitionOf(groupId, 50));

    [Fact]
    public void KeysAndValuesHaveKafkasBytes()
    {
        GroupLogRecord offset = GroupLogCodec.Offset("g1", new GroupPartition("top", 3), new CommittedOffset(258, 5, "m", 1_000), By);
        Assert.Equal("0001" + "00026731" + "0003746F70" + "00000003", Convert.ToHexString(offset.Key.Span));
        Assert.Equal("0003" + "0000000000000102" + "00000005" + "00016D" + "00000000000003E8", Convert.ToHexString(offset.Value!.Value.Span));
        GroupLogRecord group = GroupLogCodec.Group("g1", new GroupSnapshot("consumer", 4, null, null, 1_000, []));
        Assert.Equal("0002" + "00026731", Convert.ToHexString(group.Key.Span));
        Assert.Equal(
            "0003" + "0008636F6E73756D6572" + "00000004" + "FFFF" + "FFFF" + "00000000000003E8" + "00000000",
            Convert.ToHexString(group.Value!.Value.Span));
    }

    private static JoinCall Call(string memberId = "", string topic = "t") => new(
        memberId, null, false, true, "app", "/127.0.0.1", 60_000, 10_000, "consumer", [new GroupProtocol("range", Subscription(topic))]);

    private static byte[] Subscription(string topic) =>
        [0, 0, 0, 0, 0, 1, 0, (byte)topic.Length, .. Encoding.UTF8.GetBytes(topic), 0xFF, 0xFF, 0xFF, 0xFF];

    private static SyncCall Sync(string memberId, int generation) => new(
        memberId, null, generation, "consumer", "range", new Dictionary<string, ReadOnlyMemory<byte>> { [memberId] = "mine"u8.ToArray() });

    private OffsetCommitEntry Entry(string topic, long offset) =>
        new(new GroupPartition(topic, 0), new CommittedOffset(offset, -1, "note", _time.GetUtcNow().ToUnixTimeMilliseconds()));

    private Task<KafkaError> Commit(GroupCoordinator coordinator, string groupId, long offset, string memberId = "", int generation = -1) =>
        coordinator.CommitAsync(groupId, new CommitIdentity(memberId, null, generation), [Entry("t", offset)], By);

    private static FetchedOffset Fetch(GroupCoordinator coordinator, string groupId, bool requireStable = false) =>
        coordinator.FetchOffsets(groupId, [new GroupPartition("t", 0)], requireStable).Offsets[0];

    private async Task<(string Id, int Generation)> StableAsync(GroupCoordinator coordinator, string groupId, string topic = "t")
    {
        Task<JoinResult> join = coordinator.JoinAsync(groupId, Call(topic: topic));
        _time.Pass(100);
        JoinResult joined = await join;
        Assert.Equal(KafkaError.None, (await coordinator.SyncAsync(groupId, Sync(joined.MemberId, joined.Generation))).Error);
        return (joined.MemberId, joined.Generation);
    }

    private GroupCoordinator Start()
    {
        GroupCoordinator coordinator = new(new GroupServices(
            _options, _log, _time, new GroupClock(_time), new GroupBudget(_options.GroupsBytesMax),
            () => new Guid(Interlocked.Increment(ref _lastGuid), 0, 0, new byte[8]), static (_, _) => ValueTask.FromResult(false),
            new MemoryTopicImage(), NullLogger.Instance));
        _started.Add(coordinator);
        coordinator.Start();
        return coordinator;
    }

    private async Task<GroupCoordinator> StartLoadedAsync()
    {
        GroupCoordinator coordinator = Start();
        await LoadedAsync(coordinator);
        return coordinator;
    }

    private Task LoadedAsync(GroupCoordinator coordinator) => SettledAsync(() =>
    {
        if (_log.HasFailed)
        {
            _time.Pass(10);
        }

        return Enumerable.Range(0, 40).All(group => coordinator.Status($"group-{group}") == KafkaError.None);
    });

    /// <summary>Waits for background work of real threads, without a clock.</summary>
    private static async Task SettledAsync(Func<bool> condition)
    {
        for (int spin = 0; !condition(); spin++)
        {
            Assert.True(spin < 5_000_000, "never settled");
            await Task.Yield();
        }
    }
}
