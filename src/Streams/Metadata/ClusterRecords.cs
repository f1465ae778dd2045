namespace PipeRoll.Streams.Metadata;

/// <summary>
/// One life of a broker: given at registration, unique in the cluster for ever, ascending. It is also the identity of the
/// write-ahead log that this life writes. <see cref="None"/> stands for the embedded default, which has no cluster.
/// </summary>
public readonly record struct BrokerEpoch(long Value)
{
    public static readonly BrokerEpoch None;

    public bool IsNone => Value == 0;

    public override string ToString() => Value.ToString(System.Globalization.CultureInfo.InvariantCulture);
}

/// <summary>The stages of a broker's life, in this order; stored as their number.</summary>
public enum BrokerState
{
    /// <summary>Serves; may be given partitions.</summary>
    Alive = 0,

    /// <summary>Serves, hands its partitions over, and will leave.</summary>
    Draining = 1,

    /// <summary>Declared dead, or replaced by a new life of the same node: it can commit nothing more, and its log awaits recovery.</summary>
    Fenced = 2,

    /// <summary>A survivor recovers its log.</summary>
    Recovering = 3,

    /// <summary>Nothing of its log is needed any more; it is forgotten when its objects are deleted.</summary>
    Gone = 4,
}

/// <param name="NodeId">Kafka's node id: stays the same over restarts.</param>
/// <param name="Host">What clients are told to connect to.</param>
/// <param name="HttpAddress">Base address of its HTTP API, such as <c>http://10.0.0.1:8080</c>.</param>
/// <param name="Rack">Kafka's <c>broker.rack</c>; null when it has none.</param>
public sealed record BrokerEndpoint(int NodeId, string Host, int Port, string HttpAddress, string? Rack);

/// <summary>What a broker says of itself with each heartbeat.</summary>
/// <param name="WalLatencyMs">How long its log took lately to make a group durable, 99th percentile over the last half minute; 0 when it wrote nothing.</param>
public readonly record struct BrokerLoad(double BytesInPerSecond, double BytesOutPerSecond, double WalLatencyMs);

/// <param name="Recoverer">Who recovers its log; none when nobody does.</param>
/// <param name="WalFirst">First number of its log that may still be needed: what recovery begins with.</param>
/// <param name="IsExcluded">It is too slow to be given more partitions, until the controller says otherwise.</param>
public sealed record BrokerRecord(
    BrokerEpoch Epoch, BrokerEndpoint Endpoint, BrokerState State, long LeaseUntilMs, BrokerEpoch Recoverer, long WalFirst, BrokerLoad Load,
    bool IsExcluded);

/// <summary>Who owns a partition's stream.</summary>
/// <param name="Owner">The life of a broker that leads it; none when nobody was given it. It may be dead.</param>
/// <param name="Epoch">The stream's epoch, which is Kafka's leader epoch: one higher with each change of the owner.</param>
/// <param name="Target">To whom the owner is to hand it over; none when it stays.</param>
public readonly record struct PartitionPlacement(StreamId Stream, BrokerEpoch Owner, long Epoch, BrokerEpoch Target);

/// <summary>Bytes per second of one partition, for the balancer.</summary>
public readonly record struct PartitionLoad(StreamId Stream, double BytesInPerSecond, double BytesOutPerSecond);

/// <param name="MayLead">It takes the controller's place if that is free.</param>
/// <param name="Session">How long the lease lasts from now, by the database's clock.</param>
public sealed record HeartbeatRequest(BrokerEpoch Broker, BrokerLoad Load, TimeSpan Session, bool MayLead);

/// <summary>The controller's place, held under a term by one broker at a time.</summary>
public readonly record struct ControllerTerm(BrokerEpoch Broker, long Term);

/// <param name="IsAccepted">False: this life was declared dead, and must end.</param>
/// <param name="NowMs">The database's clock.</param>
/// <param name="LogEnd">Sequence number of the newest entry of the metadata log.</param>
public sealed record Heartbeat(bool IsAccepted, ControllerTerm Controller, long NowMs, long LogEnd)
{
    /// <summary>Of the other brokers that serve, the one that has been silent for longest; null when there is no other.</summary>
    public QuietBroker? Quietest { get; init; }
}

/// <param name="LeaseLeft">How long its lease still lasts; negative when it has passed.</param>
public readonly record struct QuietBroker(BrokerEpoch Broker, TimeSpan LeaseLeft);

/// <summary>All of the control plane at one instant: entries of the log above <paramref name="LogEnd"/> come on top.</summary>
/// <param name="Topics">With <see cref="TopicRecord.Placements"/>.</param>
public sealed record ClusterSnapshot(
    long LogEnd, ControllerTerm Controller, IReadOnlyList<BrokerRecord> Brokers, IReadOnlyList<TopicRecord> Topics)
{
    /// <summary>What is set beside topics.</summary>
    public IReadOnlyList<ConfigRecord> Configs { get; init; } = [];
}

/// <summary>A partition that its owner gives to its target.</summary>
/// <param name="Epoch">The owner's epoch; anything else means that it was moved already, and is left alone.</param>
/// <param name="EndOffset">Exclusive end of everything the owner acknowledged; durable in its log, perhaps not yet in objects.</param>
/// <param name="Checkpoint">The owner's state at exactly <paramref name="EndOffset"/>.</param>
public sealed record PartitionHandOver(StreamId Stream, long Epoch, long EndOffset, ReadOnlyMemory<byte> Checkpoint);

/// <summary>A partition that the controller gives to a broker because its owner is gone or it never had one.</summary>
/// <param name="Epoch">The present epoch; anything else means that the placement is out of date, and is left out.</param>
public readonly record struct PartitionAssignment(StreamId Stream, long Epoch, BrokerEpoch NewOwner);

/// <summary>Who commits objects.</summary>
/// <param name="Broker">The life that commits; none for the embedded default.</param>
/// <param name="OnBehalfOf">The dead life whose log it recovers; none for its own streams.</param>
public readonly record struct CommitWriter(BrokerEpoch Broker, BrokerEpoch OnBehalfOf)
{
    /// <summary>The embedded default: no cluster, so that epochs alone decide.</summary>
    public static readonly CommitWriter Embedded;
}

/// <summary>
/// This life of the broker has ended for the cluster: it was declared dead, replaced or retired. Nothing was changed. The process
/// must end, and may start anew as another life.
/// </summary>
public sealed class BrokerFencedException(string message) : Exception(message);

/// <summary>The database can't be reached or did not answer in time. The call may have had its effect; it may be repeated.</summary>
public sealed class MetadataUnavailableException(string message, Exception? inner = null) : Exception(message, inner);
