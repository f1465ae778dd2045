using PipeRoll.Broker.Groups;
using PipeRoll.Broker.Groups.Consumer;
using PipeRoll.Broker.Groups.Offsets;
using PipeRoll.Wire;

namespace PipeRoll.Broker.Tests.Groups.Consumer;

/// <summary>What a group of the consumer protocol does, step by step.</summary>
public sealed class ConsumerGroupTests
{
    private readonly ConsumerGroupHarness _harness = new();

    private ConsumerGroupState Group => _harness.Group;

    [Fact]
    public void APartitionIsGivenUpBeforeAnotherMemberGetsIt()
    {
        _harness.Topics.Put("t", 4);
        PlayedMember first = _harness.Member("a");
        PlayedMember second = _harness.Member("b");
        Assert.Equal(4, _harness.Beat(first).Assignment!.Count);
        Assert.Equal((1, "Stable"), (first.Epoch, Group.StateName));

        ConsumerHeartbeatResult joined = _harness.Beat(second);
        Assert.Equal((2, 0), (joined.Epoch, joined.Assignment!.Count));
        Assert.Equal("Reconciling", Group.StateName);

        // Told to give two up: stays in its epoch until it says that it has.
        Assert.Equal((1, 2), (_harness.Beat(first).Epoch, first.Owned.Count));
        Assert.Empty(_harness.Beat(second).Assignment!);
        Assert.Equal(1, _harness.Beat(first, givesUp: false).Epoch);
        Assert.Equal(2, _harness.Beat(first).Epoch);
        Assert.Equal(2, _harness.Beat(second).Assignment!.Count);
        Assert.Equal("Stable", Group.StateName);
    }

    [Fact]
    public void WhoDoesNotGiveUpInTimeIsRemoved()
    {
        _harness.Topics.Put("t", 2);
        PlayedMember first = _harness.Member("a");
        PlayedMember second = _harness.Member("b");
        _harness.Beat(first);
        _harness.Beat(second);
        _harness.Beat(first);
        for (int beats = 0; beats < 6; beats++)
        {
            _harness.Pass(4_000);
            Assert.Equal(KafkaError.None, _harness.Beat(first, givesUp: false).Error);
            _harness.Beat(second);
        }

        _harness.Pass(6_000);
        Assert.Equal(2, _harness.Beat(second).Assignment!.Count);
        Assert.Equal(KafkaError.UnknownMemberId, _harness.Beat(first).Error);
    }

    [Fact]
    public void ASessionEndsByTheClock()
    {
        _harness.Topics.Put("t", 2);
        PlayedMember first = _harness.Member("a");
        _harness.Beat(first);
        _harness.Pass(_harness.Options.ConsumerSessionTimeoutMs - 1);
        Assert.Equal(1, Group.MemberCount);
        _harness.Pass(1);
        Assert.Equal((0, "Empty"), (Group.MemberCount, Group.StateName));
        Assert.Equal(KafkaError.UnknownMemberId, _harness.Beat(first).Error);
        Assert.Equal(2, _harness.Beat(first).Assignment!.Count);
    }

    [Fact]
    public void AnAnswerThatWasLostIsGivenAgainAndAnyOtherEpochIsFenced()
    {
        _harness.Topics.Put("t", 2);
        PlayedMember first = _harness.Member("a");
        _harness.Beat(first, losesAnswer: true);
        Assert.Equal((KafkaError.None, 1), (_harness.Beat(first).Error, first.Epoch));
        PlayedMember second = _harness.Member("b");
        _harness.Beat(second);
        _harness.Beat(first);
        _harness.Beat(first, losesAnswer: true);
        Assert.Equal((KafkaError.None, 2), (_harness.Beat(first).Error, first.Epoch));
        first.Epoch = 7;
        Assert.Equal(KafkaError.FencedMemberEpoch, _harness.Beat(first).Error);
    }

    [Fact]
    public void TopicsThatComeGrowAndGoMoveTheEpoch()
    {
        PlayedMember member = _harness.Member("a", topics: "", regex: "t-[0-9]+");
        Assert.Empty(_harness.Beat(member).Assignment!);
        int before = Group.Epoch;
        _harness.Topics.Put("other", 1);
        Assert.Equal(before, _harness.Beat(member).Epoch);
        _harness.Topics.Put("t-1", 2);
        Assert.Equal((before + 1, 2), (_harness.Beat(member).Epoch, member.Owned.Count));
        _harness.Topics.Put("t-1", 3);
        Assert.Equal(3, _harness.Beat(member).Assignment!.Count);
        _harness.Topics.Remove("t-1");
        _harness.Settled();
        Assert.Empty(member.Owned);
    }

    [Fact]
    public void AnExpressionStandsForNoTopicThatTheMemberMayNotKnowOf()
    {
        _harness.Topics.Put("t-1", 2);
        _harness.Topics.Put("t-2", 2);
        _harness.Hidden.Add(("a", "t-2"));
        PlayedMember member = _harness.Member("a", topics: "", regex: "t-[0-9]+");
        _harness.Beat(member);
        Assert.Equal(["t-1"], NamesOf(member));

        // Rights change without a topic that does.
        _harness.Hidden.Clear();
        _harness.Settled();
        Assert.Equal(["t-1", "t-2"], NamesOf(member));
        int before = Group.Epoch;
        _harness.TakeOver();
        Assert.Equal(KafkaError.None, _harness.Beat(member).Error);
        Assert.Equal(before, Group.Epoch);
        Assert.Equal(["t-1", "t-2"], NamesOf(member));
        _harness.Hidden.Add(("a", "t-1"));
        _harness.Settled();
        Assert.Equal(["t-2"], NamesOf(member));

        // A member that may know of everything takes what is left.
        PlayedMember other = _harness.Member("b", topics: "", regex: "t-[0-9]+");
        _harness.Beat(other);
        _harness.Settled();
        Assert.Contains("t-1", NamesOf(other));
        Assert.DoesNotContain("t-1", NamesOf(member));
    }

    [Fact]
    public void AMemberMayBeSilentForAsLongAsItsLastHeartbeatSays()
    {
        _harness.SessionTimeoutMs = 60_000;
        PlayedMember member = _harness.Member("a");
        _harness.Beat(member);
        _harness.Pass(59_999);
        Assert.Equal(1, Group.MemberCount);
        _harness.SessionTimeoutMs = 45_000;
        _harness.Beat(member);
        _harness.Pass(45_000);
        Assert.Equal(0, Group.MemberCount);
    }

    [Theory]
    [InlineData("(")]
    [InlineData("(?=a)b")]
    [InlineData(@"(a)\1")]
    public void WhatIsNoLinearExpressionIsRefused(string regex)
    {
        PlayedMember member = _harness.Member("a", topics: "", regex: regex);
        Assert.Equal(KafkaError.InvalidRegularExpression, _harness.Beat(member).Error);
        Assert.Equal(0, Group.MemberCount);
    }

    [Fact]
    public void AStaticMemberKeepsItsPartitionsWhileItIsAway()
    {
        _harness.Topics.Put("t", 4);
        PlayedMember first = _harness.Member("a", instance: "i-1");
        PlayedMember second = _harness.Member("b", instance: "i-2");
        _harness.Beat(first);
        _harness.Beat(second);
        _harness.Settled();
        TopicIdPartition[] had = [.. second.Owned.Order()];
        int epoch = Group.Epoch;

        PlayedMember impostor = new("c", "i-2", ["t"], null, null);
        Assert.Equal(KafkaError.UnreleasedInstanceId, _harness.Beat(impostor).Error);
        Assert.Equal(ConsumerEpochs.LeaveStatic, _harness.Leave(second, ConsumerEpochs.LeaveStatic).Epoch);
        Assert.Null(_harness.Beat(first).Assignment is { Count: > 2 } ? "took more" : null);
        second.Id = "b2";
        Assert.Equal(had, _harness.Beat(second).Assignment!.Order());
        Assert.Equal(epoch, Group.Epoch);
        PlayedMember old = new("b", "i-2", ["t"], null, null) { Epoch = epoch };
        Assert.Equal(KafkaError.FencedInstanceId, _harness.Beat(old).Error);

        _harness.Leave(second, ConsumerEpochs.LeaveStatic);
        _harness.Pass(_harness.Options.ConsumerSessionTimeoutMs - 1);
        _harness.Members.Remove(second);
        Assert.Equal(KafkaError.None, _harness.Beat(first).Error);
        _harness.Pass(1);
        Assert.Equal(4, _harness.Beat(first).Assignment!.Count);
    }

    [Fact]
    public void OffsetsAreCommittedUnderTheEpochInWhichTheyWereConsumed()
    {
        _harness.Topics.Put("t", 2);
        PlayedMember first = _harness.Member("a");
        PlayedMember second = _harness.Member("b");
        _harness.Beat(first);
        Assert.Equal(KafkaError.None, Commit("a", 1, 0, 1));
        Assert.Equal(KafkaError.UnsupportedVersion, Group.CheckCommit("a", null, 1, [new GroupPartition("t", 0)], knowsEpochs: false));
        Assert.Equal(KafkaError.UnknownMemberId, Commit("nobody", 1, 0));
        Assert.Equal(KafkaError.UnknownMemberId, Commit("", -1, 0));
        _harness.Beat(second);
        _harness.Settled();
        int kept = first.Owned.Single().Partition;
        int lost = 1 - kept;

        // The partition that it kept may be committed under the epoch before; the one that changed hands may not.
        Assert.Equal(KafkaError.None, Commit("a", 1, kept));
        Assert.Equal(KafkaError.StaleMemberEpoch, Commit("a", 1, lost));
        Assert.Equal(KafkaError.StaleMemberEpoch, Commit("b", 1, lost));
        Assert.Equal(KafkaError.None, Commit("b", second.Epoch, lost));
        Assert.Equal(KafkaError.StaleMemberEpoch, Group.CheckFetch("a", 1));
        Assert.Equal(KafkaError.None, Group.CheckFetch("a", 2));
        Assert.Equal(KafkaError.None, Group.CheckFetch(null, -1));
        _harness.Leave(first);
        _harness.Leave(second);
        Assert.Equal(KafkaError.None, Commit("", -1, 0));
    }

    [Fact]
    public void AnotherCoordinatorGoesOnWhereThisOneWas()
    {
        _harness.Topics.Put("t", 6);
        PlayedMember[] members = [_harness.Member("a"), _harness.Member("b", instance: "i"), _harness.Member("c")];
        Array.ForEach(members, member => _harness.Beat(member));
        _harness.Beat(members[0]);
        ConsumerGroupDescription before = Group.Describe();
        _harness.TakeOver();
        ConsumerGroupDescription after = Group.Describe();
        Assert.Equal((before.State, before.Epoch, before.TargetEpoch), (after.State, after.Epoch, after.TargetEpoch));
        foreach ((ConsumerMemberDescription was, ConsumerMemberDescription found) in before.Members.Zip(after.Members))
        {
            Assert.Equal((was.MemberId, was.InstanceId, was.Epoch), (found.MemberId, found.InstanceId, found.Epoch));
            Assert.Equal(was.Assigned, found.Assigned);
            Assert.Equal(was.Target, found.Target);
        }

        _harness.Settled();
        Assert.Equal(before.Epoch, Group.Epoch);
        Assert.All(members, member => Assert.Equal(2, member.Owned.Count));
    }

    [Fact]
    public void TopicsThatGrewWhileNobodyCoordinatedAreFound()
    {
        _harness.Topics.Put("t", 1);
        PlayedMember member = _harness.Member("a");
        _harness.Beat(member);
        _harness.Topics.Put("t", 2);
        _harness.TakeOver();
        Assert.Equal(2, _harness.Beat(member).Assignment!.Count);
    }

    [Fact]
    public void AGroupTakesNoMoreMembersThanItMay()
    {
        ConsumerGroupHarness harness = new(new GroupOptions { MembersMax = 1 });
        PlayedMember first = harness.Member("a");
        Assert.Equal(KafkaError.None, harness.Beat(first).Error);
        Assert.Equal(KafkaError.GroupMaxSizeReached, harness.Beat(harness.Member("b")).Error);
        Assert.Equal(KafkaError.None, harness.Beat(first).Error);
    }

    private KafkaError Commit(string member, int epoch, params int[] partitions) =>
        Group.CheckCommit(member, null, epoch, partitions.Select(static index => new GroupPartition("t", index)), knowsEpochs: true);

    private IEnumerable<string> NamesOf(PlayedMember member) =>
        member.Owned.Select(partition => _harness.Topics.Find(partition.Topic)!.Value.Name).Distinct().Order(StringComparer.Ordinal);
}
