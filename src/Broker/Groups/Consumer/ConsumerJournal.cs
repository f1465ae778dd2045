namespace PipeRoll.Broker.Groups.Consumer;

/// <summary>What of a group has changed since it was last written: the records to write are made of what is, not of what happened.</summary>
/// <remarks>
/// Owner: <see cref="ConsumerGroupState"/>. What was taken and could not be written is put back: it goes with the next write, as it is by then.
/// </remarks>
internal sealed class ConsumerJournal
{
    public bool GroupChanged { get; private set; }

    public bool TargetEpochChanged { get; private set; }

    /// <summary>In order, so that every run writes the same.</summary>
    public SortedSet<string> Members { get; } = new(StringComparer.Ordinal);

    public SortedSet<string> Targets { get; } = new(StringComparer.Ordinal);

    public SortedSet<string> Assignments { get; } = new(StringComparer.Ordinal);

    public bool IsEmpty => !GroupChanged && !TargetEpochChanged && Members.Count == 0 && Targets.Count == 0 && Assignments.Count == 0;

    public void Group() => GroupChanged = true;

    public void TargetEpoch() => TargetEpochChanged = true;

    public void Member(string id) => Members.Add(id);

    public void Target(string id) => Targets.Add(id);

    public void Assignment(string id) => Assignments.Add(id);

    public void Everything(IEnumerable<string> memberIds)
    {
        GroupChanged = true;
        TargetEpochChanged = true;
        foreach (string id in memberIds)
        {
            AllOf(id);
        }
    }

    public void AllOf(string memberId)
    {
        Members.Add(memberId);
        Targets.Add(memberId);
        Assignments.Add(memberId);
    }

    public ConsumerJournal Take()
    {
        ConsumerJournal taken = new();
        taken.Add(this);
        GroupChanged = false;
        TargetEpochChanged = false;
        Members.Clear();
        Targets.Clear();
        Assignments.Clear();
        return taken;
    }

    public void Add(ConsumerJournal other)
    {
        GroupChanged |= other.GroupChanged;
        TargetEpochChanged |= other.TargetEpochChanged;
        Members.UnionWith(other.Members);
        Targets.UnionWith(other.Targets);
        Assignments.UnionWith(other.Assignments);
    }
}
