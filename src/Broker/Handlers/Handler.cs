using PipeRoll.Wire;
using PipeRoll.Wire.Framing;

namespace PipeRoll.Broker.Handlers;

/// <summary>One API of the protocol, as a connection calls it.</summary>
internal interface IHandler
{
    ApiKey Key { get; }

    /// <summary>
    /// Reads and handles one request. Called in the order in which requests were read; what must keep that order
    /// happens before the first wait. The response task may end at any time: the connection answers in order.
    /// </summary>
    /// <exception cref="WireFormatException">The bytes are not the request: the connection is closed.</exception>
    ValueTask<IKafkaResponse> InvokeAsync(ref WireReader reader, RequestContext context);
}

/// <summary>Base of all handlers: one file per API key, named <c>NN_Name.cs</c>.</summary>
internal abstract class Handler<TRequest, TResponse> : IHandler
    where TRequest : class, IKafkaRequest, IKafkaMessage<TRequest>
    where TResponse : class, IKafkaResponse
{
    public ApiKey Key => (ApiKey)TRequest.Info.ApiKey;

    public ValueTask<IKafkaResponse> InvokeAsync(ref WireReader reader, RequestContext context)
    {
        TRequest request = TRequest.Read(ref reader, context.Version);
        // Bytes after the message are left alone, as Kafka does: librdkafka 2.x sends three too many when it asks for all topics
        // in Metadata version 9 and later (the rest of a four-byte count whose first byte already said null).
        ValueTask<TResponse> pending = HandleAsync(request, context);
        return pending.IsCompletedSuccessfully ? new ValueTask<IKafkaResponse>(pending.Result) : AwaitAsync(pending);
    }

    public abstract ValueTask<TResponse> HandleAsync(TRequest request, RequestContext context);

    private static async ValueTask<IKafkaResponse> AwaitAsync(ValueTask<TResponse> pending) => await pending;
}
