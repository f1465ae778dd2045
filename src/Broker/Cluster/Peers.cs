using System.Collections.Concurrent;
using System.Net.Sockets;
using PipeRoll.Broker.Handlers;
using PipeRoll.Broker.Network;
using PipeRoll.Wire;
using PipeRoll.Wire.Framing;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Cluster;

/// <summary>What connections to other brokers need.</summary>
/// <param name="Connect">Opens a connection to an advertised host and port.</param>
internal sealed record PeerServices(
    IClusterView Cluster, TimeProvider Time, Func<string, int, CancellationToken, ValueTask<IConnection>> Connect, int TimeoutMs)
{
    /// <summary>How this broker says who it is, before it asks anything; null where it does not.</summary>
    public Security.Sasl.PeerLogin? Login { get; init; }
}


/// <summary>Requests to brokers: over one connection to each of the others, by a call of the handler to this one.</summary>
/// <remarks>
/// Owner: the broker. Any thread. A connection is opened when it is first needed, and anew after it has failed or after a request on it was
/// not answered in time.
/// </remarks>
internal sealed class Peers(PeerServices services) : IPeers, IAsyncDisposable
{
    private readonly ConcurrentDictionary<(string Host, int Port), PeerLink> _links = new();
    private readonly ClientIdentity _self = new("broker", "127.0.0.1") { Principal = "User:broker" };
    private HandlerTable? _handlers;

    /// <summary>Plain TCP, for <see cref="PeerServices.Connect"/>.</summary>
    public static async ValueTask<IConnection> ConnectSocketAsync(string host, int port, CancellationToken cancellation)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        try
        {
            await socket.ConnectAsync(host, port, cancellation);
            return new SocketConnection(socket);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Called once, when the handlers of this broker are complete.</summary>
    public void Attach(HandlerTable handlers) => _handlers = handlers;

    public async ValueTask<TResponse> CallAsync<TRequest, TResponse>(
        int nodeId, TRequest request, short version, CancellationToken cancellation)
        where TRequest : class, IKafkaRequest, IKafkaMessage<TRequest>
        where TResponse : class, IKafkaResponse, IKafkaMessage<TResponse>
    {
        if (nodeId == services.Cluster.NodeId)
        {
            return await CallSelfAsync<TRequest, TResponse>(request, version, cancellation);
        }

        if (services.Cluster.Nodes.FirstOrDefault(node => node.NodeId == nodeId) is not { } peer)
        {
            throw new PeerUnavailableException($"broker {nodeId} is not one of the cluster now");
        }

        PeerLink link = _links.GetOrAdd((peer.Host, peer.Port), address => new PeerLink(address.Host, address.Port, services));
        ApiSupport api = ApiVersionsTable.Get((ApiKey)TRequest.Info.ApiKey);
        byte[] body = await link.CallAsync(api, version, request, cancellation);
        try
        {
            var reader = new WireReader(body);
            ResponseHeader.Read(ref reader, api.ResponseHeaderVersion(version));
            return TResponse.Read(ref reader, version);
        }
        catch (WireFormatException error)
        {
            throw new PeerUnavailableException($"broker {nodeId} gave an answer that can't be read: {error.Message}", error);
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (PeerLink link in _links.Values)
        {
            await link.DisposeAsync();
        }
    }

    private async ValueTask<TResponse> CallSelfAsync<TRequest, TResponse>(TRequest request, short version, CancellationToken cancellation)
        where TRequest : class, IKafkaRequest, IKafkaMessage<TRequest>
        where TResponse : class, IKafkaResponse, IKafkaMessage<TResponse>
    {
        short key = TRequest.Info.ApiKey;
        if (_handlers?.Find(key)?.Handler is not Handler<TRequest, TResponse> handler)
        {
            throw new PeerUnavailableException($"this broker does not serve {(ApiKey)key} yet");
        }

        var context = new RequestContext { Api = (ApiKey)key, Version = version, Client = _self, Cancellation = cancellation };
        context.TakeTurn();
        return await handler.HandleAsync(request, context);
    }
}
