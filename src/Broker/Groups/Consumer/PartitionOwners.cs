namespace PipeRoll.Broker.Groups.Consumer;

/// <summary>Which member has which partition, or has not yet given it up: nobody else gets it meanwhile.</summary>
/// <remarks>Owner: <see cref="ConsumerGroupState"/>.</remarks>
internal sealed class PartitionOwners
{
    private readonly Dictionary<TopicIdPartition, string> _owners = [];

    public bool IsFreeFor(TopicIdPartition partition, string memberId) =>
        !_owners.TryGetValue(partition, out string? owner) || owner == memberId;

    public void Add(ConsumerMember member)
    {
        foreach (TopicIdPartition partition in member.Assigned.Keys.Concat(member.PendingRevocation))
        {
            if (!_owners.TryAdd(partition, member.Id) && _owners[partition] != member.Id)
            {
                throw new InvalidOperationException($"partition {partition} would belong to {_owners[partition]} and to {member.Id}");
            }
        }
    }

    public void Remove(ConsumerMember member)
    {
        foreach (TopicIdPartition partition in member.Assigned.Keys.Concat(member.PendingRevocation))
        {
            if (_owners.TryGetValue(partition, out string? owner) && owner == member.Id)
            {
                _owners.Remove(partition);
            }
        }
    }
}
