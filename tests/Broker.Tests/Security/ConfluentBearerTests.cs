using System.Buffers.Text;
using System.Diagnostics.Metrics;
using System.Security.Cryptography;
using System.Text;
using Confluent.Kafka;
using PipeRoll.Broker.Security;
using PipeRoll.Broker.Tests.Support;
using AclOperation = PipeRoll.Broker.Security.AclOperation;
using ResourceType = PipeRoll.Broker.Security.ResourceType;

namespace PipeRoll.Broker.Tests.Security;

/// <summary>OAUTHBEARER (KIP-255, RFC 7628) with a client that nobody here wrote, and tokens that are signed by a key of the key set or by another.</summary>
public sealed class ConfluentBearerTests : IDisposable
{
    private const string Topic = "orders";
    private readonly string _keys;
    private readonly ECDsa _known = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private readonly ECDsa _other = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private int _tokens;

    public ConfluentBearerTests()
    {
        ECPoint point = _known.ExportParameters(false).Q;
        _keys = $$"""
            {"keys":[{"kty":"EC","kid":"k","crv":"P-256","x":"{{Base64Url.EncodeToString(point.X)}}","y":"{{Base64Url.EncodeToString(point.Y)}}"}]}
            """;
    }

    public void Dispose()
    {
        _known.Dispose();
        _other.Dispose();
    }

    [Fact]
    public async Task WhoeverHasASignedTokenProducesAndLogsInAgainWhenItEnds()
    {
        await using BrokerHost host = await StartAsync();
        int logins = 0;
        using MeterListener listener = Watch(host, () => Interlocked.Increment(ref logins));
        using IProducer<Null, string> producer = Client(host, _known, lifeMs: 4_000);
        List<long> offsets = [];
        await BrokerHost.UntilAsync(async () =>
        {
            DeliveryResult<Null, string> sent = await producer.ProduceAsync(Topic, new Message<Null, string> { Value = "paid" });
            offsets.Add(sent.Offset.Value);
            await Task.Delay(50);

            // One for each of two connections, and at least two when a token was about to end.
            return Volatile.Read(ref logins) >= 4 && Volatile.Read(ref _tokens) >= 2;
        });
        Assert.Equal(Enumerable.Range(0, offsets.Count).Select(static number => (long)number), offsets);
        DeliveryResult<Null, string> denied = await Record(() => producer.ProduceAsync("salaries", new Message<Null, string> { Value = "x" }));
        Assert.Equal(PersistenceStatus.NotPersisted, denied.Status);
        Assert.Contains(host.Logs.Lines, static line => line.Contains("Denied: User:alice", StringComparison.Ordinal));
        Assert.Empty(host.Logs.Errors);
    }

    [Fact]
    public async Task ATokenThatSomebodyElseSignedLetsNobodyIn()
    {
        await using BrokerHost host = await StartAsync();
        TaskCompletionSource<Error> refused = new(TaskCreationOptions.RunContinuationsAsynchronously);
        using IProducer<Null, string> producer = Client(host, _other, 60_000, error => refused.TrySetResult(error));
        Error error = await refused.Task.WaitAsync(TimeSpan.FromSeconds(30));
        Assert.Contains(error.Code, new[] { ErrorCode.Local_Authentication, ErrorCode.Local_AllBrokersDown });
        await BrokerHost.UntilAsync(() => host.Logs.Lines.Any(static line => line.Contains("AuthenticationFailed: User:alice", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task WhatAUserWroteHeReadsWithATokenToo()
    {
        await using BrokerHost host = await StartAsync();
        await host.AllowAsync("alice", AclOperation.Read, ResourceType.Topic, Topic);
        await host.AllowAsync("alice", AclOperation.Read, ResourceType.Group, "readers");
        using (IProducer<Null, string> producer = Client(host, _known, 60_000))
        {
            await producer.ProduceAsync(Topic, new Message<Null, string> { Value = "paid" });
        }

        using IConsumer<Ignore, string> consumer = new ConsumerBuilder<Ignore, string>(new ConsumerConfig(Config(host)) { GroupId = "readers" })
            .SetOAuthBearerTokenRefreshHandler((client, _) => Refresh(client, _known, 60_000))
            .Build();
        consumer.Assign(new TopicPartitionOffset(Topic, 0, Offset.Beginning));
        Assert.Equal("paid", consumer.Consume(TimeSpan.FromSeconds(30)).Message.Value);
    }

    /// <summary>Counts the logins that the broker was asked for.</summary>
    private static MeterListener Watch(BrokerHost host, Action login)
    {
        var listener = new MeterListener
        {
            InstrumentPublished = (instrument, self) =>
            {
                if (host.Broker.Metrics.Owns(instrument) && instrument.Name == "piperoll.broker.requests")
                {
                    self.EnableMeasurementEvents(instrument);
                }
            },
        };
        listener.SetMeasurementEventCallback<long>((_, count, tags, _) =>
        {
            foreach (KeyValuePair<string, object?> tag in tags)
            {
                if (tag is { Key: "api", Value: "SaslAuthenticate" })
                {
                    login();
                }
            }
        });
        listener.Start();
        return listener;
    }

    private static async Task<DeliveryResult<Null, string>> Record(Func<Task<DeliveryResult<Null, string>>> produce)
    {
        try
        {
            return await produce();
        }
        catch (ProduceException<Null, string> failure)
        {
            return failure.DeliveryResult;
        }
    }

    private async Task<BrokerHost> StartAsync()
    {
        BrokerHost host = await BrokerHost.StartAsync(
            SecuredHost.Options, security: new SecurityDependencies(new MemorySecurityCatalog(), _ => Task.FromResult(_keys)));
        await host.CreateTopicAsync(Topic);
        await host.CreateTopicAsync("salaries");
        await host.AllowAsync("alice", AclOperation.Write, ResourceType.Topic, Topic);
        return host;
    }

    private static ClientConfig Config(BrokerHost host) => new()
    {
        BootstrapServers = host.Bootstrap,
        SecurityProtocol = SecurityProtocol.SaslPlaintext,
        SaslMechanism = SaslMechanism.OAuthBearer,
    };

    private IProducer<Null, string> Client(BrokerHost host, ECDsa key, long lifeMs, Action<Error>? onError = null) =>
        new ProducerBuilder<Null, string>(new ProducerConfig(Config(host)) { LingerMs = 0 })
            .SetErrorHandler((_, error) => onError?.Invoke(error))
            .SetOAuthBearerTokenRefreshHandler((client, _) => Refresh(client, key, lifeMs))
            .Build();

    private void Refresh(IClient client, ECDsa key, long lifeMs)
    {
        long ends = TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds() + lifeMs;
        Interlocked.Increment(ref _tokens);
        client.OAuthBearerSetToken(Token(key, ends / 1000), ends, "alice");
    }

    private static string Token(ECDsa key, long endsAt)
    {
        string signed = $"{Base64Url.EncodeToString("""{"alg":"ES256","kid":"k"}"""u8)}"
            + $".{Base64Url.EncodeToString(Encoding.UTF8.GetBytes($$"""{"sub":"alice","exp":{{endsAt}}}"""))}";
        return $"{signed}.{Base64Url.EncodeToString(key.SignData(Encoding.ASCII.GetBytes(signed), HashAlgorithmName.SHA256))}";
    }
}
