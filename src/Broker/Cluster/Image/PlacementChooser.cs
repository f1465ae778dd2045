using System.Runtime.InteropServices;
using PipeRoll.Streams.Metadata;

namespace PipeRoll.Broker.Cluster.Image;

/// <summary>
/// Chooses brokers for partitions, one after the other: each topic evenly over the racks (by how many brokers a rack has), then over
/// the brokers, then whoever has the fewest partitions, then the least load. The same image gives the same choices.
/// </summary>
/// <remarks>
/// Only live brokers are chosen; excluded ones when there are no others. What was chosen counts for the next choice. One thread.
/// </remarks>
internal sealed class PlacementChooser
{
    private readonly ClusterImage _image;
    private readonly BrokerRecord[] _candidates;
    private readonly Dictionary<long, int> _totals;
    private readonly Dictionary<string, int> _rackSizes = new(StringComparer.Ordinal);
    private readonly Dictionary<string, TopicSpread> _topics = new(StringComparer.Ordinal);

    /// <param name="except">A broker that is not to be chosen; none for no such.</param>
    public PlacementChooser(ClusterImage image, BrokerEpoch except = default)
    {
        _image = image;
        BrokerRecord[] alive =
            [.. image.Brokers.Values.Where(broker => broker.State == BrokerState.Alive && broker.Epoch != except)];
        BrokerRecord[] well = [.. alive.Where(broker => !broker.IsExcluded)];
        _candidates = well.Length > 0 ? well : alive;
        _totals = _candidates.ToDictionary(
            broker => broker.Epoch.Value, broker => image.Counts.GetValueOrDefault(broker.Epoch.Value));
        foreach (BrokerRecord broker in _candidates)
        {
            CollectionsMarshal.GetValueRefOrAddDefault(_rackSizes, RackOf(broker), out _)++;
        }
    }

    public static string RackOf(BrokerRecord broker) => broker.Endpoint.Rack ?? "";

    /// <param name="topic">Whose partition it is; a name that no topic has for a new one.</param>
    /// <returns>Null when no broker is alive.</returns>
    public BrokerEpoch? Choose(string topic)
    {
        TopicSpread spread = SpreadOf(topic);
        BrokerRecord? best = null;
        foreach (BrokerRecord candidate in _candidates)
        {
            if (best is null || Compare(spread, candidate, best) < 0)
            {
                best = candidate;
            }
        }

        if (best is null)
        {
            return null;
        }

        _totals[best.Epoch.Value]++;
        spread.Add(best);
        return best.Epoch;
    }

    private int Compare(TopicSpread spread, BrokerRecord left, BrokerRecord right)
    {
        int order = Share(spread, left).CompareTo(Share(spread, right));
        order = order != 0 ? order : spread.OnBroker(left).CompareTo(spread.OnBroker(right));
        order = order != 0 ? order : _totals[left.Epoch.Value].CompareTo(_totals[right.Epoch.Value]);
        order = order != 0 ? order : Bytes(left).CompareTo(Bytes(right));
        return order != 0 ? order : left.Epoch.Value.CompareTo(right.Epoch.Value);
    }

    private double Share(TopicSpread spread, BrokerRecord broker) => (double)spread.InRack(broker) / _rackSizes[RackOf(broker)];

    private static double Bytes(BrokerRecord broker) => broker.Load.BytesInPerSecond + broker.Load.BytesOutPerSecond;

    private TopicSpread SpreadOf(string topic)
    {
        if (_topics.TryGetValue(topic, out TopicSpread? known))
        {
            return known;
        }

        var spread = new TopicSpread();
        foreach (var stream in _image.Topics.TryGetValue(topic, out TopicRecord? record) ? record.Partitions : [])
        {
            if (_image.Partitions.TryGetValue(stream, out PartitionEntry entry)
                && _image.Broker(ClusterImage.HeldBy(entry.Placement)) is { } holder && ClusterImage.Serves(holder))
            {
                spread.Add(holder);
            }
        }

        return _topics[topic] = spread;
    }

    /// <summary>How many partitions of one topic are where.</summary>
    private sealed class TopicSpread
    {
        private readonly Dictionary<string, int> _racks = new(StringComparer.Ordinal);
        private readonly Dictionary<long, int> _brokers = [];

        public int InRack(BrokerRecord broker) => _racks.GetValueOrDefault(RackOf(broker));

        public int OnBroker(BrokerRecord broker) => _brokers.GetValueOrDefault(broker.Epoch.Value);

        public void Add(BrokerRecord broker)
        {
            CollectionsMarshal.GetValueRefOrAddDefault(_racks, RackOf(broker), out _)++;
            CollectionsMarshal.GetValueRefOrAddDefault(_brokers, broker.Epoch.Value, out _)++;
        }
    }
}
