using CsCheck;
using PipeRoll.Broker.Groups.Consumer;
using PipeRoll.Wire;

namespace PipeRoll.Broker.Tests.Groups.Consumer;

/// <summary>
/// Random lives of groups: members join, beat, lose answers, hold on to partitions, leave, die and come back, topics come and grow, other
/// coordinators take over. The harness asserts after every step; at the end everything subscribed to is with exactly one member, evenly.
/// </summary>
public sealed class ConsumerGroupModelTests
{
    private static readonly Gen<(int Action, int Member, int Choice)> Step = Gen.Select(Gen.Int[0, 11], Gen.Int[0, 4], Gen.Int[0, 9]);

    [Fact]
    public void NoPartitionIsEverWithTwoMembersAndAllAreWithOneInTheEnd() =>
        Step.Array[1, 120].Sample(steps => Run(steps), iter: 400);

    private static void Run((int Action, int Member, int Choice)[] steps)
    {
        ConsumerGroupHarness harness = new();
        harness.Topics.Put("t", 3);
        harness.Topics.Put("u-1", 2);
        PlayedMember[] members =
        [
            harness.Member("a"),
            harness.Member("b", "t,u-1", assignor: "range"),
            harness.Member("c", "t", instance: "i"),
            harness.Member("d", "", regex: "u-.*"),
            harness.Member("e", "t,u-1", assignor: "uniform"),
        ];
        int partitions = 3;
        int returns = 0;
        foreach ((int action, int index, int choice) in steps)
        {
            PlayedMember member = members[index];
            switch (action)
            {
                case 0:
                    harness.Leave(member);
                    break;
                case 1 when member.Instance is not null:
                    harness.Leave(member, ConsumerEpochs.LeaveStatic);
                    member.Id = $"c{++returns}";
                    break;
                case 2:
                    harness.Pass(choice * 9_000);
                    break;
                case 3:
                    harness.Topics.Put("t", partitions = Math.Min(partitions + 1, 12));
                    break;
                case 4:
                    harness.Topics.Put($"u-{choice}", 2);
                    break;
                case 5:
                    harness.TakeOver();
                    break;
                case 6:
                    harness.Beat(member, losesAnswer: true);
                    break;
                case 7:
                    harness.Beat(member, givesUp: false);
                    break;
                default:
                    harness.Beat(member);
                    break;
            }
        }

        harness.Settled();
        TopicIdPartition[] wanted = [.. harness.Topics.All.SelectMany(static topic => topic.All).Order()];
        string[] byName = ["t", "u-1"];
        TopicIdPartition[] owned = [.. members.SelectMany(static member => member.Owned).Order()];
        Assert.Equal(wanted.Where(partition => byName.Contains(harness.Topics.Find(partition.Topic)!.Value.Name) || IsPattern(harness, partition)), owned);
        Assert.All(members, member => Assert.Equal(KafkaError.None, member.LastError));
    }

    private static bool IsPattern(ConsumerGroupHarness harness, TopicIdPartition partition) =>
        harness.Topics.Find(partition.Topic)!.Value.Name.StartsWith("u-", StringComparison.Ordinal);
}
