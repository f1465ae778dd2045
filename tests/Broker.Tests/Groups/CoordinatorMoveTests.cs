using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using PipeRoll.Broker.Groups;
using PipeRoll.Broker.Groups.Offsets;
using PipeRoll.Broker.Tests.Groups.Consumer;
using PipeRoll.Streams.Metadata;
using PipeRoll.Wire;

namespace PipeRoll.Broker.Tests.Groups;

/// <summary>Groups go where their partition of the offsets topic goes. Two coordinators share one log, in virtual time.</summary>
public sealed class CoordinatorMoveTests : IAsyncDisposable
{
    private static readonly Committer By = new("User:alice", "app");
    private readonly ManualTime _time = new();
    private readonly MemoryOffsetsLog _old = new(1) { IsShared = true };
    private readonly MemoryOffsetsLog _new;
    private readonly List<GroupCoordinator> _started = [];
    private readonly HashSet<string> _gone = [];
    private int _catalogFailures;
    private int _lastGuid;

    public CoordinatorMoveTests()
    {
        _new = new MemoryOffsetsLog(_old) { IsShared = true };
        _old.SetTerm(0, 1);
        _new.SetTerm(0, -1);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (GroupCoordinator coordinator in _started)
        {
            await coordinator.DisposeAsync();
        }
    }

    [Fact]
    public async Task A_group_moves_with_its_members_offsets_and_generation()
    {
        GroupCoordinator before = Start(_old);
        GroupCoordinator after = Start(_new);
        await UntilAsync(() => before.Status("g") == KafkaError.None && after.Status("g") == KafkaError.NotCoordinator);
        (string id, int generation) = await StableAsync(before);
        Assert.Equal(KafkaError.None, await CommitAsync(before, 42, id, generation));
        Assert.Equal(["g"], before.List().Groups.Select(group => group.GroupId));
        Assert.Empty(after.List().Groups);
        Assert.Equal(KafkaError.NotCoordinator, after.Heartbeat("g", id, null, generation));

        await MoveAsync(after);
        Assert.Equal(KafkaError.NotCoordinator, before.Heartbeat("g", id, null, generation));
        Assert.Equal(KafkaError.NotCoordinator, await CommitAsync(before, 43, id, generation));
        Assert.Equal(KafkaError.NotCoordinator, before.FetchOffsets("g", null, false).Error);
        Assert.Equal(KafkaError.NotCoordinator, before.Describe("g").Error);
        Assert.Empty(before.List().Groups);
        Assert.Equal(KafkaError.None, after.Heartbeat("g", id, null, generation));
        Assert.Equal(42, Assert.Single(after.FetchOffsets("g", null, true).Offsets).Committed!.Offset);
        Assert.Equal(KafkaError.None, await CommitAsync(after, 43, id, generation));
        Assert.Equal(["g"], after.List().Groups.Select(group => group.GroupId));
    }

    [Fact]
    public async Task Who_waits_when_the_partition_leaves_is_sent_away_and_timers_write_nothing_more()
    {
        GroupCoordinator before = Start(_old);
        await UntilAsync(() => before.Status("g") == KafkaError.None);
        (string id, _) = await StableAsync(before);
        Task<JoinResult> joining = before.JoinAsync("g", Call(""));
        Task<JoinResult> rejoining = before.JoinAsync("h", Call(""));
        Assert.False(joining.IsCompleted || rejoining.IsCompleted);
        int written = _old.All.Count();
        _old.SetTerm(0, -1);
        Assert.Equal(KafkaError.NotCoordinator, (await joining).Error);
        Assert.Equal(KafkaError.NotCoordinator, (await rejoining).Error);
        Assert.Equal(KafkaError.NotCoordinator, (await before.SyncAsync("g", Sync(id, 1))).Error);
        _time.Pass(3_600_000);
        Assert.Equal(written, _old.All.Count());
        Assert.Equal(0, before.GroupCount);
    }

    [Fact]
    public async Task A_write_of_an_old_coordinator_is_refused_whoever_leads_now()
    {
        GroupCoordinator before = Start(_old);
        await UntilAsync(() => before.Status("g") == KafkaError.None);
        (string id, int generation) = await StableAsync(before);
        int written = _old.All.Count();

        // The term has ended and begun anew, and the coordinator has not heard of it.
        _old.SetTermQuietly(0, 5);
        Assert.Equal(KafkaError.NotCoordinator, await CommitAsync(before, 43, id, generation));
        Assert.Equal(written, _old.All.Count());
    }

    [Fact]
    public async Task No_member_ever_sees_a_generation_twice_or_again_though_none_of_them_was_assigned()
    {
        GroupCoordinator before = Start(_old);
        GroupCoordinator after = Start(_new);
        await UntilAsync(() => before.Status("g") == KafkaError.None);
        Task<JoinResult> first = before.JoinAsync("g", Call(""));
        _time.Pass(100);
        JoinResult one = await first;
        Task<JoinResult> other = before.JoinAsync("g", Call(""));
        Task<JoinResult> again = before.JoinAsync("g", Call(one.MemberId));
        int highest = Math.Max((await again).Generation, (await other).Generation);
        Assert.True(highest > one.Generation);

        // Nobody has synced: without the log's word the next coordinator would begin at 1.
        await MoveAsync(after);
        Task<JoinResult> anew = after.JoinAsync("g", Call(""));
        _time.Pass(100);
        Assert.True((await anew).Generation > highest);
    }

    [Fact]
    public async Task A_generation_is_told_only_when_it_is_in_the_log()
    {
        GroupCoordinator before = Start(_old);
        await UntilAsync(() => before.Status("g") == KafkaError.None);
        _old.Holds = true;
        Task<JoinResult> joining = before.JoinAsync("g", Call(""));
        _time.Pass(100);
        Assert.False(joining.IsCompleted);
        _old.Release();
        Assert.Equal((KafkaError.None, 1), (await joining) is var result ? (result.Error, result.Generation) : default);
        Task<JoinResult> failing = before.JoinAsync("h", Call(""));
        _time.Pass(100);
        _old.Release(KafkaError.NotLeaderOrFollower);
        Assert.Equal(KafkaError.NotCoordinator, (await failing).Error);
    }

    [Fact]
    public async Task Offsets_of_a_topic_that_was_deleted_between_two_coordinators_do_not_come_back()
    {
        GroupCoordinator before = Start(_old);
        GroupCoordinator after = Start(_new);
        await UntilAsync(() => before.Status("g") == KafkaError.None);
        (string id, int generation) = await StableAsync(before);
        Assert.Equal(KafkaError.None, await CommitAsync(before, 42, id, generation));
        Assert.Equal(KafkaError.None, await before.CommitAsync(
            "g", new CommitIdentity(id, null, generation), [new OffsetCommitEntry(new GroupPartition("other", 0), new CommittedOffset(7, -1, "", 0))], By));
        Assert.Equal(KafkaError.None, await before.CommitAsync(
            "simple", new CommitIdentity("", null, -1), [new OffsetCommitEntry(new GroupPartition("t", 1), new CommittedOffset(8, -1, "", 0))], By));
        _old.SetTerm(0, -1);
        await before.TopicDeletedAsync("t");
        _gone.Add("t");
        _catalogFailures = 1;

        _new.SetTerm(0, 2);
        await UntilAsync(() => _catalogFailures == 0);
        Assert.Equal(KafkaError.CoordinatorLoadInProgress, after.Status("g"));
        await UntilAsync(() =>
        {
            _time.Pass(100);
            return after.Status("g") == KafkaError.None;
        });
        FetchedOffset left = Assert.Single(after.FetchOffsets("g", null, true).Offsets);
        Assert.Equal(("other", 7L), (left.Partition.Topic, left.Committed!.Offset));
        Assert.Empty(after.FetchOffsets("simple", null, true).Offsets);
        Assert.Equal(["g"], after.List().Groups.Select(group => group.GroupId));

        // For good: whoever reads the log next does not see them either.
        _gone.Clear();
        _new.SetTerm(0, -1);
        _old.SetTerm(0, 3);
        await UntilAsync(() => before.Status("g") == KafkaError.None);
        Assert.Single(before.FetchOffsets("g", null, true).Offsets);
        Assert.Equal(["g"], before.List().Groups.Select(group => group.GroupId));
    }

    private ValueTask<bool> IsTopicGoneAsync(string topic, CancellationToken cancellation)
    {
        if (_catalogFailures > 0)
        {
            _catalogFailures--;
            throw new MetadataUnavailableException("away");
        }

        return ValueTask.FromResult(_gone.Contains(topic));
    }

    private async Task MoveAsync(GroupCoordinator to)
    {
        _old.SetTerm(0, -1);
        _new.SetTerm(0, 2);
        await UntilAsync(() => to.Status("g") == KafkaError.None);
    }

    private GroupCoordinator Start(MemoryOffsetsLog log)
    {
        GroupOptions options = new() { InitialRebalanceDelayMs = 100 };
        GroupCoordinator coordinator = new(new GroupServices(
            options, log, _time, new GroupClock(_time), new GroupBudget(options.GroupsBytesMax), () => new Guid(++_lastGuid, 0, 0, new byte[8]),
            IsTopicGoneAsync, new MemoryTopicImage(), NullLogger.Instance));
        _started.Add(coordinator);
        coordinator.Start();
        return coordinator;
    }

    private async Task<(string Id, int Generation)> StableAsync(GroupCoordinator coordinator)
    {
        Task<JoinResult> joining = coordinator.JoinAsync("g", Call(""));
        _time.Pass(100);
        JoinResult joined = await joining;
        Assert.Equal(KafkaError.None, joined.Error);
        Assert.Equal(KafkaError.None, (await coordinator.SyncAsync("g", Sync(joined.MemberId, joined.Generation))).Error);
        return (joined.MemberId, joined.Generation);
    }

    private static JoinCall Call(string memberId) => new(
        memberId, null, false, true, "app", "/127.0.0.1", 60_000, 10_000, "consumer", [new GroupProtocol("range", Encoding.UTF8.GetBytes("t"))]);

    private static SyncCall Sync(string memberId, int generation) => new(
        memberId, null, generation, "consumer", "range",
        new Dictionary<string, ReadOnlyMemory<byte>> { [memberId] = Encoding.UTF8.GetBytes("mine") });

    private Task<KafkaError> CommitAsync(GroupCoordinator coordinator, long offset, string memberId, int generation) => coordinator.CommitAsync(
        "g", new CommitIdentity(memberId, null, generation),
        [new OffsetCommitEntry(new GroupPartition("t", 0), new CommittedOffset(offset, -1, "", _time.GetUtcNow().ToUnixTimeMilliseconds()))], By);

    private static Task UntilAsync(Func<bool> condition) => Support.BrokerHost.UntilAsync(condition);
}
