namespace PipeRoll.Broker.Groups;

/// <summary>Which partition of the offsets topic keeps a group: Java's hash of its id, as every Kafka tool expects.</summary>
internal static class GroupHash
{
    public static int PartitionOf(string groupId, int partitions)
    {
        int hash = 0;
        foreach (char unit in groupId)
        {
            hash = unchecked((31 * hash) + unit);
        }

        // Java's Math.abs leaves the smallest number negative; Kafka makes it 0.
        return hash == int.MinValue ? 0 : Math.Abs(hash) % partitions;
    }
}
