namespace PipeRoll.Broker.Groups;

/// <summary>A generation to be written to the offsets topic; answered by <see cref="GroupState.Stored"/> with the same token.</summary>
public readonly record struct GroupStore(long Token, GroupSnapshot Snapshot);

/// <summary>
/// What a transition wants done outside: answers to waiting requests, and generations to be stored, each in order.
/// </summary>
/// <remarks>Owner: the group. Whoever called a transition drains it, under the same lock, before the next call.</remarks>
public sealed class GroupEffects
{
    private readonly List<(long Ticket, JoinResult Result)> _joins = [];
    private readonly List<(long Ticket, SyncResult Result)> _syncs = [];
    private readonly List<GroupStore> _stores = [];

    public IReadOnlyList<(long Ticket, JoinResult Result)> Joins => _joins;

    public IReadOnlyList<(long Ticket, SyncResult Result)> Syncs => _syncs;

    public IReadOnlyList<GroupStore> Stores => _stores;

    public bool IsEmpty => _joins.Count == 0 && _syncs.Count == 0 && _stores.Count == 0;

    public void Clear()
    {
        _joins.Clear();
        _syncs.Clear();
        _stores.Clear();
    }

    internal void Answer(long ticket, JoinResult result) => _joins.Add((ticket, result));

    internal void Answer(long ticket, SyncResult result) => _syncs.Add((ticket, result));

    internal void Store(GroupStore store) => _stores.Add(store);
}
