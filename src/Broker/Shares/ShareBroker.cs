using PipeRoll.Broker.Groups.Consumer;
using PipeRoll.Broker.Topics;
using PipeRoll.Wire;

namespace PipeRoll.Broker.Shares;

/// <summary>Share groups at the brokers that lead their partitions: sessions, acquired records, states (KIP-932).</summary>
/// <remarks>Owner: the group module, which stops it before the partitions close. Any thread.</remarks>
internal sealed class ShareBroker(ShareServices services) : IDisposable
{
    public ShareSessions Sessions { get; } = new(services.Clock);

    public SharePartitions Partitions { get; } = new(services);

    public IShareStates States => services.States;

    public bool OnlyCommitted(string groupId) => services.Settings.SharesOnlyCommitted(groupId);

    public int LockMs(string groupId) => services.Settings.ShareRecordLockMs(groupId);

    public async Task<KafkaError> AcknowledgeAsync(
        SharePartitionKey key, string memberId, IReadOnlyList<ShareAckBatch> batches, CancellationToken cancellation)
    {
        (KafkaError error, SharePartition? partition) = await Partitions.GetAsync(key, cancellation);
        return partition is null ? error
            : batches.Count == 0 ? KafkaError.None
            : await partition.AcknowledgeAsync(memberId, batches);
    }

    /// <summary>A session is over: others may have what its member had.</summary>
    public async Task ReleaseAsync(ShareSession session, CancellationToken cancellation)
    {
        foreach (TopicIdPartition partition in session.Partitions)
        {
            (_, SharePartition? share) = await Partitions.GetAsync(
                new SharePartitionKey(session.GroupId, partition.Topic, partition.Partition), cancellation);
            if (share is not null)
            {
                await share.ReleaseAsync(session.MemberId);
            }
        }
    }

    /// <summary>A group is gone, and what it had consumed with it.</summary>
    public async Task<KafkaError> ForgetGroupAsync(string groupId, CancellationToken cancellation)
    {
        (KafkaError error, IReadOnlyList<SharePartitionKey> keys) = await States.ListAsync(groupId, cancellation);
        foreach (SharePartitionKey key in keys)
        {
            Partitions.Forget(key);
            KafkaError refused = await States.WriteAsync(key, null, cancellation);
            error = error == KafkaError.None ? refused : error;
        }

        Partitions.ForgetGroup(groupId);
        return error;
    }

    public void TopicDeleted(Topic topic) => Partitions.ForgetTopic(topic.Id);

    public void Dispose() => Partitions.Dispose();
}
