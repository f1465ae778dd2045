using System.Collections.Immutable;
using CsCheck;
using PipeRoll.Broker.Groups.Consumer;

namespace PipeRoll.Broker.Tests.Groups.Consumer;

public sealed class AssignorTests
{
    private static readonly TopicFacts[] Topics =
        [.. Enumerable.Range(1, 4).Select(static number => new TopicFacts(new Guid(number, 0, 0, new byte[8]), $"t{number}", (number * 2) + 1))];

    /// <summary>Members by the topics that they subscribe to, as bits.</summary>
    private static readonly Gen<int[]> Subscriptions = Gen.Int[0, 15].Array[1, 8];

    [Theory]
    [InlineData("uniform")]
    [InlineData("range")]
    public void EverySubscribedPartitionGoesToOneOfItsSubscribers(string name) => Subscriptions.Sample(subscriptions =>
    {
        AssigningMember[] members = Members(subscriptions);
        ImmutableSortedSet<TopicIdPartition>[] assigned = Assignors.Find(name)!.Assign(members);
        for (int index = 0; index < members.Length; index++)
        {
            Assert.All(assigned[index], partition => Assert.Contains(members[index].Topics, topic => topic.Id == partition.Topic));
        }

        TopicIdPartition[] wanted = [.. members.SelectMany(static member => member.Topics).Distinct().SelectMany(static topic => topic.All).Order()];
        Assert.Equal(wanted, assigned.SelectMany(static set => set).Order());
    });

    [Fact]
    public void UniformIsAsEvenAsSubscriptionsAllow() => Subscriptions.Sample(subscriptions =>
    {
        AssigningMember[] members = Members(subscriptions);
        ImmutableSortedSet<TopicIdPartition>[] assigned = new UniformAssignor().Assign(members);
        for (int from = 0; from < members.Length; from++)
        {
            for (int to = 0; to < members.Length; to++)
            {
                bool couldMove = assigned[from].Any(partition => members[to].Topics.Any(topic => topic.Id == partition.Topic));
                Assert.False(couldMove && assigned[from].Count > assigned[to].Count + 1, $"{from} has too many, {to} too few");
            }
        }
    });

    [Fact]
    public void UniformMovesNothingWhenNothingChanges() => Subscriptions.Sample(subscriptions =>
    {
        AssigningMember[] members = Members(subscriptions);
        ImmutableSortedSet<TopicIdPartition>[] first = new UniformAssignor().Assign(members);
        ImmutableSortedSet<TopicIdPartition>[] again = new UniformAssignor().Assign(
            [.. members.Select((member, index) => member with { Current = first[index] })]);
        Assert.Equal(first.Select(static set => string.Join(' ', set)), again.Select(static set => string.Join(' ', set)));
    });

    [Fact]
    public void UniformMovesOnlyWhatANewMemberNeeds()
    {
        AssigningMember[] two = Members([1, 1]);
        two = [.. two.Select(static member => member with { Topics = [new TopicFacts(Topics[0].Id, "t1", 9)] })];
        ImmutableSortedSet<TopicIdPartition>[] before = new UniformAssignor().Assign(two);
        AssigningMember[] three =
        [
            two[0] with { Current = before[0] },
            two[1] with { Current = before[1] },
            new AssigningMember("m9", null, two[0].Topics, []),
        ];
        ImmutableSortedSet<TopicIdPartition>[] after = new UniformAssignor().Assign(three);
        Assert.All(after, static set => Assert.Equal(3, set.Count));
        Assert.Empty(after[0].Except(before[0]));
        Assert.Empty(after[1].Except(before[1]));
    }

    [Fact]
    public void RangeGivesTheSamePartitionsOfEachTopicToAMember()
    {
        TopicFacts[] topics = [.. Topics.Take(2).Select(static topic => topic with { Partitions = 4 })];
        AssigningMember[] members =
        [
            new("z", null, topics, []), new("y", "i2", topics, []), new("x", "i1", topics, []),
        ];
        ImmutableSortedSet<TopicIdPartition>[] assigned = new RangeAssignor().Assign(members);
        int[] Of(int member, TopicFacts topic) => [.. assigned[member].Where(partition => partition.Topic == topic.Id).Select(static partition => partition.Partition)];
        Assert.Equal([0, 1], Of(2, topics[0]));
        Assert.Equal([2], Of(1, topics[0]));
        Assert.Equal([3], Of(0, topics[0]));
        Assert.All(Enumerable.Range(0, 3), member => Assert.Equal(Of(member, topics[0]), Of(member, topics[1])));
    }

    private static AssigningMember[] Members(int[] subscriptions) =>
    [
        .. subscriptions.Select(static (bits, index) => new AssigningMember(
            $"m{index}", null, [.. Topics.Where((_, topic) => (bits & (1 << topic)) != 0)], [])),
    ];
}
