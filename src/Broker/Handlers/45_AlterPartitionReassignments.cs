using PipeRoll.Broker.Cluster;
using PipeRoll.Broker.Security;
using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Handlers;

/// <summary>
/// AlterPartitionReassignments (45, KIP-455): has partitions handed over to other brokers, or calls that off. Answered when it is noted,
/// as in Kafka; ListPartitionReassignments tells how far it is.
/// </summary>
/// <remarks>
/// A partition has one replica, its leader: the first broker of the list that is alive becomes it. Longer lists, which ask for
/// durability, are taken for their first. Null calls the move off; NO_REASSIGNMENT_IN_PROGRESS when there is none. A broker without
/// a cluster knows no other broker and refuses as Kafka does.
/// </remarks>
internal sealed class AlterPartitionReassignmentsHandler(BrokerServices services)
    : Handler<AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse>
{
    public override async ValueTask<AlterPartitionReassignmentsResponse> HandleAsync(
        AlterPartitionReassignmentsRequest request, RequestContext context)
    {
        var response = new AlterPartitionReassignmentsResponse { Responses = new(request.Topics.Count) };
        if (!context.AllowsOnCluster(AclOperation.Alter))
        {
            response.ErrorCode = (short)KafkaError.ClusterAuthorizationFailed;
            response.ErrorMessage = "not allowed to alter the cluster";
            return response;
        }

        var moves = new List<MoveRequest>();
        var answers = new List<AlterPartitionReassignmentsResponse.ReassignablePartitionResponse>();
        foreach (AlterPartitionReassignmentsRequest.ReassignableTopic topic in request.Topics)
        {
            var answered = new AlterPartitionReassignmentsResponse.ReassignableTopicResponse { Name = topic.Name, Partitions = [] };
            response.Responses.Add(answered);
            foreach (AlterPartitionReassignmentsRequest.ReassignablePartition wanted in topic.Partitions)
            {
                var answer = new AlterPartitionReassignmentsResponse.ReassignablePartitionResponse { PartitionIndex = wanted.PartitionIndex };
                answered.Partitions.Add(answer);
                if (Refuse(topic.Name, wanted) is { } refused)
                {
                    Say(answer, refused.Error, refused.Message);
                    continue;
                }

                moves.Add(new MoveRequest(topic.Name, wanted.PartitionIndex, FirstAlive(wanted.Replicas)));
                answers.Add(answer);
            }
        }

        if (moves.Count > 0)
        {
            IReadOnlyList<MoveOutcome> outcomes =
                await services.Mover.RequestAsync(context.Client.Principal, moves, CancellationToken.None);
            for (int at = 0; at < moves.Count; at++)
            {
                (KafkaError error, string? message) = AnswerTo(outcomes[at]);
                Say(answers[at], error, message);
            }
        }

        return response;
    }

    private (KafkaError Error, string Message)? Refuse(string topic, AlterPartitionReassignmentsRequest.ReassignablePartition wanted)
    {
        if (services.Topics.Find(topic, wanted.PartitionIndex) is null)
        {
            return (KafkaError.UnknownTopicOrPartition, "there is no such partition");
        }

        if (wanted.Replicas is not { } replicas)
        {
            return null;
        }

        return replicas.Count == 0 ? (KafkaError.InvalidReplicaAssignment, "the list of brokers is empty")
            : replicas.Distinct().Count() < replicas.Count ? (KafkaError.InvalidReplicaAssignment, "a broker is listed twice")
            : FirstAlive(replicas) is null ? (KafkaError.InvalidReplicaAssignment, "none of the brokers listed is alive in this cluster")
            : null;
    }

    private int? FirstAlive(List<int>? replicas)
    {
        HashSet<int> alive = [.. services.Cluster.Nodes.Select(static node => node.NodeId)];
        return replicas?.Select(static id => (int?)id).FirstOrDefault(id => alive.Contains(id!.Value));
    }

    private static (KafkaError Error, string? Message) AnswerTo(MoveOutcome outcome) => outcome switch
    {
        MoveOutcome.Accepted => (KafkaError.None, null),
        MoveOutcome.UnknownPartition => (KafkaError.UnknownTopicOrPartition, "there is no such partition"),
        MoveOutcome.UnknownBroker => (KafkaError.InvalidReplicaAssignment, "that broker is not alive, or about to leave"),
        MoveOutcome.NoMove => (KafkaError.NoReassignmentInProgress, "the partition is not being moved"),
        MoveOutcome.Unavailable => (KafkaError.RequestTimedOut, "the metadata database does not answer: try again"),
        MoveOutcome.NoCluster => (KafkaError.InvalidReplicaAssignment, "this broker has no cluster to move anything in"),
        _ => throw new InvalidOperationException($"the outcome {outcome} of a move is unknown"),
    };

    private static void Say(
        AlterPartitionReassignmentsResponse.ReassignablePartitionResponse answer, KafkaError error, string? message)
    {
        answer.ErrorCode = (short)error;
        answer.ErrorMessage = message;
    }
}
