namespace PipeRoll.Broker;

public enum BrokerPhase
{
    Created,
    Starting,
    Ready,
    Stopping,
    Stopped,
}

/// <summary>A snapshot for health checks.</summary>
/// <param name="Partitions">How many this broker leads; in the embedded default all.</param>
/// <param name="PartitionsOpen">How many of <paramref name="Partitions"/> take produce and fetch now.</param>
/// <param name="PartitionsFailed">How many could not be opened and are being tried again.</param>
public sealed record BrokerStatus(
    BrokerPhase Phase, int Port, int Connections, int Topics, int Partitions, int PartitionsOpen, int PartitionsFailed,
    long RequestBytesInFlight, long FetchBytesInFlight)
{
    /// <summary>Clients are served, and no partition is known to be unusable.</summary>
    public bool IsReady => Phase == BrokerPhase.Ready && PartitionsFailed == 0;
}
