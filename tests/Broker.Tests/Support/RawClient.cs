using System.Buffers.Binary;
using System.Net.Sockets;
using PipeRoll.Wire;
using PipeRoll.Wire.Framing;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Tests.Support;

/// <summary>A client that speaks frames, also wrong ones.</summary>
internal sealed class RawClient : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(15);

    private readonly TcpClient _tcp = new() { NoDelay = true };
    private NetworkStream? _stream;
    private int _lastCorrelation;

    public Socket Socket => _tcp.Client;

    public static Task<RawClient> ConnectAsync(BrokerHost host) => ConnectAsync(host.Broker.Port);

    public static async Task<RawClient> ConnectAsync(int port)
    {
        var client = new RawClient();
        await client._tcp.ConnectAsync("127.0.0.1", port);
        client._stream = client._tcp.GetStream();
        return client;
    }

    public ValueTask SendBytesAsync(params byte[] bytes) => _stream!.WriteAsync(bytes);

    /// <returns>The correlation id.</returns>
    public async Task<int> SendAsync<TRequest>(TRequest request, short version)
        where TRequest : class, IKafkaRequest, IKafkaMessage<TRequest>
    {
        int correlation = ++_lastCorrelation;
        ApiSupport api = ApiVersionsTable.Get((ApiKey)TRequest.Info.ApiKey);
        using var frame = ResponseFrame.ForRequest(api, version, correlation, "raw", request);
        await _stream!.WriteAsync(frame.ToArray());
        return correlation;
    }

    public async Task<(int Correlation, TResponse Response)> ReceiveAsync<TResponse>(short version)
        where TResponse : class, IKafkaResponse, IKafkaMessage<TResponse>
    {
        using var patience = new CancellationTokenSource(Patience);
        byte[] prefix = new byte[4];
        await _stream!.ReadExactlyAsync(prefix, patience.Token);
        byte[] body = new byte[BinaryPrimitives.ReadInt32BigEndian(prefix)];
        await _stream.ReadExactlyAsync(body, patience.Token);
        return Parse<TResponse>(body, version);
    }

    public async Task<TResponse> CallAsync<TRequest, TResponse>(TRequest request, short version)
        where TRequest : class, IKafkaRequest, IKafkaMessage<TRequest>
        where TResponse : class, IKafkaResponse, IKafkaMessage<TResponse>
    {
        int sent = await SendAsync(request, version);
        (int correlation, TResponse response) = await ReceiveAsync<TResponse>(version);
        Assert.Equal(sent, correlation);
        return response;
    }

    public async Task<byte[]> ReceiveBytesAsync(int count)
    {
        using var patience = new CancellationTokenSource(Patience);
        byte[] bytes = new byte[count];
        await _stream!.ReadExactlyAsync(bytes, patience.Token);
        return bytes;
    }

    /// <summary>True when the broker has closed the connection; false when it has sent something instead.</summary>
    public async Task<bool> IsClosedAsync()
    {
        using var patience = new CancellationTokenSource(Patience);
        try
        {
            return await _stream!.ReadAsync(new byte[1], patience.Token) == 0;
        }
        catch (IOException)
        {
            return true;
        }
    }

    public void Dispose() => _tcp.Dispose();

    private static (int Correlation, TResponse Response) Parse<TResponse>(byte[] body, short version)
        where TResponse : class, IKafkaResponse, IKafkaMessage<TResponse>
    {
        var reader = new WireReader(body);
        ApiSupport api = ApiVersionsTable.Get((ApiKey)TResponse.Info.ApiKey);
        ResponseHeader header = ResponseHeader.Read(ref reader, api.ResponseHeaderVersion(version));
        TResponse response = TResponse.Read(ref reader, version);
        reader.RequireEnd();
        return (header.CorrelationId, response);
    }
}

/// <summary>Requests as tests need them.</summary>
internal static class Requests
{
    public static ProduceRequest Produce(string topic, int partition, byte[] records, short acks = -1) => new()
    {
        Acks = acks,
        TimeoutMs = 10_000,
        TopicData = [new() { Name = topic, PartitionData = [new() { Index = partition, Records = records }] }],
    };

    public static ProduceResponse.PartitionProduceResponse Only(this ProduceResponse response) =>
        Assert.Single(Assert.Single(response.Responses).PartitionResponses);

    public static FetchRequest Fetch(
        string topic, long offset, int partition = 0, int waitMs = 0, int minBytes = 1, int maxBytes = 1 << 20,
        int partitionMax = 1 << 20) => new()
        {
            ReplicaId = -1,
            MaxWaitMs = waitMs,
            MinBytes = minBytes,
            MaxBytes = maxBytes,
            SessionEpoch = -1,
            RackId = "",
            ForgottenTopicsData = [],
            Topics =
            [
                new()
                {
                    Topic = topic,
                    Partitions = [new() { Partition = partition, FetchOffset = offset, PartitionMaxBytes = partitionMax }],
                },
            ],
        };

    public static FetchResponse.PartitionData Only(this FetchResponse response) =>
        Assert.Single(Assert.Single(response.Responses).Partitions);

    public static async Task<ProduceResponse.PartitionProduceResponse> ProduceAsync(
        this RawClient client, string topic, byte[] records, int partition = 0) =>
        (await client.CallAsync<ProduceRequest, ProduceResponse>(Produce(topic, partition, records), 9)).Only();

    public static Task<FetchResponse> FetchAsync(this RawClient client, FetchRequest request, short version = 12) =>
        client.CallAsync<FetchRequest, FetchResponse>(request, version);
}
