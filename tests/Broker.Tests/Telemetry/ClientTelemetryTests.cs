using System.Diagnostics.Metrics;
using Confluent.Kafka;
using PipeRoll.Broker.Configs;
using PipeRoll.Broker.Telemetry;
using PipeRoll.Broker.Tests.Support;
using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Tests.Telemetry;

public sealed class ClientTelemetryTests
{
    /// <summary>One resource, one scope, a sum with two points and a gauge with one.</summary>
    private static readonly byte[] Metrics = Message(1, Message(2,
        [.. Message(2, [.. Message(1, "m"u8.ToArray()), .. Message(7, [.. Message(1, []), .. Message(1, [9, 1, 2, 3, 4, 5, 6, 7, 8])])]),
            .. Message(2, Message(5, Message(1, [])))]));

    [Fact]
    public void Points_are_counted_wherever_they_stand_and_nonsense_is_none()
    {
        Assert.Equal(3, MetricsData.CountPoints(Metrics));
        Assert.Equal(0, MetricsData.CountPoints([]));
        Assert.Null(MetricsData.CountPoints([10, 200, 1]));
        Assert.Null(MetricsData.CountPoints([255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255]));
        Assert.Null(MetricsData.CountPoints("plain text"u8));
    }

    [Fact]
    public async Task A_client_is_told_what_is_wanted_and_pushes_it()
    {
        await using BrokerHost host = await BrokerHost.StartAsync();
        using RawClient client = await RawClient.ConnectAsync(host);
        Assert.False(await Offers(client));
        GetTelemetrySubscriptionsResponse none = await Ask(client, Guid.Empty);
        Assert.Equal((0, 300_000), (none.RequestedMetrics.Count, none.PushIntervalMs));
        Assert.NotEqual(Guid.Empty, none.ClientInstanceId);

        await SubscribeAsync(host, "all", ("metrics", "*"), ("interval.ms", "1000"), ("match", "client_id=ra."));
        await SubscribeAsync(host, "others", ("metrics", "x"), ("interval.ms", "100"), ("match", "client_id=other"));
        Assert.True(await Offers(client));
        Guid id = none.ClientInstanceId;
        GetTelemetrySubscriptionsResponse wanted = await Ask(client, id);
        Assert.Equal((0, 1000), (wanted.ErrorCode, wanted.PushIntervalMs));
        Assert.Equal([""], wanted.RequestedMetrics);
        Assert.Equal(KafkaError.ThrottlingQuotaExceeded, (KafkaError)(await Ask(client, id)).ErrorCode);

        Assert.Equal(KafkaError.UnknownSubscriptionId, await Push(client, id, wanted.SubscriptionId + 1, Metrics));
        wanted = await Ask(client, id);
        Assert.Equal(KafkaError.UnsupportedCompressionType, await Push(client, id, wanted.SubscriptionId, Metrics, codec: 9));
        wanted = await Ask(client, id);
        Assert.Equal(KafkaError.None, await Push(client, id, wanted.SubscriptionId, Metrics));
        Assert.Equal(KafkaError.ThrottlingQuotaExceeded, await Push(client, id, wanted.SubscriptionId, Metrics));
        Assert.Equal(KafkaError.None, await Push(client, id, wanted.SubscriptionId, Metrics, terminating: true));
        Assert.Equal(KafkaError.InvalidRequest, await Push(client, id, wanted.SubscriptionId, Metrics, terminating: true));
        Assert.Equal(KafkaError.InvalidRequest, await Push(client, Guid.Empty, 0, Metrics));
    }

    [Theory]
    [InlineData(3_000_000, KafkaError.TelemetryTooLarge)]
    [InlineData(30, KafkaError.InvalidRecord)]
    public async Task What_is_too_large_or_no_metrics_is_refused(int bytes, KafkaError error)
    {
        await using BrokerHost host = await BrokerHost.StartAsync();
        await SubscribeAsync(host, "all", ("metrics", "a"));
        using RawClient client = await RawClient.ConnectAsync(host);
        GetTelemetrySubscriptionsResponse wanted = await Ask(client, Guid.Empty);
        byte[] nonsense = new byte[bytes];
        Array.Fill(nonsense, (byte)255);
        Assert.Equal(error, await Push(client, wanted.ClientInstanceId, wanted.SubscriptionId, nonsense));
    }

    [Fact]
    public async Task Librdkafka_pushes_what_it_is_asked_for()
    {
        await using BrokerHost host = await BrokerHost.StartAsync();
        await SubscribeAsync(host, "all", ("metrics", "*"), ("interval.ms", "200"), ("match", "client_software_name=confluent-kafka-dotnet"));
        await host.CreateTopicAsync("t");
        long points = 0;
        using var listener = new MeterListener();
        listener.InstrumentPublished = (instrument, all) =>
        {
            if (host.Broker.Metrics.Owns(instrument) && instrument.Name == "piperoll.broker.telemetry.points")
            {
                all.EnableMeasurementEvents(instrument);
            }
        };
        listener.SetMeasurementEventCallback<long>((_, value, _, _) => Interlocked.Add(ref points, value));
        listener.Start();
        using IProducer<Null, string> producer = new ProducerBuilder<Null, string>(new ProducerConfig { BootstrapServers = host.Bootstrap })
            .SetLogHandler(static (_, _) => { }).Build();
        await producer.ProduceAsync("t", new Message<Null, string> { Value = "a" });
        await BrokerHost.UntilAsync(() => Interlocked.Read(ref points) > 0);
    }

    private static async Task SubscribeAsync(BrokerHost host, string name, params (string Name, string Value)[] configs) =>
        await host.Services.Configs.SetAsync(
            ConfigKinds.ClientMetrics, name,
            _ => new(KafkaError.None, null, configs.ToDictionary(pair => pair.Name, pair => pair.Value)), "User:test", CancellationToken.None);

    private static async Task<bool> Offers(RawClient client) =>
        (await client.CallAsync<ApiVersionsRequest, ApiVersionsResponse>(new ApiVersionsRequest(), 0))
            .ApiKeys.Any(api => api.ApiKey == PushTelemetryRequest.ApiKey);

    private static Task<GetTelemetrySubscriptionsResponse> Ask(RawClient client, Guid id) =>
        client.CallAsync<GetTelemetrySubscriptionsRequest, GetTelemetrySubscriptionsResponse>(
            new GetTelemetrySubscriptionsRequest { ClientInstanceId = id }, 0);

    private static async Task<KafkaError> Push(
        RawClient client, Guid id, int subscription, byte[] metrics, sbyte codec = 0, bool terminating = false) =>
        (KafkaError)(await client.CallAsync<PushTelemetryRequest, PushTelemetryResponse>(
            new PushTelemetryRequest
            {
                ClientInstanceId = id,
                SubscriptionId = subscription,
                CompressionType = codec,
                Metrics = metrics,
                Terminating = terminating,
            },
            0)).ErrorCode;

    private static byte[] Message(int field, byte[] content) => [(byte)((field << 3) | 2), (byte)content.Length, .. content];
}
