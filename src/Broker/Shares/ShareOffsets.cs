using PipeRoll.Broker.Groups;
using PipeRoll.Broker.Groups.Consumer;
using PipeRoll.Broker.Topics;
using PipeRoll.Wire;

namespace PipeRoll.Broker.Shares;

/// <summary>From where share groups consume, as administrators see and set it. At the coordinator of the group.</summary>
/// <remarks>Any thread. What is set counts when no member is there: whoever leads a partition reads it when the next one comes.</remarks>
internal sealed class ShareOffsets(GroupCoordinator groups, ShareBroker shares, TopicDirectory topics)
{
    /// <summary>NON_EMPTY_GROUP, GROUP_ID_NOT_FOUND and the like.</summary>
    public KafkaError CheckEmpty(string groupId)
    {
        (KafkaError error, ConsumerGroupDescription? group) = groups.DescribeShare(groupId);
        if (error != KafkaError.None)
        {
            return error;
        }

        return group is { Members.Count: > 0 } ? KafkaError.NonEmptyGroup
            : group is null ? KafkaError.GroupIdNotFound
            : KafkaError.None;
    }

    /// <summary>The topics whose partitions have a state, as far as that is known here: all of them when it is kept here, else those that members subscribe to.</summary>
    public async Task<IReadOnlyList<Topic>> KnownTopicsAsync(string groupId, CancellationToken cancellation)
    {
        (KafkaError error, IReadOnlyList<SharePartitionKey> keys) = await shares.States.ListAsync(groupId, cancellation);
        IEnumerable<Topic?> known = error == KafkaError.None
            ? keys.Select(static key => key.Topic).Distinct().Select(id => topics.Find(id))
            : (groups.DescribeShare(groupId).Group?.Members ?? []).SelectMany(static member => member.TopicNames).Distinct()
                .Select(name => topics.Find(name));
        return [.. known.OfType<Topic>()];
    }

    /// <returns>-1 when there is no state.</returns>
    public async Task<(KafkaError Error, long StartOffset)> FindAsync(string groupId, Guid topic, int partition, CancellationToken cancellation)
    {
        (KafkaError error, ShareSnapshot? snapshot) = await shares.States.ReadAsync(new SharePartitionKey(groupId, topic, partition), cancellation);
        return (error, snapshot?.StartOffset ?? -1);
    }

    public async Task<KafkaError> SetAsync(string groupId, Guid topic, int partition, long startOffset, CancellationToken cancellation)
    {
        SharePartitionKey key = new(groupId, topic, partition);
        shares.Partitions.Forget(key);
        (KafkaError error, ShareSnapshot? before) = await shares.States.ReadAsync(key, cancellation);
        if (error != KafkaError.None)
        {
            return error;
        }

        return await shares.States.WriteAsync(key, new ShareSnapshot((before?.StateEpoch ?? 0) + 1, startOffset, []), cancellation);
    }

    public async Task<KafkaError> DeleteAsync(string groupId, Topic topic, CancellationToken cancellation)
    {
        for (int partition = 0; partition < topic.Partitions.Count; partition++)
        {
            SharePartitionKey key = new(groupId, topic.Id, partition);
            shares.Partitions.Forget(key);
            (KafkaError error, ShareSnapshot? before) = await shares.States.ReadAsync(key, cancellation);
            error = error == KafkaError.None && before is not null ? await shares.States.WriteAsync(key, null, cancellation) : error;
            if (error != KafkaError.None)
            {
                return error;
            }
        }

        return KafkaError.None;
    }
}
