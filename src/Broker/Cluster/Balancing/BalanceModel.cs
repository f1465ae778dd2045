using System.Runtime.InteropServices;
using PipeRoll.Broker.Cluster.Image;
using PipeRoll.Streams;
using PipeRoll.Streams.Metadata;

namespace PipeRoll.Broker.Cluster.Balancing;

/// <summary>What is balanced, one after the other: bytes in, bytes out, and how many partitions.</summary>
internal enum BalanceMeasure
{
    BytesIn = 0,
    BytesOut = 1,
    Partitions = 2,
}

internal sealed record BalanceSettings(double DeadBand, double IgnoreBytes, int MovesMax);

internal readonly record struct BalanceMove(StreamId Stream, BrokerEpoch From, BrokerEpoch To);

/// <summary>One broker as the balancer sees it; moves that were planned are in it.</summary>
internal sealed class BalanceBroker(BrokerRecord record)
{
    private readonly double[] _sums = new double[3];

    public BrokerEpoch Epoch => record.Epoch;

    public string Rack => PlacementChooser.RackOf(record);

    /// <summary>It loses load, and is given none.</summary>
    public bool IsExcluded => record.IsExcluded;

    /// <summary>What may be moved from it in this round.</summary>
    public List<BalancePartition> Movable { get; } = [];

    public double this[BalanceMeasure measure] => _sums[(int)measure];

    public void Add(BalancePartition partition, int sign)
    {
        foreach (BalanceMeasure measure in Enum.GetValues<BalanceMeasure>())
        {
            _sums[(int)measure] += sign * partition[measure];
        }
    }
}

internal sealed class BalancePartition(StreamId stream, string topic, double bytesIn, double bytesOut)
{
    public StreamId Stream => stream;

    public string Topic => topic;

    public double this[BalanceMeasure measure] => measure switch
    {
        BalanceMeasure.BytesIn => bytesIn,
        BalanceMeasure.BytesOut => bytesOut,
        _ => 1,
    };
}

/// <summary>The loads of the brokers, and the rules of what a move may do to them.</summary>
/// <remarks>
/// A move for balance lowers the sum over brokers of the squares of their bytes in and out, or, where it leaves that as it is, of their
/// partitions. A sum of squares that only ever gets lower means that planning ends, and that no constant load is moved in circles.
/// </remarks>
internal sealed class BalanceModel
{
    private readonly BalanceSettings _settings;
    private readonly Dictionary<(string Topic, string Rack), int> _inRack = [];
    private readonly Dictionary<(string Topic, long Broker), int> _onBroker = [];
    private readonly Dictionary<string, int> _rackSizes;
    private readonly double[] _scales = new double[3];

    /// <param name="resting">Partitions that were moved lately, and stay where they are.</param>
    public BalanceModel(
        ClusterImage image, IReadOnlyDictionary<StreamId, PartitionLoad> loads, IReadOnlySet<StreamId> resting, BalanceSettings settings)
    {
        _settings = settings;
        Brokers = [.. image.Brokers.Values.Where(broker => broker.State == BrokerState.Alive).Select(broker => new BalanceBroker(broker))];
        Eligible = [.. Brokers.Where(broker => !broker.IsExcluded)];
        _rackSizes = Eligible.GroupBy(broker => broker.Rack, StringComparer.Ordinal)
            .ToDictionary(rack => rack.Key, rack => rack.Count(), StringComparer.Ordinal);
        Dictionary<long, BalanceBroker> byEpoch = Brokers.ToDictionary(broker => broker.Epoch.Value);
        foreach (PartitionEntry entry in image.Partitions.Values.OrderBy(entry => entry.Placement.Stream.Value))
        {
            // A partition that is on its way counts where it goes: else it would be moved for twice.
            if (!byEpoch.TryGetValue(ClusterImage.HeldBy(entry.Placement).Value, out BalanceBroker? holder))
            {
                continue;
            }

            PartitionLoad load = loads.GetValueOrDefault(entry.Placement.Stream);
            var partition = new BalancePartition(entry.Placement.Stream, entry.Topic, load.BytesInPerSecond, load.BytesOutPerSecond);
            Put(partition, holder);
            if (entry.Placement.Target.IsNone && !resting.Contains(entry.Placement.Stream))
            {
                holder.Movable.Add(partition);
            }
        }

        foreach (BalanceMeasure measure in Enum.GetValues<BalanceMeasure>())
        {
            double floor = measure == BalanceMeasure.Partitions ? 1 : Math.Max(1, settings.IgnoreBytes);
            _scales[(int)measure] = Math.Max(floor, Mean(measure));
        }
    }

    /// <summary>Live brokers; excluded ones too.</summary>
    public IReadOnlyList<BalanceBroker> Brokers { get; }

    /// <summary>Those that may be given more.</summary>
    public IReadOnlyList<BalanceBroker> Eligible { get; }

    public double Mean(BalanceMeasure measure) => Eligible.Count == 0 ? 0 : Eligible.Average(broker => broker[measure]);

    /// <summary>Whether somebody is further from the mean than <paramref name="band"/>, as a part of it, and by more than is ignored.</summary>
    public bool IsUneven(BalanceMeasure measure, double band)
    {
        double mean = Mean(measure);
        double ignored = measure == BalanceMeasure.Partitions ? 1 : _settings.IgnoreBytes;
        return Eligible.Any(broker => Math.Abs(broker[measure] - mean) is var off && off > mean * band && off >= ignored && off > 0);
    }

    /// <summary>By how much a move changes the normalised sum of squares of the bytes; below zero is better.</summary>
    /// <param name="margin">
    /// How much heavier the partition is taken to be: above 1, only moves that are worth it still lower the sum, and the way back is not
    /// worth it until much else has changed.
    /// </param>
    public double BytesChange(BalancePartition partition, BalanceBroker from, BalanceBroker to, double margin = 1) =>
        SquaresChange(BalanceMeasure.BytesIn, partition, from, to, margin) + SquaresChange(BalanceMeasure.BytesOut, partition, from, to, margin);

    /// <summary>The target stays below the busiest broker of now, in bytes in and in bytes out.</summary>
    public bool KeepsMaximum(BalancePartition partition, BalanceBroker to) =>
        to[BalanceMeasure.BytesIn] + partition[BalanceMeasure.BytesIn] <= Brokers.Max(broker => broker[BalanceMeasure.BytesIn])
        && to[BalanceMeasure.BytesOut] + partition[BalanceMeasure.BytesOut] <= Brokers.Max(broker => broker[BalanceMeasure.BytesOut]);

    /// <summary>The topic is spread over the racks at least as evenly as before. A rack that takes nothing any more does not count.</summary>
    public bool KeepsRacks(BalancePartition partition, BalanceBroker from, BalanceBroker to)
    {
        if (from.Rack == to.Rack || !_rackSizes.TryGetValue(from.Rack, out int fromSize))
        {
            return true;
        }

        double source = (double)_inRack.GetValueOrDefault((partition.Topic, from.Rack)) / fromSize;
        double target = (double)(_inRack.GetValueOrDefault((partition.Topic, to.Rack)) + 1) / _rackSizes[to.Rack];
        return target <= source;
    }

    public double Share(BalancePartition partition, BalanceBroker to) =>
        (double)_inRack.GetValueOrDefault((partition.Topic, to.Rack)) / _rackSizes.GetValueOrDefault(to.Rack, 1);

    /// <summary>How many partitions of the topic the broker has.</summary>
    public int OnBroker(BalancePartition partition, BalanceBroker broker) =>
        _onBroker.GetValueOrDefault((partition.Topic, broker.Epoch.Value));

    /// <summary>Bytes of a broker, in and out, each as a part of the mean.</summary>
    public double Weight(BalanceBroker broker) =>
        (broker[BalanceMeasure.BytesIn] / _scales[0]) + (broker[BalanceMeasure.BytesOut] / _scales[1]);

    public double Weight(BalancePartition partition) =>
        (partition[BalanceMeasure.BytesIn] / _scales[0]) + (partition[BalanceMeasure.BytesOut] / _scales[1]);

    public BalanceMove Move(BalancePartition partition, BalanceBroker from, BalanceBroker to)
    {
        from.Movable.Remove(partition);
        from.Add(partition, -1);
        CollectionsMarshal.GetValueRefOrAddDefault(_inRack, (partition.Topic, from.Rack), out _)--;
        CollectionsMarshal.GetValueRefOrAddDefault(_onBroker, (partition.Topic, from.Epoch.Value), out _)--;
        Put(partition, to);
        return new BalanceMove(partition.Stream, from.Epoch, to.Epoch);
    }

    private void Put(BalancePartition partition, BalanceBroker holder)
    {
        holder.Add(partition, 1);
        CollectionsMarshal.GetValueRefOrAddDefault(_inRack, (partition.Topic, holder.Rack), out _)++;
        CollectionsMarshal.GetValueRefOrAddDefault(_onBroker, (partition.Topic, holder.Epoch.Value), out _)++;
    }

    private double SquaresChange(
        BalanceMeasure measure, BalancePartition partition, BalanceBroker from, BalanceBroker to, double margin)
    {
        double load = partition[measure];
        double scale = _scales[(int)measure];
        return 2 * load * ((margin * load) - (from[measure] - to[measure])) / (scale * scale);
    }
}
