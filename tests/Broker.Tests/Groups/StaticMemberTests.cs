using PipeRoll.Broker.Groups;
using PipeRoll.Wire;

namespace PipeRoll.Broker.Tests.Groups;

/// <summary>KIP-345 and KIP-814: members that keep their place over a restart.</summary>
public sealed class StaticMemberTests
{
    [Fact]
    public void ARestartedFollowerKeepsItsPlaceWithoutARebalance()
    {
        GroupHarness group = new();
        string[] ids = group.Stable(2, "leader", "follower");
        JoinResult back = group.Joined(group.Join(instance: "follower"));
        Assert.Equal((KafkaError.None, 1, ids[0]), (back.Error, back.Generation, back.LeaderId));
        Assert.NotEqual(ids[1], back.MemberId);
        Assert.False(back.SkipAssignment);
        Assert.Equal(GroupPhase.Stable, group.State.Phase);
        Assert.Equal($"{ids[1]}@1", Text(group.Synced(group.Sync(back.MemberId, instance: "follower"))));
        Assert.Contains(group.LastStored!.Members, member => member.MemberId == back.MemberId);
    }

    [Fact]
    public void ARestartedLeaderIsToldToSkipTheAssignment()
    {
        GroupHarness group = new();
        group.Stable(2, "leader", "follower");
        JoinResult back = group.Joined(group.Join(instance: "leader"));
        Assert.True(back.SkipAssignment);
        Assert.Equal(back.MemberId, back.LeaderId);
        Assert.Equal(2, back.Members.Count);
        Assert.Equal(GroupPhase.Stable, group.State.Phase);
    }

    [Fact]
    public void ARestartedLeaderOfAnOldVersionIsNotToldThatItLeads()
    {
        GroupHarness group = new();
        string[] ids = group.Stable(2, "leader", "follower");
        JoinResult back = group.Joined(group.Join(instance: "leader", skips: false));
        Assert.False(back.SkipAssignment);
        Assert.Equal(ids[0], back.LeaderId);
        Assert.Empty(back.Members);
        Assert.Equal(back.MemberId, group.State.LeaderId);
    }

    [Fact]
    public void TheOldIdIsFenced()
    {
        GroupHarness group = new();
        string[] ids = group.Stable(2, "leader", "follower");
        group.Join(instance: "follower");
        Assert.Equal(KafkaError.FencedInstanceId, group.Heartbeat(ids[1], instance: "follower"));
        Assert.Equal(KafkaError.UnknownMemberId, group.Heartbeat(ids[1]));
        Assert.Equal(KafkaError.FencedInstanceId, group.Synced(group.Sync(ids[1], instance: "follower")).Error);
        Assert.Equal(KafkaError.FencedInstanceId, group.Joined(group.Join(ids[1], instance: "follower")).Error);
        Assert.Equal(KafkaError.FencedInstanceId, group.State.CheckCommit(ids[1], "follower", 1, group.NowMs));
        Assert.Equal([KafkaError.FencedInstanceId], group.Leave(new LeavingMember(ids[1], "follower")));
        Assert.Equal(KafkaError.UnknownMemberId, group.Heartbeat(ids[1], instance: "never seen"));
    }

    [Fact]
    public void ADuplicateInstanceFencesTheOneThatWaits()
    {
        GroupHarness group = new();
        long first = group.Join(instance: "node");
        long second = group.Join(instance: "node");
        Assert.Equal(KafkaError.FencedInstanceId, group.Joined(first).Error);
        group.Pass(3_000);
        Assert.Equal((KafkaError.None, 1), (group.Joined(second).Error, group.State.MemberCount));
    }

    [Fact]
    public void AReplacementDuringTheAssignmentRebalancesAgain()
    {
        GroupHarness group = new();
        long leader = group.Join(instance: "leader");
        group.Join(instance: "follower");
        group.Pass(6_000);
        string leaderId = group.Joined(leader).MemberId;
        long back = group.Join(instance: "follower");
        Assert.Equal(GroupPhase.PreparingRebalance, group.State.Phase);
        group.Join(leaderId, instance: "leader");
        Assert.Equal(2, group.Joined(back).Generation);
    }

    [Fact]
    public void AReplacementThatChangesTheProtocolRebalances()
    {
        GroupHarness group = new();
        long[] tickets =
        [
            group.Join(instance: "a", offers: GroupHarness.Offers("range", "sticky")),
            group.Join(instance: "b", offers: GroupHarness.Offers("range", "sticky")),
        ];
        group.Pass(6_000);
        group.SyncAll([.. tickets.Select(ticket => group.Joined(ticket).MemberId)]);
        long back = group.Join(instance: "b", offers: GroupHarness.Offers("sticky"));
        Assert.True(group.IsOpen(back));
        Assert.Equal(GroupPhase.PreparingRebalance, group.State.Phase);
    }

    [Fact]
    public void AReplacementThatCannotBeStoredIsTakenBack()
    {
        GroupHarness group = new();
        string[] ids = group.Stable(2, "leader", "follower");
        group.StoresAtOnce = false;
        long back = group.Join(instance: "leader", offers: GroupHarness.Offers("range", "sticky"), sessionMs: 30_000);
        Assert.True(group.IsOpen(back));
        group.CompleteStore(KafkaError.CoordinatorNotAvailable);
        Assert.Equal((KafkaError.CoordinatorNotAvailable, ""), (group.Joined(back).Error, group.Joined(back).MemberId));
        Assert.Equal(ids[0], group.State.LeaderId);
        Assert.Equal(KafkaError.None, group.Heartbeat(ids[0], instance: "leader"));
        Assert.Equal(10_000, group.State.Describe().Members[0].SessionTimeoutMs);
    }

    [Fact]
    public void AReplacementOvertakenByARebalanceIsAnsweredByIt()
    {
        GroupHarness group = new();
        string[] ids = group.Stable(2, "leader", "follower");
        group.StoresAtOnce = false;
        long back = group.Join(instance: "follower");
        long newcomer = group.Join();
        group.CompleteStore();
        Assert.True(group.IsOpen(back));
        group.Join(ids[0], instance: "leader");
        Assert.Equal(2, group.Joined(back).Generation);
        Assert.Equal(2, group.Joined(newcomer).Generation);
    }

    [Fact]
    public void AnAbsentStaticMemberStaysThroughTheRebalanceTimeoutUntilItsSessionEnds()
    {
        GroupHarness group = new();
        long[] tickets = [group.Join(instance: "a", rebalanceMs: 8_000), group.Join(instance: "b", rebalanceMs: 8_000, sessionMs: 30_000)];
        group.Pass(6_000);
        string[] ids = [.. tickets.Select(ticket => group.Joined(ticket).MemberId)];
        group.SyncAll(ids);
        long rejoined = group.Join(ids[0], instance: "a", rebalanceMs: 8_000);
        group.Pass(8_001);
        Assert.Equal(2, group.Joined(rejoined).Generation);
        Assert.Equal(2, group.State.MemberCount);
    }

    [Fact]
    public void WhenNoStaticMemberComesBackTheRebalanceWaitsForTheirSessions()
    {
        GroupHarness group = new();
        long[] tickets = [group.Join(instance: "a", rebalanceMs: 8_000), group.Join(rebalanceMs: 8_000, sessionMs: 6_000)];
        group.Pass(6_000);
        string[] ids = [.. tickets.Select(ticket => group.Joined(ticket).MemberId)];
        group.SyncAll(ids);
        group.Leave(new LeavingMember(ids[1], null));
        Assert.Equal(GroupPhase.PreparingRebalance, group.State.Phase);
        for (int second = 0; second < 20; second++)
        {
            group.Pass(1_000);
            group.Heartbeat(ids[0], instance: "a");
        }

        Assert.Equal((GroupPhase.PreparingRebalance, 1), (group.State.Phase, group.State.MemberCount));
        group.Pass(30_000);
        Assert.Equal((GroupPhase.Empty, 0), (group.State.Phase, group.State.MemberCount));
    }

    private static string Text(SyncResult result) => System.Text.Encoding.UTF8.GetString(result.Assignment.Span);
}
