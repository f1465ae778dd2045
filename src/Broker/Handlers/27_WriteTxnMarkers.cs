using PipeRoll.Broker.Groups;
using PipeRoll.Broker.Groups.Offsets;
using PipeRoll.Broker.Partitions;
using PipeRoll.Broker.Security;
using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Handlers;

/// <summary>
/// WriteTxnMarkers (27): ends transactions on partitions that this broker leads: the order of a coordinator, or of an administrator who
/// aborts one that hangs. Answered when the markers are durable, and the offsets that they commit count.
/// </summary>
/// <remarks>
/// On a partition of the offsets topic only while its groups are loaded: who loads them later reads the marker with the rest. Version 2
/// lets a leader tell a marker that comes late from the one of the transaction that is open now.
/// </remarks>
internal sealed class WriteTxnMarkersHandler(BrokerServices services, GroupCoordinator groups)
    : Handler<WriteTxnMarkersRequest, WriteTxnMarkersResponse>
{
    public override async ValueTask<WriteTxnMarkersResponse> HandleAsync(WriteTxnMarkersRequest request, RequestContext context)
    {
        // Coordinators act for the cluster, administrators alter it.
        bool mayWrite = context.MaySee(AclOperation.Alter, ResourceType.Cluster, AclNames.Cluster)
            || context.AllowsOnCluster(AclOperation.ClusterAction);

        // All are begun before the first one is waited for: one sync serves many.
        List<(WriteTxnMarkersResponse.WritableTxnMarkerPartitionResult Answer, Task<KafkaError> Written)> pending = [];
        var response = new WriteTxnMarkersResponse { Markers = new(request.Markers.Count) };
        foreach (WriteTxnMarkersRequest.WritableTxnMarker wanted in request.Markers)
        {
            var marker = new TransactionMarker(
                wanted.ProducerId, wanted.ProducerEpoch, wanted.CoordinatorEpoch, wanted.TransactionResult, wanted.TransactionVersion);
            var answered = new WriteTxnMarkersResponse.WritableTxnMarkerResult { ProducerId = wanted.ProducerId, Topics = [] };
            response.Markers.Add(answered);
            foreach (WriteTxnMarkersRequest.WritableTxnMarkerTopic topic in wanted.Topics)
            {
                var topicAnswer = new WriteTxnMarkersResponse.WritableTxnMarkerTopicResult { Name = topic.Name, Partitions = [] };
                answered.Topics.Add(topicAnswer);
                foreach (int index in topic.PartitionIndexes)
                {
                    var answer = new WriteTxnMarkersResponse.WritableTxnMarkerPartitionResult { PartitionIndex = index };
                    topicAnswer.Partitions.Add(answer);
                    pending.Add((answer, mayWrite
                        ? WriteAsync(topic.Name, index, marker)
                        : Task.FromResult(KafkaError.ClusterAuthorizationFailed)));
                }
            }
        }

        foreach ((WriteTxnMarkersResponse.WritableTxnMarkerPartitionResult answer, Task<KafkaError> written) in pending)
        {
            answer.ErrorCode = (short)await written;
        }

        return response;
    }

    private async Task<KafkaError> WriteAsync(string topic, int index, TransactionMarker marker)
    {
        if (services.Topics.Find(topic, index) is not { } partition)
        {
            return KafkaError.UnknownTopicOrPartition;
        }

        bool hasOffsets = topic == PartitionOffsetsLog.TopicName;
        if (hasOffsets && groups.StatusOf(index) is var status and not KafkaError.None)
        {
            return status == KafkaError.NotCoordinator ? KafkaError.NotLeaderOrFollower : status;
        }

        AppendResult written = await partition.AppendMarkerAsync(marker);
        if (written.Error == KafkaError.None && hasOffsets)
        {
            groups.TransactionEnded(index, marker.ProducerId, marker.IsCommit);
        }

        return written.Error;
    }
}
