using PipeRoll.Broker.Configs;
using PipeRoll.Broker.Handlers;
using PipeRoll.Broker.Partitions;
using PipeRoll.Wire;
using PipeRoll.Wire.Messages;
using PipeRoll.Wire.Records;

namespace PipeRoll.Broker.Telemetry;

/// <summary>What clients were told of subscriptions, and when they last came: the rules of KIP-714.</summary>
/// <remarks>
/// Owner: the two handlers. Any thread; one lock. Bounded: of more clients than that, whoever came first is forgotten, and is then as good
/// as new. Nothing of a push is kept.
/// </remarks>
internal sealed class ClientTelemetry(BrokerServices services, DecompressorPool decompressors)
{
    private const int InstancesMax = 10_000;

    private readonly Lock _gate = new();
    private readonly Dictionary<Guid, Instance> _instances = [];
    private readonly Queue<Guid> _order = new();

    /// <summary>In the order in which clients are to prefer them.</summary>
    public static IReadOnlyList<CompressionCodec> Codecs { get; } =
        [CompressionCodec.Zstd, CompressionCodec.Lz4, CompressionCodec.Gzip, CompressionCodec.Snappy, CompressionCodec.None];

    /// <returns>THROTTLING_QUOTA_EXCEEDED when the client asks again before its time.</returns>
    public (KafkaError Error, TelemetrySubscription Subscription) Subscribe(Guid id, string clientId, ClientIdentity client)
    {
        lock (_gate)
        {
            long nowMs = services.Partitions.NowMs;
            bool isKnown = _instances.TryGetValue(id, out Instance? known);
            Instance instance = known ?? Add(id);
            TelemetrySubscription subscription = TelemetrySubscription.For(Describe(id, clientId, client), services.Configs.Of(ConfigKinds.ClientMetrics));
            bool mayAsk = !isKnown || instance.MustAsk || subscription.Id != instance.Subscription?.Id
                || nowMs - Math.Max(instance.AskedMs, instance.PushedMs) >= subscription.IntervalMs;
            if (!mayAsk)
            {
                return (KafkaError.ThrottlingQuotaExceeded, subscription);
            }

            instance.Subscription = subscription;
            instance.ClientId = clientId;
            instance.AskedMs = nowMs;
            instance.MustAsk = false;
            return (KafkaError.None, subscription);
        }
    }

    public KafkaError Push(PushTelemetryRequest request, ClientIdentity client)
    {
        KafkaError refused = Check(request, client);
        if (refused != KafkaError.None || request.Metrics.IsEmpty)
        {
            return refused;
        }

        if (request.Metrics.Length > services.Options.TelemetryBytesMax)
        {
            return KafkaError.TelemetryTooLarge;
        }

        RecordDecompressor decompressor = decompressors.Take();
        DecompressionOutcome outcome = decompressor.Decompress(
            (CompressionCodec)request.CompressionType, request.Metrics, services.Options.TelemetryBytesMax, out PooledBytes? metrics);
        decompressors.Return(decompressor);
        using (metrics)
        {
            if (outcome != DecompressionOutcome.Done)
            {
                return outcome == DecompressionOutcome.TooLarge ? KafkaError.TelemetryTooLarge : KafkaError.InvalidRecord;
            }

            if (MetricsData.CountPoints(metrics!.Span) is not { } points)
            {
                return KafkaError.InvalidRecord;
            }

            services.Metrics.TelemetryPushed(client.SoftwareName, metrics.Length, points);
            return KafkaError.None;
        }
    }

    private KafkaError Check(PushTelemetryRequest request, ClientIdentity client)
    {
        if (request.ClientInstanceId == Guid.Empty)
        {
            return KafkaError.InvalidRequest;
        }

        lock (_gate)
        {
            long nowMs = services.Partitions.NowMs;
            // One that another broker told of its subscriptions is asked to come for those of this one.
            Instance instance = _instances.GetValueOrDefault(request.ClientInstanceId) ?? Add(request.ClientInstanceId);
            if (instance.HasEnded)
            {
                return KafkaError.InvalidRequest;
            }

            TelemetrySubscription subscription = TelemetrySubscription.For(
                Describe(request.ClientInstanceId, instance.ClientId, client), services.Configs.Of(ConfigKinds.ClientMetrics));
            if (instance.Subscription is null || request.SubscriptionId != subscription.Id)
            {
                instance.MustAsk = true;
                return KafkaError.UnknownSubscriptionId;
            }

            if (!Codecs.Contains((CompressionCodec)request.CompressionType))
            {
                instance.MustAsk = true;
                return KafkaError.UnsupportedCompressionType;
            }

            bool isInTime = request.Terminating || instance.PushedMs <= instance.AskedMs || nowMs - instance.PushedMs >= subscription.IntervalMs;
            if (!isInTime)
            {
                return KafkaError.ThrottlingQuotaExceeded;
            }

            instance.HasEnded = request.Terminating;
            // Later than the asking, also within the same millisecond: the first push after it was this one.
            instance.PushedMs = Math.Max(nowMs, instance.AskedMs + 1);
            return KafkaError.None;
        }
    }

    private Instance Add(Guid id)
    {
        while (_instances.Count >= InstancesMax && _order.TryDequeue(out Guid oldest))
        {
            _instances.Remove(oldest);
        }

        var instance = new Instance();
        _instances.Add(id, instance);
        _order.Enqueue(id);
        return instance;
    }

    private static TelemetryClient Describe(Guid id, string clientId, ClientIdentity client)
    {
        int dash = client.ConnectionId.LastIndexOf('-');
        int colon = client.ConnectionId.LastIndexOf(':');
        string port = colon >= 0 && dash > colon ? client.ConnectionId[(colon + 1)..dash] : "";
        return new TelemetryClient(id, clientId, client.SoftwareName, client.SoftwareVersion, client.RemoteAddress, port);
    }

    private sealed class Instance
    {
        public TelemetrySubscription? Subscription { get; set; }

        public string ClientId { get; set; } = "";

        public long AskedMs { get; set; }

        public long PushedMs { get; set; }

        public bool MustAsk { get; set; }

        public bool HasEnded { get; set; }
    }
}
