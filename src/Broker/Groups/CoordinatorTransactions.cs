using PipeRoll.Broker.Groups.Offsets;
using PipeRoll.Broker.Partitions;
using PipeRoll.Wire;

namespace PipeRoll.Broker.Groups;

/// <summary>Transactions that commit offsets of groups, and how they end.</summary>
internal sealed partial class GroupCoordinator
{
    // The groups that have offsets in an open transaction, by the partition of the offsets topic and the producer.
    private readonly Dictionary<(int Partition, long ProducerId), HashSet<GroupLoop>> _enlisted = [];

    /// <summary>As <see cref="CommitAsync"/>, for entries that count when the producer's transaction is committed.</summary>
    public Task<AppendResult> CommitInTransactionAsync(
        string groupId, CommitIdentity from, IReadOnlyList<OffsetCommitEntry> entries, Committer by, TransactionalAppend transaction)
    {
        KafkaError error = Status(groupId);
        GroupLoop? group = error == KafkaError.None ? Find(groupId) : null;
        if (error == KafkaError.None && group is null && from.Epoch >= 0)
        {
            error = KafkaError.IllegalGeneration;
        }
        else if (error == KafkaError.None && _services.Budget.IsExhausted)
        {
            LogFull(_services.Logger, groupId);
            error = KafkaError.InvalidCommitOffsetSize;
        }
        else if (error == KafkaError.None && group is null)
        {
            (group, error) = TryAdd(groupId);
        }

        if (group is null || error != KafkaError.None)
        {
            return Task.FromResult(AppendResult.Failed(error, $"group {groupId} does not take the offsets"));
        }

        lock (_gate)
        {
            Enlist(group, transaction.ProducerId);
        }

        return group.CommitInTransactionAsync(from, entries, by, transaction);
    }

    /// <summary>The marker of a transaction is in a partition of the offsets topic: its groups count what it committed, or drop it.</summary>
    public void TransactionEnded(int partition, long producerId, bool isCommit)
    {
        HashSet<GroupLoop>? enlisted;
        lock (_gate)
        {
            _enlisted.Remove((partition, producerId), out enlisted);
        }

        foreach (GroupLoop group in enlisted ?? [])
        {
            group.EndTransaction(producerId, isCommit);
        }
    }

    /// <summary>As <see cref="Status"/>, of a whole partition of the offsets topic.</summary>
    public KafkaError StatusOf(int partition) => _stopping.IsCancellationRequested ? KafkaError.CoordinatorNotAvailable
        : _loader.StateOf(partition) switch
        {
            LoadState.Loaded => KafkaError.None,
            LoadState.Loading => KafkaError.CoordinatorLoadInProgress,
            _ => KafkaError.NotCoordinator,
        };

    /// <summary>The partition of the offsets topic that keeps the group. The topic must be there.</summary>
    public int PartitionOf(string groupId) => _loader.PartitionOf(groupId);

    /// <summary>Under the lock.</summary>
    private void Enlist(GroupLoop group, long producerId)
    {
        var key = (group.Home.Partition, producerId);
        (_enlisted.TryGetValue(key, out HashSet<GroupLoop>? enlisted) ? enlisted : _enlisted[key] = []).Add(group);
    }

    /// <summary>Under the lock: the partition is somebody else's now.</summary>
    private void Dismiss(int partition)
    {
        foreach ((int Partition, long ProducerId) key in _enlisted.Keys.Where(key => key.Partition == partition).ToArray())
        {
            _enlisted.Remove(key);
        }
    }
}
