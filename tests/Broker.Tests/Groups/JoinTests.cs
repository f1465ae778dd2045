using PipeRoll.Broker.Groups;
using PipeRoll.Wire;

namespace PipeRoll.Broker.Tests.Groups;

public sealed class JoinTests
{
    [Fact]
    public void FirstMembersWaitForTheInitialDelayAndThenShareOneGeneration()
    {
        GroupHarness group = new();
        long first = group.Join();
        long second = group.Join();
        group.Pass(2_999);
        Assert.True(group.IsOpen(first));
        group.Pass(3_001);

        JoinResult leader = group.Joined(first);
        JoinResult follower = group.Joined(second);
        Assert.Equal(KafkaError.None, leader.Error);
        Assert.Equal((1, 1), (leader.Generation, follower.Generation));
        Assert.Equal(leader.MemberId, leader.LeaderId);
        Assert.Equal(leader.MemberId, follower.LeaderId);
        Assert.Equal([leader.MemberId, follower.MemberId], leader.Members.Select(static member => member.MemberId));
        Assert.Empty(follower.Members);
        Assert.StartsWith("app-", leader.MemberId, StringComparison.Ordinal);
        Assert.Equal(GroupPhase.CompletingRebalance, group.State.Phase);
    }

    [Fact]
    public void TheInitialDelayGrowsWhileMembersArriveButNotPastTheRebalanceTimeout()
    {
        GroupHarness group = new();
        long first = group.Join(rebalanceMs: 10_000);
        for (int round = 0; round < 20 && group.IsOpen(first); round++)
        {
            group.Pass(2_000);
            group.Join(rebalanceMs: 10_000);
        }

        Assert.False(group.IsOpen(first));
        Assert.InRange(group.NowMs - 1_700_000_000_000, 9_000, 14_000);
    }

    [Fact]
    public void WithoutDelayTheFirstGenerationFormsAtTheNextTick()
    {
        GroupHarness group = new(new GroupOptions { InitialRebalanceDelayMs = 0 });
        long only = group.Join();
        group.Pass(0);
        Assert.Equal(KafkaError.None, group.Joined(only).Error);
    }

    [Fact]
    public void ADynamicMemberOfNewVersionsFirstOnlyGetsItsId()
    {
        GroupHarness group = new();
        JoinResult refused = group.Joined(group.Join(idRequired: true));
        Assert.Equal(KafkaError.MemberIdRequired, refused.Error);
        Assert.Equal((0, 1), (group.State.MemberCount, group.State.PendingMemberCount));

        long joined = group.Join(refused.MemberId, idRequired: true);
        group.Pass(3_000);
        Assert.Equal(refused.MemberId, group.Joined(joined).MemberId);
        Assert.Equal(0, group.State.PendingMemberCount);
    }

    [Fact]
    public void AnIdThatIsNeverUsedExpiresAndNoLongerHoldsUpTheRebalance()
    {
        GroupHarness group = new();
        string[] ids = group.Stable(1);
        group.Join(idRequired: true, sessionMs: 8_000);
        long rejoined = group.Join(ids[0]);
        Assert.True(group.IsOpen(rejoined));
        group.Pass(8_000);
        Assert.Equal(2, group.Joined(rejoined).Generation);
        Assert.Equal(0, group.State.PendingMemberCount);
    }

    [Fact]
    public void APendingIdWithAnInstanceIdIsRefused()
    {
        GroupHarness group = new();
        string pending = group.Joined(group.Join(idRequired: true)).MemberId;
        Assert.Equal(KafkaError.InvalidRequest, group.Joined(group.Join(pending, instance: "node-1")).Error);
    }

    [Fact]
    public void UnknownMemberIdsAreToldSo()
    {
        GroupHarness group = new();
        group.Stable(1);
        Assert.Equal(KafkaError.UnknownMemberId, group.Joined(group.Join("nobody")).Error);
    }

    [Theory]
    [InlineData(5_999)]
    [InlineData(1_800_001)]
    public void SessionTimeoutsOutsideTheBoundsAreRefused(int sessionMs)
    {
        GroupHarness group = new();
        Assert.Equal(KafkaError.InvalidSessionTimeout, group.Joined(group.Join(sessionMs: sessionMs)).Error);
        Assert.Equal(0, group.State.MemberCount);
    }

    [Fact]
    public void TheProtocolWithMostVotesAmongTheCommonOnesWins()
    {
        GroupHarness group = new();
        long first = group.Join(offers: GroupHarness.Offers("range", "roundrobin", "sticky"));
        group.Join(offers: GroupHarness.Offers("roundrobin", "range"));
        group.Join(offers: GroupHarness.Offers("sticky", "roundrobin", "range"));
        group.Pass(60_000);
        Assert.Equal("roundrobin", group.Joined(first).ProtocolName);
    }

    [Fact]
    public void WhoSharesNoProtocolOrTypeIsRefused()
    {
        GroupHarness group = new();
        group.Join(offers: GroupHarness.Offers("range", "sticky"));
        group.Join(offers: GroupHarness.Offers("range"));
        Assert.Equal(KafkaError.InconsistentGroupProtocol, group.Joined(group.Join(offers: GroupHarness.Offers("sticky"))).Error);
        Assert.Equal(KafkaError.InconsistentGroupProtocol, group.Joined(group.Join(type: "connect")).Error);
        Assert.Equal(2, group.State.MemberCount);
    }

    [Theory]
    [InlineData("", 1)]
    [InlineData("consumer", 0)]
    public void AnEmptyGroupNeedsATypeAndAProtocol(string type, int offers)
    {
        GroupHarness group = new();
        long ticket = group.Join(type: type, offers: GroupHarness.Offers([.. Enumerable.Repeat("range", offers)]));
        Assert.Equal(KafkaError.InconsistentGroupProtocol, group.Joined(ticket).Error);
    }

    [Fact]
    public void AProtocolNamedTwiceIsStillOneOffer()
    {
        GroupHarness group = new();
        long first = group.Join(offers: GroupHarness.Offers("range", "range"));
        group.Join(offers: GroupHarness.Offers("range"));
        group.Pass(60_000);
        Assert.Equal("range", group.Joined(first).ProtocolName);
    }

    [Fact]
    public void AFollowerThatRejoinsUnchangedGetsTheGenerationBackWithoutARebalance()
    {
        GroupHarness group = new();
        string[] ids = group.Stable(2);
        JoinResult again = group.Joined(group.Join(ids[1]));
        Assert.Equal((KafkaError.None, 1, ids[0]), (again.Error, again.Generation, again.LeaderId));
        Assert.Equal(GroupPhase.Stable, group.State.Phase);
    }

    [Fact]
    public void AFollowerWithAnotherSubscriptionForcesARebalance()
    {
        GroupHarness group = new();
        string[] ids = group.Stable(2);
        long changed = group.Join(ids[1], offers: GroupHarness.Offers("range", "sticky"));
        Assert.Equal(GroupPhase.PreparingRebalance, group.State.Phase);
        Assert.True(group.IsOpen(changed));
        group.Join(ids[0]);
        Assert.Equal(2, group.Joined(changed).Generation);
    }

    [Fact]
    public void ALeaderThatRejoinsAlwaysForcesARebalance()
    {
        GroupHarness group = new();
        string[] ids = group.Stable(1);
        Assert.Equal(2, group.Joined(group.Join(ids[0])).Generation);
    }

    [Fact]
    public void AMemberThatMissedItsAnswerGetsItAgainWhileTheAssignmentIsAwaited()
    {
        GroupHarness group = new();
        long first = group.Join();
        group.Pass(3_000);
        string id = group.Joined(first).MemberId;
        JoinResult again = group.Joined(group.Join(id));
        Assert.Equal((1, 1), (again.Generation, again.Members.Count));
    }

    [Fact]
    public void AnOlderJoinOfTheSameMemberIsAnsweredWhenANewerComes()
    {
        GroupHarness group = new();
        string[] ids = group.Stable(2);
        long older = group.Join(ids[0]);
        long newer = group.Join(ids[0]);
        Assert.Equal(KafkaError.RebalanceInProgress, group.Joined(older).Error);
        group.Join(ids[1]);
        Assert.Equal(2, group.Joined(newer).Generation);
    }

    [Fact]
    public void AFullGroupRefusesNewMembersAndShedsTheLastToRejoin()
    {
        GroupHarness group = new(new GroupOptions { MembersMax = 2, InitialRebalanceDelayMs = 100 });
        string[] ids = group.Stable(2);
        Assert.Equal(KafkaError.GroupMaxSizeReached, group.Joined(group.Join()).Error);
        group.Join(ids[0]);
        long late = group.Join();
        Assert.True(group.State.Phase == GroupPhase.PreparingRebalance || !group.IsOpen(late));
        Assert.Equal(KafkaError.GroupMaxSizeReached, group.Joined(group.Join(ids[1])).Error);
        Assert.Equal(2, group.State.MemberCount);
        Assert.Equal(2, group.Joined(late).Generation);
    }

    [Fact]
    public void SubscriptionsBeyondTheByteBoundAreRefused()
    {
        GroupHarness group = new(new GroupOptions { MemberBytesMax = 10_000 });
        long ticket = group.Join(offers: [new GroupProtocol("range", new byte[20_000])]);
        Assert.Equal(KafkaError.GroupMaxSizeReached, group.Joined(ticket).Error);
        Assert.Equal(0, group.State.Bytes);
    }

    [Fact]
    public void UnusedIdsAreBounded()
    {
        GroupHarness group = new(new GroupOptions { PendingMembersMax = 2 });
        group.Join(idRequired: true);
        group.Join(idRequired: true);
        Assert.Equal(KafkaError.GroupMaxSizeReached, group.Joined(group.Join(idRequired: true)).Error);
    }

    [Fact]
    public void ABrandNewMemberThatWaitsTooLongIsGivenUpOn()
    {
        GroupHarness group = new(new GroupOptions { InitialRebalanceDelayMs = 10, NewMemberJoinTimeoutMs = 20_000 });
        string[] ids = group.Stable(1);
        group.Join(ids[0], rebalanceMs: 100_000);
        ids = [group.State.LeaderId!];
        group.SyncAll(ids);
        long newcomer = group.Join(rebalanceMs: 100_000);
        for (int second = 0; second < 25; second++)
        {
            group.Pass(1_000);
            group.Heartbeat(ids[0]);
        }

        Assert.Equal(KafkaError.UnknownMemberId, group.Joined(newcomer).Error);
    }
}
