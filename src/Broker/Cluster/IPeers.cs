using PipeRoll.Wire;

namespace PipeRoll.Broker.Cluster;

/// <summary>Sends requests to brokers, this one among them: for what only the leader or the coordinator of something may do.</summary>
/// <remarks>Any thread. Requests are those of the Kafka protocol; the other broker treats this one as a client.</remarks>
internal interface IPeers
{
    /// <exception cref="PeerUnavailableException">The broker is not known, can't be reached, or did not answer in time. It may have acted.</exception>
    ValueTask<TResponse> CallAsync<TRequest, TResponse>(int nodeId, TRequest request, short version, CancellationToken cancellation)
        where TRequest : class, IKafkaRequest, IKafkaMessage<TRequest>
        where TResponse : class, IKafkaResponse, IKafkaMessage<TResponse>;
}

/// <summary>Whether the other broker has acted on the request is not known.</summary>
internal sealed class PeerUnavailableException(string message, Exception? inner = null) : Exception(message, inner);
