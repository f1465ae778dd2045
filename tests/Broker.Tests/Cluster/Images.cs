using PipeRoll.Broker.Cluster.Image;
using PipeRoll.Streams;
using PipeRoll.Streams.Metadata;

namespace PipeRoll.Broker.Tests.Cluster;

/// <summary>Images made by hand.</summary>
internal static class Images
{
    public static BrokerRecord Broker(
        long epoch, BrokerState state = BrokerState.Alive, string? rack = null, bool excluded = false, double walMs = 0,
        long recoverer = 0) => new(
        new BrokerEpoch(epoch), new BrokerEndpoint((int)epoch, "host" + epoch, 9000, "http://host", rack), state, 0,
        new BrokerEpoch(recoverer), 0, new BrokerLoad(0, 0, walMs), excluded);

    /// <param name="owners">By partition index; 0 for none.</param>
    public static TopicRecord Topic(string name, long firstStream, params long[] owners)
    {
        StreamId[] streams = [.. owners.Select((_, index) => new StreamId(firstStream + index))];
        return new TopicRecord(GuidOf(firstStream), name, streams, new Dictionary<string, string>(), false)
        {
            Placements = [.. owners.Select((owner, index) => Placement(firstStream + index, owner, owner == 0 ? 0 : 1))],
        };
    }

    public static PartitionPlacement Placement(long stream, long owner, long epoch, long target = 0) =>
        new(new StreamId(stream), new BrokerEpoch(owner), epoch, new BrokerEpoch(target));

    public static ClusterImage Of(IEnumerable<BrokerRecord> brokers, params TopicRecord[] topics) =>
        ClusterImage.From(new ClusterSnapshot(10, default, [.. brokers], topics));

    public static Guid GuidOf(long number) => new((int)number, 0, 0, new byte[8]);
}
