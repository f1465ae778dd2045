using PipeRoll.Broker.Cluster.Controlling;
using PipeRoll.Broker.Cluster.Image;
using PipeRoll.Broker.Cluster.Members;
using PipeRoll.Broker.Tests.Groups;
using PipeRoll.Streams.Metadata;

namespace PipeRoll.Broker.Tests.Cluster;

public sealed class ControllerCoreTests
{
    [Fact]
    public void OnlyWhoWasInContactForASessionFences()
    {
        ClusterImage image = Images.Of([Images.Broker(1)]);
        Assert.Empty(ControllerCore.Plan(image, mayJudge: false));
        Assert.IsType<ControllerAction.FenceExpired>(Assert.Single(ControllerCore.Plan(image, mayJudge: true)));
    }

    [Fact]
    public void DeadLogsAreSharedOutAmongSurvivors()
    {
        ClusterImage image = Images.Of(
        [
            Images.Broker(1), Images.Broker(2), Images.Broker(3, excluded: true), Images.Broker(4, BrokerState.Draining),
            Images.Broker(5, BrokerState.Fenced), Images.Broker(6, BrokerState.Fenced), Images.Broker(7, BrokerState.Fenced),
            Images.Broker(8, BrokerState.Recovering, recoverer: 1), Images.Broker(9, BrokerState.Recovering, recoverer: 5),
            Images.Broker(10, BrokerState.Recovering, recoverer: 99), Images.Broker(11, BrokerState.Recovering, recoverer: 4),
        ]);

        Assert.Equal(
            [(5, 2), (6, 1), (7, 2), (9, 1), (10, 2)],
            ControllerCore.Plan(image, false).OfType<ControllerAction.AssignRecovery>()
                .Select(assign => (assign.Dead.Value, assign.Recoverer.Value)));
    }

    [Fact]
    public void PartitionsWaitUntilTheirDeadOwnersLogIsCommitted()
    {
        ClusterImage image = Images.Of(
            [Images.Broker(1), Images.Broker(2), Images.Broker(3, BrokerState.Fenced), Images.Broker(4, BrokerState.Gone)],
            Images.Topic("orders", 100, 1, 3, 4, 0, 77, 1));

        ControllerAction.AssignPartitions assign = Assert.Single(ControllerCore.Plan(image, false).OfType<ControllerAction.AssignPartitions>());
        Assert.Equal(
            [(102, 1, 2), (103, 0, 2), (104, 1, 1)],
            assign.Assignments.Select(some => (some.Stream.Value, some.Epoch, some.NewOwner.Value)));
    }

    [Fact]
    public void NothingIsPlacedWhenNobodyIsAlive()
    {
        ClusterImage image = Images.Of([Images.Broker(1, BrokerState.Draining), Images.Broker(2, BrokerState.Fenced)], Images.Topic("orders", 1, 0));
        Assert.Empty(ControllerCore.Plan(image, false));
    }

    [Fact]
    public void ContactIsBrokenByAFailureAndByASilence()
    {
        var time = new ManualTime();
        TimeSpan session = TimeSpan.FromSeconds(3);
        Contact contact = Contact.None;
        Assert.False(contact.IsFresh(session, time.GetTimestamp(), time));
        for (int beat = 0; beat < 7; beat++)
        {
            contact = contact.Answered(time.GetTimestamp(), session, time);
            Assert.Equal(beat >= 6, contact.HasLasted(session, time.GetTimestamp(), time));
            time.Pass(500);
        }

        Assert.True(contact.HasLasted(session, time.GetTimestamp(), time));
        Assert.False(contact.Failed().HasLasted(session, time.GetTimestamp(), time));
        Assert.False(contact.Failed().Answered(time.GetTimestamp(), session, time).HasLasted(session, time.GetTimestamp(), time));

        // Stopped for a while: the first answer after begins anew.
        time.Pass(10_000);
        Assert.False(contact.IsFresh(session, time.GetTimestamp(), time));
        contact = contact.Answered(time.GetTimestamp(), session, time);
        Assert.True(contact.IsFresh(session, time.GetTimestamp(), time));
        Assert.False(contact.HasLasted(session, time.GetTimestamp(), time));
    }
}
