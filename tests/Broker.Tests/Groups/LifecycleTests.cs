using System.Text;
using PipeRoll.Broker.Groups;
using PipeRoll.Wire;

namespace PipeRoll.Broker.Tests.Groups;

public sealed class LifecycleTests
{
    [Fact]
    public void FollowersWaitForTheLeaderAndEachGetsItsOwnPart()
    {
        GroupHarness group = new();
        string[] ids = Joined(group, 2);
        long follower = group.Sync(ids[1]);
        Assert.True(group.IsOpen(follower));
        group.Sync(ids[0], assignments: new Dictionary<string, ReadOnlyMemory<byte>> { [ids[1]] = "p1"u8.ToArray(), ["stranger"] = "x"u8.ToArray() });
        Assert.Equal("p1", Encoding.UTF8.GetString(group.Synced(follower).Assignment.Span));
        Assert.Equal(("consumer", "range"), (group.Synced(follower).ProtocolType, group.Synced(follower).ProtocolName));
        Assert.Equal(GroupPhase.Stable, group.State.Phase);
        Assert.Equal([0, 2], group.LastStored!.Members.Select(static member => member.Assignment.Length));
    }

    [Fact]
    public void NothingIsAnsweredBeforeTheAssignmentIsStored()
    {
        GroupHarness group = new();
        string[] ids = Joined(group, 1);
        group.StoresAtOnce = false;
        long leader = group.Sync(ids[0]);
        Assert.True(group.IsOpen(leader));
        Assert.Equal(GroupPhase.CompletingRebalance, group.State.Phase);
        group.CompleteStore();
        Assert.Equal(KafkaError.None, group.Synced(leader).Error);
    }

    [Fact]
    public void AFailedStoreIsToldToAllAndTheyJoinAgain()
    {
        GroupHarness group = new();
        string[] ids = Joined(group, 2);
        group.StoresAtOnce = false;
        long follower = group.Sync(ids[1]);
        long leader = group.Sync(ids[0]);
        group.CompleteStore(KafkaError.NotCoordinator);
        Assert.Equal(KafkaError.NotCoordinator, group.Synced(leader).Error);
        Assert.Equal(KafkaError.NotCoordinator, group.Synced(follower).Error);
        Assert.Equal(GroupPhase.PreparingRebalance, group.State.Phase);
    }

    [Fact]
    public void AStoreThatEndsInALaterGenerationChangesNothing()
    {
        GroupHarness group = new();
        string[] ids = Joined(group, 1);
        group.StoresAtOnce = false;
        long leader = group.Sync(ids[0]);
        long newcomer = group.Join();
        Assert.Equal(KafkaError.RebalanceInProgress, group.Synced(leader).Error);
        long again = group.Join(ids[0]);
        Assert.Equal(2, group.Joined(newcomer).Generation);
        group.CompleteStore();
        Assert.Equal((GroupPhase.CompletingRebalance, 2), (group.State.Phase, group.Joined(again).Generation));
    }

    [Fact]
    public void ASyncIsCheckedForMemberGenerationAndProtocol()
    {
        GroupHarness group = new();
        string[] ids = Joined(group, 1);
        Assert.Equal(KafkaError.UnknownMemberId, group.Synced(group.Sync("nobody")).Error);
        Assert.Equal(KafkaError.IllegalGeneration, group.Synced(group.Sync(ids[0], generation: 7)).Error);
        Assert.Equal(KafkaError.InconsistentGroupProtocol, group.Synced(group.Sync(ids[0], protocol: "sticky")).Error);
        Assert.Equal(KafkaError.InconsistentGroupProtocol, group.Synced(group.Sync(ids[0], type: "connect")).Error);
    }

    [Fact]
    public void ASyncOfAStableGroupReturnsTheAssignmentAgain()
    {
        GroupHarness group = new();
        string[] ids = group.Stable(2);
        Assert.Equal($"{ids[1]}@1", Encoding.UTF8.GetString(group.Synced(group.Sync(ids[1])).Assignment.Span));
    }

    [Fact]
    public void WhoNeverSyncsIsRemovedAfterTheRebalanceTimeout()
    {
        GroupHarness group = new();
        string[] ids = Joined(group, 2, rebalanceMs: 20_000);
        group.Sync(ids[0]);
        for (int second = 0; second < 21; second++)
        {
            group.Pass(1_000);
            group.Heartbeat(ids[0]);
            group.Heartbeat(ids[1]);
        }

        Assert.Equal((GroupPhase.PreparingRebalance, 1), (group.State.Phase, group.State.MemberCount));
        Assert.Equal(KafkaError.UnknownMemberId, group.Heartbeat(ids[1]));
    }

    [Fact]
    public void AHeartbeatSaysWhatIsGoingOn()
    {
        GroupHarness group = new();
        string[] ids = Joined(group, 2);
        Assert.Equal(KafkaError.None, group.Heartbeat(ids[1]));
        group.SyncAll(ids);
        Assert.Equal(KafkaError.None, group.Heartbeat(ids[1]));
        Assert.Equal(KafkaError.IllegalGeneration, group.Heartbeat(ids[1], generation: 0));
        Assert.Equal(KafkaError.UnknownMemberId, group.Heartbeat("nobody"));
        group.Join();
        Assert.Equal(KafkaError.RebalanceInProgress, group.Heartbeat(ids[1]));
    }

    [Fact]
    public void ASilentMemberIsRemovedAndTheOthersRebalance()
    {
        GroupHarness group = new();
        string[] ids = group.Stable(2);
        group.Pass(9_000);
        group.Heartbeat(ids[1]);
        group.Pass(2_000);
        Assert.Equal((GroupPhase.PreparingRebalance, 1), (group.State.Phase, group.State.MemberCount));
        JoinResult alone = group.Joined(group.Join(ids[1]));
        Assert.Equal((2, ids[1]), (alone.Generation, alone.LeaderId));
    }

    [Fact]
    public void WaitingInARebalanceNeedsNoHeartbeat()
    {
        GroupHarness group = new();
        string[] ids = group.Stable(2);
        long waiting = group.Join(ids[0]);
        for (int second = 0; second < 30; second++)
        {
            group.Pass(1_000);
            group.Heartbeat(ids[1]);
        }

        Assert.True(group.IsOpen(waiting));
        group.Join(ids[1]);
        Assert.Equal(2, group.Joined(waiting).Generation);
        group.SyncAll(group.State.LeaderId!, ids.Single(id => id != group.State.LeaderId));
        group.Pass(11_000);
        Assert.Equal(0, group.State.MemberCount);
    }

    [Fact]
    public void WhoDoesNotRejoinInTimeIsDroppedAndLeadershipMoves()
    {
        GroupHarness group = new();
        string[] ids = group.Stable(2);
        long rejoined = group.Join(ids[1], offers: GroupHarness.Offers("range", "sticky"));
        for (int second = 0; second < 61; second++)
        {
            group.Pass(1_000);
            group.Heartbeat(ids[0]);
        }

        JoinResult result = group.Joined(rejoined);
        Assert.Equal((2, ids[1]), (result.Generation, result.LeaderId));
        Assert.Equal(1, group.State.MemberCount);
    }

    [Fact]
    public void WhenTheLastMemberLeavesTheGroupIsEmptyAndStoredSo()
    {
        GroupHarness group = new();
        string[] ids = group.Stable(1);
        Assert.Equal([KafkaError.None], group.Leave(new LeavingMember(ids[0], null)));
        Assert.Equal((GroupPhase.Empty, 2), (group.State.Phase, group.State.Generation));
        Assert.Empty(group.LastStored!.Members);
        Assert.Null(group.LastStored.ProtocolName);
        Assert.Equal("consumer", group.LastStored.ProtocolType);
    }

    [Fact]
    public void ABatchOfLeavesIsAnsweredOneByOne()
    {
        GroupHarness group = new();
        string[] ids = group.Stable(3, null, "node-1");
        string pending = group.Joined(group.Join(idRequired: true)).MemberId;
        string dynamic = ids.First(id => group.InstanceOf(id) is null);
        IReadOnlyList<KafkaError> results = group.Leave(
            new LeavingMember("", "node-1"), new LeavingMember(dynamic, null), new LeavingMember("nobody", null),
            new LeavingMember("", "node-9"), new LeavingMember("", null), new LeavingMember(pending, null));
        Assert.Equal(
            [KafkaError.None, KafkaError.None, KafkaError.UnknownMemberId, KafkaError.UnknownMemberId, KafkaError.UnknownMemberId, KafkaError.None],
            results);
        Assert.Equal((1, 0), (group.State.MemberCount, group.State.PendingMemberCount));
    }

    [Fact]
    public void AMemberThatLeavesWhileItsJoinWaitsIsAnswered()
    {
        GroupHarness group = new();
        long first = group.Join();
        string id = group.State.LeaderId!;
        group.Leave(new LeavingMember(id, null));
        Assert.Equal(KafkaError.UnknownMemberId, group.Joined(first).Error);
    }

    [Fact]
    public void OnlyTheRightCommittersMayCommit()
    {
        GroupHarness group = new();
        Assert.Equal(KafkaError.None, group.State.CheckCommit("", null, -1, group.NowMs));
        string[] ids = Joined(group, 1);
        Assert.Equal(KafkaError.RebalanceInProgress, group.State.CheckCommit(ids[0], null, 1, group.NowMs));
        group.SyncAll(ids);
        Assert.Equal(KafkaError.None, group.State.CheckCommit(ids[0], null, 1, group.NowMs));
        Assert.Equal(KafkaError.IllegalGeneration, group.State.CheckCommit(ids[0], null, 0, group.NowMs));
        Assert.Equal(KafkaError.UnknownMemberId, group.State.CheckCommit("nobody", null, 1, group.NowMs));
        Assert.Equal(KafkaError.UnknownMemberId, group.State.CheckCommit("", null, -1, group.NowMs));
        Assert.Equal(KafkaError.UnknownMemberId, group.State.CheckCommit(ids[0], "node-1", 1, group.NowMs));
        group.Join();
        Assert.Equal(KafkaError.None, group.State.CheckCommit(ids[0], null, 1, group.NowMs));
    }

    [Fact]
    public void ACommitKeepsTheSessionAlive()
    {
        GroupHarness group = new();
        string[] ids = group.Stable(1);
        group.Pass(9_000);
        group.State.CheckCommit(ids[0], null, 1, group.NowMs);
        group.Pass(9_000);
        Assert.Equal(1, group.State.MemberCount);
    }

    [Fact]
    public void OnlyAnEmptyGroupCanBeDeletedAndThenItIsDead()
    {
        GroupHarness group = new();
        string[] ids = group.Stable(1);
        Assert.Equal(KafkaError.NonEmptyGroup, group.State.Delete(group.NowMs));
        group.Leave(new LeavingMember(ids[0], null));
        Assert.Equal(KafkaError.None, group.State.Delete(group.NowMs));
        Assert.Equal(KafkaError.GroupIdNotFound, group.State.Delete(group.NowMs));
        Assert.Equal(KafkaError.CoordinatorNotAvailable, group.Joined(group.Join()).Error);
        Assert.Equal(KafkaError.CoordinatorNotAvailable, group.Synced(group.Sync(ids[0])).Error);
        Assert.Equal(KafkaError.CoordinatorNotAvailable, group.Heartbeat(ids[0]));
        Assert.Equal(KafkaError.CoordinatorNotAvailable, group.State.CheckCommit("", null, -1, group.NowMs));
        Assert.Equal(long.MaxValue, group.State.NextDeadlineMs);
    }

    [Fact]
    public void ARestoredGroupGoesOnAsIfNothingHadHappened()
    {
        GroupHarness before = new();
        string[] ids = before.Stable(2, null, "node-1");
        GroupHarness after = new(restored: before.LastStored);
        Assert.Equal((GroupPhase.Stable, 1, before.State.LeaderId), (after.State.Phase, after.State.Generation, after.State.LeaderId));
        Assert.All(ids, id => Assert.Equal(KafkaError.None, after.Heartbeat(id, instance: before.InstanceOf(id))));
        Assert.Equal($"{ids[1]}@1", Encoding.UTF8.GetString(after.Synced(after.Sync(ids[1], instance: before.InstanceOf(ids[1]))).Assignment.Span));
        after.Pass(11_000);
        Assert.Equal(0, after.State.MemberCount);
    }

    [Fact]
    public void ARestoredGroupOverItsLimitRebalances()
    {
        GroupHarness before = new();
        before.Stable(3);
        GroupHarness after = new(new GroupOptions { MembersMax = 2 }, before.LastStored);
        Assert.Equal(GroupPhase.PreparingRebalance, after.State.Phase);
    }

    [Fact]
    public void ADescriptionShowsAssignmentsOnlyWhenStable()
    {
        GroupHarness group = new();
        string[] ids = Joined(group, 1);
        Assert.Equal(0, group.State.Describe().Members[0].Subscription.Length);
        group.SyncAll(ids);
        GroupDescription stable = group.State.Describe();
        Assert.Equal(("range", "consumer"), (stable.ProtocolName, stable.ProtocolType));
        Assert.Equal("topics of range", Encoding.UTF8.GetString(stable.Members[0].Subscription.Span));
        Assert.NotEqual(0, stable.Members[0].Assignment.Length);
    }

    internal static string[] Joined(GroupHarness group, int count, int rebalanceMs = 60_000)
    {
        long[] tickets = [.. Enumerable.Range(0, count).Select(_ => group.Join(rebalanceMs: rebalanceMs))];
        group.Pass(6_000);
        return [.. tickets.Select(ticket => group.Joined(ticket).MemberId)];
    }
}
