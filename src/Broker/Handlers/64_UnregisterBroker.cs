using PipeRoll.Broker.Security;
using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Handlers;

/// <summary>
/// UnregisterBroker (64): forgets a broker that is gone for good. Dead brokers are forgotten here by themselves, once everything they
/// acknowledged is recovered: to ask for it is no error, and changes nothing. One that serves is to be drained instead.
/// </summary>
internal sealed class UnregisterBrokerHandler(BrokerServices services) : Handler<UnregisterBrokerRequest, UnregisterBrokerResponse>
{
    public override ValueTask<UnregisterBrokerResponse> HandleAsync(UnregisterBrokerRequest request, RequestContext context)
    {
        int nodeId = request.BrokerId;
        (KafkaError error, string? message) =
            !context.AllowsOnCluster(AclOperation.Alter)
                ? (KafkaError.ClusterAuthorizationFailed, "not allowed to alter the cluster")
                : services.Cluster.Nodes.Any(node => node.NodeId == nodeId)
                ? (KafkaError.InvalidRequest, $"Broker {nodeId} is serving: drain it, and it leaves by itself.")
                : services.Cluster.Fenced.Any(node => node.NodeId == nodeId) ? (KafkaError.None, (string?)null)
                : (KafkaError.BrokerIdNotRegistered, $"Broker {nodeId} is not registered.");
        return ValueTask.FromResult(new UnregisterBrokerResponse { ErrorCode = (short)error, ErrorMessage = message });
    }
}
