using PipeRoll.Broker.Cluster.Image;
using PipeRoll.Broker.Cluster.Members;
using PipeRoll.Streams.Metadata;

namespace PipeRoll.Broker.Cluster.Moving;

/// <summary>Has the hosts of topics and partitions follow the image: topics first, then who leads what.</summary>
internal sealed class PlacementFollower(Membership membership, ITopicHost topics, IPartitionHost partitions)
{
    public async ValueTask FollowAsync(ImageChanges changes, CancellationToken cancellation)
    {
        foreach (TopicRecord topic in changes.Removed)
        {
            await topics.RemovedAsync(topic.Id, cancellation);
        }

        foreach (TopicRecord topic in changes.Topics)
        {
            await topics.ApplyAsync(topic, cancellation);
        }

        BrokerEpoch self = membership.Epoch;
        foreach (PlacementChange change in changes.Placements)
        {
            if (change.After.Owner == self)
            {
                if (change.Before.Owner != self || change.Before.Epoch != change.After.Epoch)
                {
                    partitions.Lead(change.After.Stream, change.After.Epoch);
                }
            }
            else if (change.Before.Owner == self)
            {
                partitions.StepDown(change.After.Stream);
            }
        }
    }
}
