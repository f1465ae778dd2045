using CsCheck;
using PipeRoll.Broker.Cluster.Balancing;
using PipeRoll.Broker.Cluster.Image;
using PipeRoll.Streams;
using PipeRoll.Streams.Metadata;

namespace PipeRoll.Broker.Tests.Cluster;

public sealed class BalancerTests
{
    private const double MiB = 1024 * 1024;
    private static readonly BalanceSettings Settings = new(0.2, MiB, 50);
    private static readonly HashSet<StreamId> NoneRests = [];

    /// <summary>A cluster with loads: racks and exclusion by broker, owner and bytes by partition.</summary>
    private sealed record Case((int Rack, int Kind)[] Brokers, (int Owner, int Topic, double In, double Out)[] Partitions)
    {
        public override string ToString() => $"brokers {string.Join(' ', Brokers)} partitions {string.Join(' ', Partitions)}";
    }

    private static readonly Gen<Case> AnyCase =
        from brokers in Gen.Select(Gen.Int[0, 2], Gen.Int[0, 9]).Array[2, 7]
        from partitions in Gen.Select(
            Gen.Int[0, brokers.Length - 1], Gen.Int[0, 4],
            Gen.OneOf(Gen.Const(0.0), Gen.Double[0, 20 * MiB]), Gen.OneOf(Gen.Const(0.0), Gen.Double[0, 20 * MiB])).Array[0, 80]
        select new Case(brokers, partitions);

    [Fact]
    public void RandomLoadsConvergeWithoutMovingBackAndForth() => AnyCase.Sample(
        one =>
        {
            (ClusterImage image, Dictionary<StreamId, PartitionLoad> loads) = Build(one);
            var done = new Dictionary<BalanceMove, int>();
            var movedIn = new Dictionary<StreamId, int>();
            int idle = 0;
            for (int round = 0; idle <= BalanceRounds.RestRounds; round++)
            {
                // As the rounds of a controller do: what was moved rests for a while.
                HashSet<StreamId> resting = [.. movedIn.Where(moved => moved.Value > round - BalanceRounds.RestRounds).Select(moved => moved.Key)];
                IReadOnlyList<BalanceMove> moves = Balancer.Plan(image, loads, resting, Settings);
                idle = moves.Count == 0 ? idle + 1 : 0;
                Assert.True(round < 100, "it does not come to rest");
                Assert.True(moves.Count <= Settings.MovesMax + (Settings.MovesMax / 5 * image.Brokers.Count));
                Assert.Equal(moves.Count, moves.Select(move => move.Stream).Distinct().Count());
                foreach (BalanceMove move in moves)
                {
                    done[move] = done.GetValueOrDefault(move) + 1;
                    Assert.True(done[move] < 3, "a partition goes the same way again and again");
                    movedIn[move.Stream] = round;
                    image = Check(image, loads, move);
                }
            }
        },
        iter: 300);

    [Fact]
    public void LoadsThatWaverWithinTheBandCauseNoMoves()
    {
        Gen.Double[0.82, 1.18].Array[40].Sample(waves =>
        {
            BrokerRecord[] brokers = [.. Enumerable.Range(1, 4).Select(epoch => Images.Broker(epoch))];
            ClusterImage image = Images.Of(brokers, Images.Topic("orders", 100, [.. Enumerable.Range(0, 40).Select(index => 1 + (index % 4L))]));
            Dictionary<StreamId, PartitionLoad> loads = Enumerable.Range(0, 40).ToDictionary(
                index => new StreamId(100 + index),
                index => new PartitionLoad(new StreamId(100 + index), waves[index] * 3 * MiB, waves[39 - index] * 9 * MiB));
            Assert.Empty(Balancer.Plan(image, loads, NoneRests, Settings));
        }, iter: 100);
    }

    [Fact]
    public void CoordinatorsAreSpreadEvenlyAndNotMovedToMakeUpForOtherTopics()
    {
        BrokerRecord[] brokers = [Images.Broker(1), Images.Broker(2), Images.Broker(3)];
        TopicRecord idle = Images.Topic("idle", 200, [.. Enumerable.Repeat(1L, 12)]);
        ClusterImage spread = Images.Of(
            brokers, Images.Topic("__consumer_offsets", 100, [.. Enumerable.Range(0, 30).Select(index => 1 + (index % 3L))]), idle);
        IReadOnlyList<BalanceMove> moves = Balancer.Plan(spread, new Dictionary<StreamId, PartitionLoad>(), NoneRests, Settings);
        Assert.InRange(moves.Count, 6, 8);
        Assert.All(moves, move => Assert.InRange(move.Stream.Value, 200, 211));

        ClusterImage heaped = Images.Of(brokers, Images.Topic("__consumer_offsets", 100, [.. Enumerable.Repeat(1L, 30)]));
        heaped = Apply(heaped, Balancer.Plan(heaped, new Dictionary<StreamId, PartitionLoad>(), NoneRests, Settings));
        Assert.All(brokers, broker => Assert.InRange(heaped.Counts[broker.Epoch.Value], 9, 11));
    }

    [Fact]
    public void ANewBrokerGetsItsShareOfIdlePartitions()
    {
        ClusterImage image = Images.Of(
            [Images.Broker(1), Images.Broker(2), Images.Broker(3)],
            Images.Topic("a", 100, [.. Enumerable.Range(0, 30).Select(index => 1 + (index % 2L))]),
            Images.Topic("b", 200, [.. Enumerable.Range(0, 30).Select(index => 1 + (index % 2L))]));

        image = Apply(image, Balancer.Plan(image, new Dictionary<StreamId, PartitionLoad>(), NoneRests, Settings));

        Assert.InRange(image.Counts[3], 18, 20);
        Assert.InRange(image.Counts[1], 20, 21);
        Assert.InRange(image.Counts[2], 20, 21);
        Assert.InRange(image.Topics["a"].Partitions.Count(stream => image.Partitions[stream].Placement.Owner.Value == 3), 8, 11);
    }

    [Fact]
    public void BytesAreBroughtNearTheMean()
    {
        ClusterImage image = Images.Of(
            [Images.Broker(1), Images.Broker(2), Images.Broker(3)],
            Images.Topic("a", 100, [.. Enumerable.Range(0, 30).Select(index => 1 + (index % 3L))]));
        Dictionary<StreamId, PartitionLoad> loads = image.Partitions.Values.ToDictionary(
            entry => entry.Placement.Stream,
            entry => new PartitionLoad(entry.Placement.Stream, entry.Placement.Owner.Value == 1 ? 10 * MiB : MiB, 0));

        image = Apply(image, Balancer.Plan(image, loads, NoneRests, Settings));
        double[] sums = [.. Sums(image, loads, load => load.BytesInPerSecond).Values];
        Assert.All(sums, sum => Assert.InRange(sum, 40 * MiB * 0.8, 40 * MiB * 1.2));
        Assert.Empty(Balancer.Plan(image, loads, NoneRests, Settings));
    }

    [Fact]
    public void LittleLoadsAreIgnored()
    {
        ClusterImage image = Images.Of([Images.Broker(1), Images.Broker(2)], Images.Topic("a", 100, 1, 2, 1, 2));
        Dictionary<StreamId, PartitionLoad> loads = image.Partitions.Values.ToDictionary(
            entry => entry.Placement.Stream,
            entry => new PartitionLoad(entry.Placement.Stream, entry.Placement.Owner.Value == 1 ? 0.4 * MiB : 0, 0));
        Assert.Empty(Balancer.Plan(image, loads, NoneRests, Settings));
    }

    [Fact]
    public void OnePartitionThatIsTheWholeLoadStays()
    {
        ClusterImage image = Images.Of([Images.Broker(1), Images.Broker(2)], Images.Topic("a", 100, 1, 2));
        Dictionary<StreamId, PartitionLoad> loads = new() { [new StreamId(100)] = new PartitionLoad(new StreamId(100), 50 * MiB, 0) };
        Assert.Empty(Balancer.Plan(image, loads, NoneRests, Settings));
    }

    [Fact]
    public void WhatRestsOrIsOnItsWayIsLeftAlone()
    {
        ClusterImage image = Images.Of([Images.Broker(1), Images.Broker(2)], Images.Topic("a", 100, 1, 1, 1, 1))
            .With([Images.Placement(100, 1, 1, 2)]);
        HashSet<StreamId> resting = [new StreamId(101), new StreamId(102), new StreamId(103)];
        Assert.Empty(Balancer.Plan(image, new Dictionary<StreamId, PartitionLoad>(), resting, Settings));
        Assert.Equal([101], Balancer.Plan(image, new Dictionary<StreamId, PartitionLoad>(), NoneRests, Settings).Select(move => move.Stream.Value));
    }

    /// <summary>Applies a move after checking what no move may do.</summary>
    private static ClusterImage Check(ClusterImage image, Dictionary<StreamId, PartitionLoad> loads, BalanceMove move)
    {
        BrokerRecord from = image.Broker(move.From)!;
        BrokerRecord to = image.Broker(move.To)!;
        Assert.Equal(move.From, image.Partitions[move.Stream].Placement.Owner);
        Assert.True(to is { State: BrokerState.Alive, IsExcluded: false }, "the target may be given nothing");
        Assert.NotEqual(BrokerState.Draining, from.State);
        ClusterImage after = Apply(image, [move]);
        if (!from.IsExcluded)
        {
            AssertMaximumKept(image, after, loads, load => load.BytesInPerSecond);
            AssertMaximumKept(image, after, loads, load => load.BytesOutPerSecond);
        }

        string topic = image.Partitions[move.Stream].Topic;
        bool rackTakesNothing = !image.Brokers.Values.Any(broker =>
            broker is { State: BrokerState.Alive, IsExcluded: false } && PlacementChooser.RackOf(broker) == PlacementChooser.RackOf(from));
        Assert.True(
            rackTakesNothing || RackUnevenness(after, topic) <= RackUnevenness(image, topic) + 1e-9,
            "the topic is spread worse over the racks");
        return after;
    }

    private static void AssertMaximumKept(
        ClusterImage before, ClusterImage after, Dictionary<StreamId, PartitionLoad> loads, Func<PartitionLoad, double> measure) =>
        Assert.True(Sums(after, loads, measure).Values.Max() <= Sums(before, loads, measure).Values.Max() + 1e-6, "the maximum got worse");

    /// <summary>The largest share of the topic that a rack has, by how many of its brokers take something; racks without such do not count.</summary>
    private static double RackUnevenness(ClusterImage image, string topic)
    {
        Dictionary<string, int> sizes = image.Brokers.Values.Where(broker => broker is { State: BrokerState.Alive, IsExcluded: false })
            .GroupBy(PlacementChooser.RackOf).ToDictionary(rack => rack.Key, rack => rack.Count());
        return sizes.Max(rack => (double)image.Topics[topic].Partitions.Count(stream =>
            image.Broker(image.Partitions[stream].Placement.Owner) is { State: BrokerState.Alive } owner
            && PlacementChooser.RackOf(owner) == rack.Key) / rack.Value);
    }

    private static Dictionary<long, double> Sums(
        ClusterImage image, Dictionary<StreamId, PartitionLoad> loads, Func<PartitionLoad, double> measure) =>
        image.Brokers.Values.Where(broker => broker.State == BrokerState.Alive).ToDictionary(
            broker => broker.Epoch.Value,
            broker => image.Partitions.Values.Where(entry => entry.Placement.Owner == broker.Epoch)
                .Sum(entry => measure(loads.GetValueOrDefault(entry.Placement.Stream))));

    private static ClusterImage Apply(ClusterImage image, IReadOnlyList<BalanceMove> moves) =>
        image.With(moves.Select(move => new PartitionPlacement(
            move.Stream, move.To, image.Partitions[move.Stream].Placement.Epoch + 1, BrokerEpoch.None)));

    private static (ClusterImage Image, Dictionary<StreamId, PartitionLoad> Loads) Build(Case one)
    {
        BrokerRecord[] brokers = [.. one.Brokers.Select((broker, index) => Images.Broker(
            index + 1, broker.Kind == 0 ? BrokerState.Draining : BrokerState.Alive, "r" + broker.Rack, broker.Kind == 1))];
        var loads = new Dictionary<StreamId, PartitionLoad>();
        var topics = new List<TopicRecord>();
        long next = 100;
        foreach (var topic in one.Partitions.GroupBy(partition => partition.Topic))
        {
            topics.Add(Images.Topic("t" + topic.Key, next, [.. topic.Select(partition => partition.Owner + 1L)]));
            foreach (var partition in topic)
            {
                var stream = new StreamId(next++);
                loads[stream] = new PartitionLoad(stream, partition.In, partition.Out);
            }
        }

        return (Images.Of(brokers, [.. topics]), loads);
    }
}
