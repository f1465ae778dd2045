using System.Collections.Immutable;
using PipeRoll.Streams;
using PipeRoll.Streams.Metadata;

namespace PipeRoll.Broker.Cluster.Image;

/// <summary>Where a stream belongs and who owns it.</summary>
internal readonly record struct PartitionEntry(string Topic, int Index, PartitionPlacement Placement);

/// <summary>
/// The control plane as of one entry of the metadata log. Immutable: every change makes a new one that shares what did not change, so
/// that readers keep what they hold.
/// </summary>
/// <remarks>
/// Placements never go back: one with a lower epoch than is known is old news. That lets a hand-over be noted before its log entry comes,
/// and a topic be read again at a later instant than the entries still to be applied.
/// </remarks>
internal sealed class ClusterImage
{
    public static readonly ClusterImage Empty = new();

    private IReadOnlyList<ClusterNode>? _nodes;
    private ImmutableDictionary<long, int>? _counts;

    private ClusterImage()
    {
    }

    private ClusterImage(ClusterImage from)
    {
        LogEnd = from.LogEnd;
        Controller = from.Controller;
        Brokers = from.Brokers;
        Topics = from.Topics;
        Partitions = from.Partitions;
        Configs = from.Configs;
    }

    /// <summary>Sequence number of the last entry that is in it.</summary>
    public long LogEnd { get; private init; }

    public ControllerTerm Controller { get; private init; }

    /// <summary>All lives that are not forgotten, by epoch.</summary>
    public ImmutableSortedDictionary<long, BrokerRecord> Brokers { get; private init; } = ImmutableSortedDictionary<long, BrokerRecord>.Empty;

    /// <summary>Topics by name, without placements: those are in <see cref="Partitions"/>.</summary>
    public ImmutableDictionary<string, TopicRecord> Topics { get; private init; } =
        ImmutableDictionary.Create<string, TopicRecord>(StringComparer.Ordinal);

    public ImmutableDictionary<StreamId, PartitionEntry> Partitions { get; private init; } =
        ImmutableDictionary<StreamId, PartitionEntry>.Empty;

    /// <summary>What is set beside topics. The same list as long as nothing of it changes.</summary>
    public IReadOnlyList<ConfigRecord> Configs { get; private init; } = [];

    /// <summary>Those that serve (alive or draining), by node id.</summary>
    public IReadOnlyList<ClusterNode> Nodes => _nodes ??=
    [
        .. Brokers.Values.Where(Serves).OrderBy(broker => broker.Endpoint.NodeId)
            .Select(broker => new ClusterNode(
                broker.Endpoint.NodeId, broker.Endpoint.Host, broker.Endpoint.Port, broker.Endpoint.Rack)),
    ];

    /// <summary>How many partitions each life owns or is about to be handed, by epoch.</summary>
    public ImmutableDictionary<long, int> Counts => _counts ??= Partitions.Values
        .GroupBy(entry => HeldBy(entry.Placement).Value).ToImmutableDictionary(held => held.Key, held => held.Count());

    /// <summary>Those whose last life was declared dead and is not forgotten, by node id.</summary>
    public IReadOnlyList<ClusterNode> Fenced =>
    [
        .. Brokers.Values.GroupBy(static broker => broker.Endpoint.NodeId).Select(static lives => lives.Last())
            .Where(static broker => broker.State is BrokerState.Fenced or BrokerState.Recovering)
            .OrderBy(static broker => broker.Endpoint.NodeId)
            .Select(static broker => new ClusterNode(
                broker.Endpoint.NodeId, broker.Endpoint.Host, broker.Endpoint.Port, broker.Endpoint.Rack)),
    ];

    public static bool Serves(BrokerRecord broker) => broker.State is BrokerState.Alive or BrokerState.Draining;

    /// <summary>Who has the partition, or will have when the move under way is done.</summary>
    public static BrokerEpoch HeldBy(in PartitionPlacement placement) => placement.Target.IsNone ? placement.Owner : placement.Target;

    public static ClusterImage From(ClusterSnapshot snapshot)
    {
        ImmutableDictionary<string, TopicRecord>.Builder topics = Empty.Topics.ToBuilder();
        ImmutableDictionary<StreamId, PartitionEntry>.Builder partitions = Empty.Partitions.ToBuilder();
        foreach (TopicRecord topic in snapshot.Topics)
        {
            topics[topic.Name] = topic with { Placements = [] };
            foreach (PartitionEntry entry in EntriesOf(topic))
            {
                partitions[entry.Placement.Stream] = entry;
            }
        }

        return new ClusterImage
        {
            LogEnd = snapshot.LogEnd,
            Controller = snapshot.Controller,
            Brokers = ByEpoch(snapshot.Brokers),
            Topics = topics.ToImmutable(),
            Partitions = partitions.ToImmutable(),
            Configs = snapshot.Configs,
        };
    }

    /// <summary>The record of a life; null when it is forgotten or there is none.</summary>
    public BrokerRecord? Broker(BrokerEpoch epoch) => Brokers.GetValueOrDefault(epoch.Value);

    /// <summary>The life of the node that serves now, or null.</summary>
    public BrokerRecord? ServingNode(int nodeId) =>
        Brokers.Values.FirstOrDefault(broker => Serves(broker) && broker.Endpoint.NodeId == nodeId);

    /// <summary>Node id of a life that serves; -1 when it does not.</summary>
    public int NodeOf(BrokerEpoch epoch) => Broker(epoch) is { } broker && Serves(broker) ? broker.Endpoint.NodeId : -1;

    public ClusterImage At(long logEnd) => new(this) { LogEnd = Math.Max(LogEnd, logEnd) };

    public ClusterImage With(ControllerTerm controller) =>
        controller.Term < Controller.Term ? this : new ClusterImage(this) { Controller = controller };

    public ClusterImage With(IEnumerable<BrokerRecord> brokers) => new(this) { Brokers = ByEpoch(brokers) };

    public ClusterImage With(IReadOnlyList<ConfigRecord> configs) => new(this) { Configs = configs };

    /// <summary>Takes over placements of known streams that are not old news.</summary>
    public ClusterImage With(IEnumerable<PartitionPlacement> placements)
    {
        ImmutableDictionary<StreamId, PartitionEntry>.Builder partitions = Partitions.ToBuilder();
        foreach (PartitionPlacement placement in placements)
        {
            if (partitions.TryGetValue(placement.Stream, out PartitionEntry known) && placement.Epoch >= known.Placement.Epoch)
            {
                partitions[placement.Stream] = known with { Placement = placement };
            }
        }

        return new ClusterImage(this) { Partitions = partitions.ToImmutable() };
    }

    /// <summary>The topic as it was read, with its placements.</summary>
    public ClusterImage With(TopicRecord topic)
    {
        ImmutableDictionary<StreamId, PartitionEntry>.Builder partitions = Partitions.ToBuilder();
        if (Topics.TryGetValue(topic.Name, out TopicRecord? before))
        {
            partitions.RemoveRange(before.Partitions.Except(topic.Partitions));
        }

        foreach (PartitionEntry entry in EntriesOf(topic))
        {
            StreamId stream = entry.Placement.Stream;
            if (!partitions.TryGetValue(stream, out PartitionEntry known) || known.Placement.Epoch <= entry.Placement.Epoch)
            {
                partitions[stream] = entry;
            }
        }

        return new ClusterImage(this)
        {
            Topics = Topics.SetItem(topic.Name, topic with { Placements = [] }),
            Partitions = partitions.ToImmutable(),
        };
    }

    public ClusterImage Without(string topic) => !Topics.TryGetValue(topic, out TopicRecord? known)
        ? this
        : new ClusterImage(this) { Topics = Topics.Remove(topic), Partitions = Partitions.RemoveRange(known.Partitions) };

    /// <summary>Everything as it was read anew, but for placements that this image knows to be newer.</summary>
    public ClusterImage ReplacedBy(ClusterSnapshot snapshot)
    {
        ClusterImage read = From(snapshot);
        return read.With(Partitions.Values.Select(entry => entry.Placement)
            .Where(known => read.Partitions.TryGetValue(known.Stream, out PartitionEntry entry) && known.Epoch > entry.Placement.Epoch));
    }

    private static ImmutableSortedDictionary<long, BrokerRecord> ByEpoch(IEnumerable<BrokerRecord> brokers) =>
        brokers.ToImmutableSortedDictionary(broker => broker.Epoch.Value, broker => broker);

    private static IEnumerable<PartitionEntry> EntriesOf(TopicRecord topic) => topic.Partitions.Select((stream, index) =>
        new PartitionEntry(topic.Name, index, index < topic.Placements.Count
            ? topic.Placements[index]
            : new PartitionPlacement(stream, BrokerEpoch.None, 0, BrokerEpoch.None)));
}
