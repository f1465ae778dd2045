using System.Buffers.Binary;
using PipeRoll.Wire;
using PipeRoll.Wire.Framing;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Client;

/// <summary>
/// The consumer protocol of classic groups with its "range" assignor: of each topic, every member that subscribed to it gets a range of
/// partitions, in the order of instance ids or member ids, as Kafka's own does, so that members of both kinds may share a group.
/// </summary>
internal static class RangeAssignor
{
    public const string Name = "range";
    private const short Version = 1;

    public static byte[] Subscription(string topic) => Prefixed(new ConsumerProtocolSubscription { Topics = [topic] });

    /// <summary>The partitions of a topic in an assignment; none if it is empty.</summary>
    public static IReadOnlyList<int> Partitions(ReadOnlyMemory<byte> assignment, string topic)
    {
        if (assignment.IsEmpty)
        {
            return [];
        }

        var reader = new WireReader(assignment);
        short version = Math.Clamp(reader.ReadInt16(), (short)0, (short)3);
        ConsumerProtocolAssignment read = ConsumerProtocolAssignment.Read(ref reader, version);
        return [.. read.AssignedPartitions.Where(each => each.Topic == topic).SelectMany(static each => each.Partitions).Order()];
    }

    /// <param name="partitions">How many a topic has.</param>
    /// <returns>By member id.</returns>
    public static async Task<IReadOnlyDictionary<string, byte[]>> AssignAsync(
        IReadOnlyList<JoinGroupResponse.JoinGroupResponseMember> members, Func<string, Task<int>> partitions)
    {
        var assignments = members.ToDictionary(static member => member.MemberId, static _ => new ConsumerProtocolAssignment());
        IEnumerable<(string Topic, JoinGroupResponse.JoinGroupResponseMember Member)> wishes =
            members.SelectMany(static member => Topics(member.Metadata).Select(topic => (topic, member)));
        foreach (IGrouping<string, (string Topic, JoinGroupResponse.JoinGroupResponseMember Member)> wish in wishes.GroupBy(static each => each.Topic))
        {
            JoinGroupResponse.JoinGroupResponseMember[] takers =
            [
                .. wish.Select(static each => each.Member).OrderBy(static member => member.GroupInstanceId is null)
                    .ThenBy(static member => member.GroupInstanceId ?? member.MemberId, StringComparer.Ordinal),
            ];
            int count = await partitions(wish.Key);
            int next = 0;
            for (int index = 0; index < takers.Length; index++)
            {
                int share = (count / takers.Length) + (index < count % takers.Length ? 1 : 0);
                if (share > 0)
                {
                    assignments[takers[index].MemberId].AssignedPartitions.Add(
                        new ConsumerProtocolAssignment.TopicPartition { Topic = wish.Key, Partitions = [.. Enumerable.Range(next, share)] });
                }

                next += share;
            }
        }

        return assignments.ToDictionary(static each => each.Key, static each => Prefixed(each.Value));
    }

    private static IEnumerable<string> Topics(ReadOnlyMemory<byte> metadata)
    {
        var reader = new WireReader(metadata);
        short version = Math.Clamp(reader.ReadInt16(), (short)0, (short)3);
        return ConsumerProtocolSubscription.Read(ref reader, version).Topics.Distinct();
    }

    private static byte[] Prefixed(IKafkaMessage message)
    {
        byte[] body = ResponseFrame.ToBytes(message, Version);
        byte[] all = new byte[sizeof(short) + body.Length];
        BinaryPrimitives.WriteInt16BigEndian(all, Version);
        body.CopyTo(all, sizeof(short));
        return all;
    }
}
