using PipeRoll.Streams.Metadata;

namespace PipeRoll.Broker.Cluster.Balancing;

/// <summary>
/// Tells which brokers have a log so much slower than the others' that they should be given no more. Who was slow for several rounds is
/// excluded; who was well for several rounds comes back, and waits twice as long each time it is excluded again.
/// </summary>
/// <remarks>
/// Deterministic, no clock: a round is a call. It never excludes so many that fewer than half of the live brokers would be left. With
/// fewer than two others that write there is nobody to compare with, and nobody is slow. One thread.
/// </remarks>
internal sealed class SlowBrokerDetector(double ratio, double floorMs, int rounds)
{
    /// <summary>A broker is well again only when it is well below what makes it slow.</summary>
    private const double WellBelow = 2.0 / 3;
    private const int WaitFactorMax = 32;
    private readonly Dictionary<long, History> _histories = [];

    /// <returns>Whose exclusion is to change, and to what; by epoch.</returns>
    public IReadOnlyList<(BrokerEpoch Broker, bool Excluded)> Round(IReadOnlyCollection<BrokerRecord> brokers)
    {
        BrokerRecord[] alive = [.. brokers.Where(broker => broker.State == BrokerState.Alive).OrderBy(broker => broker.Epoch.Value)];
        var changes = new List<(BrokerEpoch, bool)>();
        int excluded = alive.Count(broker => broker.IsExcluded);
        int excludedMax = (alive.Length - 1) / 2;
        foreach (long forgotten in _histories.Keys.Except(alive.Select(broker => broker.Epoch.Value)).ToArray())
        {
            _histories.Remove(forgotten);
        }

        foreach (BrokerRecord broker in alive)
        {
            History history = _histories.TryGetValue(broker.Epoch.Value, out History? known)
                ? known
                : _histories[broker.Epoch.Value] = new History();
            double limit = LimitFor(broker, alive);
            double latency = broker.Load.WalLatencyMs;
            history.SlowRounds = latency > limit ? history.SlowRounds + 1 : 0;
            history.WellRounds = latency <= limit * WellBelow ? history.WellRounds + 1 : 0;
            if (!broker.IsExcluded && history.SlowRounds >= rounds && excluded < excludedMax)
            {
                excluded++;
                history.Excluded();
                changes.Add((broker.Epoch, true));
            }
            else if (broker.IsExcluded && history.WellRounds >= (long)rounds * history.WaitFactor)
            {
                excluded--;
                changes.Add((broker.Epoch, false));
            }
        }

        return changes;
    }

    private double LimitFor(BrokerRecord broker, BrokerRecord[] alive)
    {
        double[] others =
        [
            .. alive.Where(other => other.Epoch != broker.Epoch && !other.IsExcluded && other.Load.WalLatencyMs > 0)
                .Select(other => other.Load.WalLatencyMs).Order(),
        ];
        if (others.Length < 2)
        {
            return double.PositiveInfinity;
        }

        double median = (others[(others.Length - 1) / 2] + others[others.Length / 2]) / 2;
        return Math.Max(floorMs, ratio * median);
    }

    private sealed class History
    {
        public int SlowRounds { get; set; }

        public int WellRounds { get; set; }

        public int WaitFactor { get; private set; } = 1;

        private bool _wasExcluded;

        public void Excluded()
        {
            WaitFactor = _wasExcluded ? Math.Min(WaitFactorMax, WaitFactor * 2) : 1;
            _wasExcluded = true;
            WellRounds = 0;
        }
    }
}
