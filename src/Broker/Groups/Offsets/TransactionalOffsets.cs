namespace PipeRoll.Broker.Groups.Offsets;

/// <summary>Offsets of one group that wait for the end of the transactions that committed them.</summary>
/// <remarks>Owner: <see cref="OffsetTable"/>.</remarks>
internal sealed class TransactionalOffsets
{
    private readonly Dictionary<long, List<(OffsetCommitEntry Entry, long Sequence)>> _byProducer = [];
    private readonly Dictionary<GroupPartition, int> _counts = [];

    public bool IsEmpty => _byProducer.Count == 0;

    public IEnumerable<GroupPartition> Partitions => _counts.Keys;

    public bool Contains(GroupPartition partition) => _counts.ContainsKey(partition);

    public void Add(long producerId, OffsetCommitEntry entry, long sequence)
    {
        (_byProducer.TryGetValue(producerId, out var entries) ? entries : _byProducer[producerId] = []).Add((entry, sequence));
        _counts[entry.Partition] = _counts.GetValueOrDefault(entry.Partition) + 1;
    }

    /// <summary>Takes out all of a producer's, in the order in which they came.</summary>
    public IReadOnlyList<(OffsetCommitEntry Entry, long Sequence)> Take(long producerId)
    {
        if (!_byProducer.Remove(producerId, out var entries))
        {
            return [];
        }

        entries.ForEach(entry => Uncount(entry.Entry.Partition));
        return entries;
    }

    /// <summary>Takes out what came with one commit.</summary>
    public void Remove(long producerId, long sequence) => RemoveAll(producerId, entry => entry.Sequence == sequence);

    public void Forget(GroupPartition partition)
    {
        if (_counts.ContainsKey(partition))
        {
            foreach (long producerId in _byProducer.Keys.ToArray())
            {
                RemoveAll(producerId, entry => entry.Entry.Partition == partition);
            }
        }
    }

    private void RemoveAll(long producerId, Predicate<(OffsetCommitEntry Entry, long Sequence)> isOut)
    {
        if (!_byProducer.TryGetValue(producerId, out var entries))
        {
            return;
        }

        entries.FindAll(isOut).ForEach(entry => Uncount(entry.Entry.Partition));
        entries.RemoveAll(isOut);
        if (entries.Count == 0)
        {
            _byProducer.Remove(producerId);
        }
    }

    private void Uncount(GroupPartition partition)
    {
        if (--_counts[partition] == 0)
        {
            _counts.Remove(partition);
        }
    }
}
