using PipeRoll.Streams;
using PipeRoll.Streams.Metadata;

namespace PipeRoll.Broker.Partitions;

/// <summary>Bytes per second of the partitions led here, smoothed over about ten seconds: what the balancer weighs.</summary>
/// <remarks>Any thread. Measured when asked, at most once a second; a partition's first measure only notes where it stands.</remarks>
internal sealed class PartitionRates(TimeProvider time, Func<IEnumerable<Partition>> partitions)
{
    private static readonly TimeSpan IntervalMin = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Memory = TimeSpan.FromSeconds(10);

    private readonly Lock _gate = new();
    private Dictionary<StreamId, Sample> _samples = [];
    private IReadOnlyList<PartitionLoad> _loads = [];
    private long _measuredAt;
    private bool _hasMeasured;

    /// <summary>Partitions that are led here and were not idle.</summary>
    public IReadOnlyList<PartitionLoad> Measure()
    {
        lock (_gate)
        {
            TimeSpan passed = time.GetElapsedTime(_measuredAt);
            if (!_hasMeasured || passed >= IntervalMin)
            {
                Take(passed);
                _measuredAt = time.GetTimestamp();
                _hasMeasured = true;
            }

            return _loads;
        }
    }

    private void Take(TimeSpan passed)
    {
        var samples = new Dictionary<StreamId, Sample>(_samples.Count);
        var loads = new List<PartitionLoad>();
        double weight = 1 - Math.Exp(-passed / Memory);
        foreach (Partition partition in partitions().Where(static partition => partition.IsReadable))
        {
            StreamId stream = partition.Identity.Stream;
            long bytesIn = partition.Traffic.BytesIn;
            long bytesOut = partition.Traffic.BytesOut;
            Sample sample = _samples.TryGetValue(stream, out Sample last)
                ? last.Next(bytesIn, bytesOut, passed.TotalSeconds, last.Count == 0 ? 1 : weight)
                : new Sample(bytesIn, bytesOut, 0, 0, 0);
            samples[stream] = sample;
            if (sample.InPerSecond >= 1 || sample.OutPerSecond >= 1)
            {
                loads.Add(new PartitionLoad(stream, sample.InPerSecond, sample.OutPerSecond));
            }
        }

        _samples = samples;
        _loads = loads;
    }

    private readonly record struct Sample(long BytesIn, long BytesOut, double InPerSecond, double OutPerSecond, int Count)
    {
        public Sample Next(long bytesIn, long bytesOut, double seconds, double weight) => new(
            bytesIn, bytesOut,
            InPerSecond + (weight * (((bytesIn - BytesIn) / seconds) - InPerSecond)),
            OutPerSecond + (weight * (((bytesOut - BytesOut) / seconds) - OutPerSecond)),
            Count + 1);
    }
}
