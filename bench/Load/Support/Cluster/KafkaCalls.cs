using PipeRoll.Wire;
using PipeRoll.Wire.Framing;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Load.Cluster;

/// <summary>The few requests that a client which follows partitions needs, without the delays and caches of a real client.</summary>
internal static class KafkaCalls
{
    // The first with the new leader in the answer to a produce (KIP-951).
    private const short ProduceVersion = 10;
    private const short MetadataVersion = 9;

    /// <summary>One batch for each of the partitions.</summary>
    public static byte[] Produce(string topic, IEnumerable<int> partitions, byte[] batch)
    {
        var data = new ProduceRequest.TopicProduceData { Name = topic };
        data.PartitionData.AddRange(partitions.Select(partition => new ProduceRequest.PartitionProduceData { Index = partition, Records = batch }));
        var request = new ProduceRequest { Acks = -1, TimeoutMs = 30_000 };
        request.TopicData.Add(data);
        return RawConnection.Frame(ApiKey.Produce, ProduceVersion, request);
    }

    public static IReadOnlyList<ProduceResponse.PartitionProduceResponse> ReadProduced(ReadOnlyMemory<byte> response)
    {
        var reader = new WireReader(response[5..]);
        return [.. ProduceResponse.Read(ref reader, ProduceVersion).Responses.SelectMany(topic => topic.PartitionResponses)];
    }

    /// <summary>Node ids of the leaders as that broker knows them, by partition; what has none is missing.</summary>
    public static Dictionary<int, int> Leaders(RawConnection connection, string topic)
    {
        var request = new MetadataRequest { Topics = [new MetadataRequest.MetadataRequestTopic { Name = topic }], AllowAutoTopicCreation = false };
        connection.Send(RawConnection.Frame(ApiKey.Metadata, MetadataVersion, request));
        var reader = new WireReader(connection.Receive()[5..]);
        return MetadataResponse.Read(ref reader, MetadataVersion).Topics.SelectMany(found => found.Partitions)
            .Where(partition => partition.ErrorCode == 0 && partition.LeaderId > 0)
            .ToDictionary(partition => partition.PartitionIndex, partition => partition.LeaderId);
    }

    /// <summary>Has the partitions led by another broker; returns when that was noted.</summary>
    public static void Move(RawConnection connection, string topic, IEnumerable<int> partitions, int node)
    {
        var moved = new AlterPartitionReassignmentsRequest.ReassignableTopic { Name = topic };
        moved.Partitions.AddRange(partitions.Select(partition =>
            new AlterPartitionReassignmentsRequest.ReassignablePartition { PartitionIndex = partition, Replicas = [node] }));
        var request = new AlterPartitionReassignmentsRequest();
        request.Topics.Add(moved);
        connection.Send(RawConnection.Frame(ApiKey.AlterPartitionReassignments, 0, request));
        var reader = new WireReader(connection.Receive()[5..]);
        AlterPartitionReassignmentsResponse response = AlterPartitionReassignmentsResponse.Read(ref reader, 0);
        short refused = response.Responses.SelectMany(found => found.Partitions).Select(partition => partition.ErrorCode)
            .Append(response.ErrorCode).FirstOrDefault(error => error != 0);
        if (refused != 0)
        {
            throw new InvalidOperationException($"the move was refused: {(KafkaError)refused} {response.ErrorMessage}");
        }
    }
}
