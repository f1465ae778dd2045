using System.Buffers.Binary;
using PipeRoll.Broker.Groups.Offsets;
using PipeRoll.Wire;
using PipeRoll.Wire.Framing;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Groups.Consumer;

/// <summary>What consumers of the classic protocol put into subscriptions and assignments: Kafka's consumer protocol, behind its version.</summary>
internal static class EmbeddedProtocol
{
    /// <summary>Later versions begin with the fields of this one.</summary>
    private const short HighestVersion = 3;

    /// <summary>Null when the bytes are no subscription.</summary>
    public static ConsumerProtocolSubscription? Subscription(ReadOnlyMemory<byte> bytes)
    {
        try
        {
            return VersionOf(bytes) is { } version && Reader(bytes) is var reader
                ? ConsumerProtocolSubscription.Read(ref reader, version)
                : null;
        }
        catch (WireFormatException)
        {
            return null;
        }
    }

    /// <summary>The partitions that an assignment names, of topics that exist; none when the bytes are no assignment.</summary>
    public static IReadOnlyList<TopicIdPartition> Assigned(ReadOnlyMemory<byte> bytes, ITopicImage topics)
    {
        try
        {
            if (VersionOf(bytes) is not { } version)
            {
                return [];
            }

            WireReader reader = Reader(bytes);
            ConsumerProtocolAssignment assignment = ConsumerProtocolAssignment.Read(ref reader, version);
            return
            [
                .. assignment.AssignedPartitions
                    .Where(topic => topics.Find(topic.Topic) is not null)
                    .SelectMany(
                        static topic => topic.Partitions,
                        (topic, index) => new TopicIdPartition(topics.Find(topic.Topic)!.Value.Id, index))
                    .Distinct(),
            ];
        }
        catch (WireFormatException)
        {
            return [];
        }
    }

    /// <summary>The assignment in the version of the member's subscription.</summary>
    public static byte[] Assignment(IEnumerable<TopicIdPartition> partitions, ReadOnlyMemory<byte> subscription, ITopicImage topics)
    {
        ConsumerProtocolAssignment assignment = new()
        {
            AssignedPartitions = [.. partitions.GroupBy(static partition => partition.Topic)
                .Where(topic => topics.Find(topic.Key) is not null)
                .Select(topic => new ConsumerProtocolAssignment.TopicPartition
                {
                    Topic = topics.Find(topic.Key)!.Value.Name,
                    Partitions = [.. topic.Select(static partition => partition.Partition)],
                })],
        };
        return GroupLogCodec.WithVersion(assignment, VersionOf(subscription) ?? 0);
    }

    private static short? VersionOf(ReadOnlyMemory<byte> bytes) => bytes.Length < sizeof(short)
        ? null
        : BinaryPrimitives.ReadInt16BigEndian(bytes.Span) is var version && version < 0 ? null : Math.Min(version, HighestVersion);

    private static WireReader Reader(ReadOnlyMemory<byte> bytes) => new(bytes[sizeof(short)..]);
}
