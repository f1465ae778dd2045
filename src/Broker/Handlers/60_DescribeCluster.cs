using PipeRoll.Broker.Cluster;
using PipeRoll.Broker.Security;
using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Handlers;

/// <summary>
/// DescribeCluster (60, KIP-700): who is in the cluster, for admin clients.
/// </summary>
/// <remarks>
/// Version 2 on (KIP-1073): those that were declared dead and are not forgotten too, when asked for.
/// Version 1 on (KIP-919): only brokers have an endpoint here; asking for controllers is refused as a broker of Kafka does.
/// </remarks>
internal sealed class DescribeClusterHandler(BrokerServices services) : Handler<DescribeClusterRequest, DescribeClusterResponse>
{
    private const sbyte Brokers = 1;

    public override ValueTask<DescribeClusterResponse> HandleAsync(DescribeClusterRequest request, RequestContext context)
    {
        if (context.Version >= 1 && request.EndpointType != Brokers)
        {
            return ValueTask.FromResult(new DescribeClusterResponse
            {
                ErrorCode = (short)KafkaError.MismatchedEndpointType,
                ErrorMessage = "This is a broker endpoint: ask for brokers.",
                EndpointType = Brokers,
                ClusterId = "",
                Brokers = [],
            });
        }

        return ValueTask.FromResult(new DescribeClusterResponse
        {
            EndpointType = Brokers,
            ClusterId = services.ClusterId,
            ControllerId = services.Cluster.ControllerId,
            Brokers =
            [
                .. services.Cluster.Nodes.Select(static node => Describe(node, isFenced: false)),
                .. request.IncludeFencedBrokers ? services.Cluster.Fenced.Select(static node => Describe(node, isFenced: true)) : [],
            ],
            ClusterAuthorizedOperations =
                request.IncludeClusterAuthorizedOperations ? Operations(context) : int.MinValue,
        });
    }

    private static DescribeClusterResponse.DescribeClusterBroker Describe(ClusterNode node, bool isFenced) => new()
    {
        BrokerId = node.NodeId,
        Host = node.Host,
        Port = node.Port,
        Rack = node.Rack,
        IsFenced = isFenced,
    };

    /// <summary>What the client may do to the cluster; none for whoever may not even describe it.</summary>
    internal static int Operations(RequestContext context) =>
        context.MaySee(AclOperation.Describe, ResourceType.Cluster, AclNames.Cluster)
            ? context.AuthorizedOperations(ResourceType.Cluster, AclNames.Cluster)
            : 0;
}
