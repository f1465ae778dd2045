using PipeRoll.Broker.Cluster.Image;
using PipeRoll.Streams;
using PipeRoll.Streams.Metadata;

namespace PipeRoll.Broker.Tests.Cluster;

public sealed class ImageTests
{
    private static readonly ClusterImage Start =
        Images.Of([Images.Broker(1), Images.Broker(2)], Images.Topic("orders", 100, 1, 2, 0));

    [Fact]
    public void PlacementsOfTheLogAreTakenOver()
    {
        ReplayStep step = LogReplay.Apply(Start,
        [
            Entry(11, "partitions.move.requested", """{"placements":[{"stream":100,"owner":1,"epoch":1,"target":2}]}"""),
            Entry(12, "partitions.placed", """{"placements":[{"stream":100,"owner":2,"epoch":2,"target":0},{"stream":102,"owner":1,"epoch":1,"target":0}]}"""),
        ]);

        Assert.False(step.Snapshot);
        Assert.Equal(12, step.Image.LogEnd);
        Assert.Equal(Images.Placement(100, 2, 2), step.Image.Partitions[new StreamId(100)].Placement);
        Assert.Equal(Images.Placement(102, 1, 1), step.Image.Partitions[new StreamId(102)].Placement);
        Assert.Equal(Images.Placement(100, 1, 1), Start.Partitions[new StreamId(100)].Placement);
    }

    [Fact]
    public void OldNewsChangesNothing()
    {
        ClusterImage ahead = Start.With([Images.Placement(100, 2, 5)]);
        ReplayStep step = LogReplay.Apply(
            ahead, [Entry(11, "partitions.placed", """{"placements":[{"stream":100,"owner":1,"epoch":4,"target":0}]}""")]);
        Assert.Equal(Images.Placement(100, 2, 5), step.Image.Partitions[new StreamId(100)].Placement);

        // Nor does a topic or a snapshot that was read before.
        Assert.Equal(5, ahead.With(Images.Topic("orders", 100, 1, 2, 0)).Partitions[new StreamId(100)].Placement.Epoch);
        var snapshot = new ClusterSnapshot(11, default, [Images.Broker(1)], [Images.Topic("orders", 100, 1, 2, 0)]);
        Assert.Equal(5, ahead.ReplacedBy(snapshot).Partitions[new StreamId(100)].Placement.Epoch);
    }

    [Fact]
    public void AGapOrAPayloadOfAnotherShapeMeansReadingEverythingAnew()
    {
        Assert.True(LogReplay.Apply(Start, [Entry(12, "anything", "{}")]).Snapshot);
        Assert.True(LogReplay.Apply(Start, [Entry(11, "partitions.placed", """{"moved":[]}""")]).Snapshot);
        Assert.True(LogReplay.Apply(Start, [Entry(11, "partitions.placed", """{"placements":[{"stream":"x"}]}""")]).Snapshot);
        Assert.True(LogReplay.Apply(Start, [Entry(11, "topic.created", "no json")]).Snapshot);
    }

    [Fact]
    public void WhatIsSetBesideTopicsIsReadAgainAndToldOnlyWhenItChanged()
    {
        Assert.True(LogReplay.Apply(Start, [Entry(11, "configs.set", """{"kind":"quota"}""")]).Configs);
        Assert.False(LogReplay.Apply(Start, [Entry(11, "topic.configs.set", """{"topic":"orders"}""")]).Configs);
        ClusterImage after = Start.With([new ConfigRecord("broker", "", new Dictionary<string, string> { ["a"] = "1" })]);
        Assert.True(ImageChanges.Between(Start, after).Configs);
        Assert.False(ImageChanges.Between(after, after.At(20)).Configs);
        Assert.Equal("1", Assert.Single(after.At(20).Configs).Values["a"]);
    }

    [Fact]
    public void TheFencedAreNodesWhoseLastLifeWasDeclaredDead()
    {
        BrokerRecord dead = Images.Broker(1, BrokerState.Fenced);
        BrokerRecord again = Images.Broker(4) with { Endpoint = dead.Endpoint };
        BrokerRecord recovering = Images.Broker(2, BrokerState.Recovering);
        Assert.Equal([1, 2], Images.Of([dead, recovering, Images.Broker(3)]).Fenced.Select(node => node.NodeId));
        Assert.Equal([2], Images.Of([dead, recovering, again]).Fenced.Select(node => node.NodeId));
    }

    [Fact]
    public void WhatTheLogDoesNotTellIsNamed()
    {
        ReplayStep step = LogReplay.Apply(Start,
        [
            Entry(11, "topic.created", """{"topic":"a"}"""),
            Entry(12, "topic.configs.set", """{"topic":"orders"}"""),
            Entry(13, "broker.registered", """{"broker":3,"node":3}"""),
            Entry(14, "producer.ids.allocated", """{"first":1}"""),
            Entry(15, "of.a.later.version", "?"),
        ]);
        Assert.Equal(["a", "orders"], step.Topics.Order());
        Assert.True(step.Brokers);
        Assert.False(step.Snapshot);
        Assert.Equal(15, step.Image.LogEnd);
    }

    [Fact]
    public void ADeletedTopicGoesButNotItsNamesake()
    {
        string gone = $$"""{"topic":"orders","id":"{{Images.GuidOf(100)}}"}""";
        ClusterImage without = LogReplay.Apply(Start, [Entry(11, "topic.deleted", gone)]).Image;
        Assert.Empty(without.Topics);
        Assert.Empty(without.Partitions);

        ClusterImage namesake = Start.With(Images.Topic("orders", 200, 1));
        ClusterImage still = LogReplay.Apply(namesake, [Entry(11, "topic.deleted", gone)]).Image;
        Assert.Equal([200], still.Partitions.Keys.Select(stream => stream.Value));

        ImageChanges changes = ImageChanges.Between(Start, namesake);
        Assert.Equal([Images.GuidOf(100)], changes.Removed.Select(topic => topic.Id));
        Assert.Equal([Images.GuidOf(200)], changes.Topics.Select(topic => topic.Id));
        Assert.Equal([200], changes.Placements.Select(change => change.After.Stream.Value));
    }

    [Fact]
    public void TheControllerOfAnOlderTermIsNotTakenBack()
    {
        ClusterImage image = LogReplay.Apply(Start, [Entry(11, "controller.changed", """{"broker":2,"term":7}""")]).Image;
        Assert.Equal(2, new ImageView(1, () => new BrokerEpoch(1), Holder(image)).ControllerId);
        Assert.Equal(7, image.With(new ControllerTerm(new BrokerEpoch(1), 6)).Controller.Term);
    }

    [Fact]
    public void TheViewTellsLeadersThatServeOnly()
    {
        ClusterImage image = Images.Of(
            [Images.Broker(1), Images.Broker(2, BrokerState.Fenced), Images.Broker(3, BrokerState.Draining)],
            Images.Topic("orders", 100, 1, 2, 3, 0));
        var view = new ImageView(1, () => new BrokerEpoch(1), Holder(image));

        Assert.Equal([1, 3], view.Nodes.Select(node => node.NodeId));
        Assert.Equal(
            [(1, 1, true), (-1, 1, false), (3, 1, false), (-1, 0, false)],
            Enumerable.Range(100, 4).Select(stream => view.LeaderOf(new StreamId(stream)))
                .Select(leader => (leader.NodeId, leader.Epoch, leader.IsSelf)));
        Assert.Equal(-1, view.LeaderOf(new StreamId(999)).NodeId);
        Assert.Equal(1, view.ControllerId); // nobody holds the place: any broker does what clients ask a controller for
    }

    [Fact]
    public void NewPartitionsGoToTheEmptiestBrokersOverAllRacks()
    {
        ClusterImage image = Images.Of(
        [
            Images.Broker(1, rack: "a"), Images.Broker(2, rack: "a"), Images.Broker(3, rack: "b"), Images.Broker(4, rack: "b"),
            Images.Broker(5, BrokerState.Draining, "b"), Images.Broker(6, rack: "a", excluded: true), Images.Broker(7, BrokerState.Gone),
        ], Images.Topic("orders", 100, 1, 1, 3));
        var view = new ImageView(1, () => new BrokerEpoch(1), Holder(image));

        Assert.Equal([2, 4, 3, 1], view.PlaceNew(4)!.Select(epoch => epoch.Value));
        Assert.Equal([2, 2, 2, 2], view.PlaceNew(8)!.GroupBy(epoch => epoch.Value).Select(group => group.Count()));
        Assert.Equal([2L, 4L], view.PlaceNew(2)!.Select(epoch => epoch.Value).Order());
    }

    [Fact]
    public void AnExcludedBrokerIsBetterThanNone()
    {
        ClusterImage image = Images.Of([Images.Broker(1, excluded: true), Images.Broker(2, BrokerState.Draining)]);
        Assert.Equal(1, new PlacementChooser(image).Choose("orders")!.Value.Value);
        Assert.Null(new PlacementChooser(Images.Of([])).Choose("orders"));
    }

    private static ImageHolder Holder(ClusterImage image)
    {
        var holder = new ImageHolder();
        holder.Update(_ => image);
        return holder;
    }

    private static MetadataLogEntry Entry(long sequence, string kind, string payload) => new(sequence, 0, "system", kind, payload);
}
