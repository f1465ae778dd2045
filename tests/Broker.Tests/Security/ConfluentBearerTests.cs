using System.Buffers.Text;
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
        using IProducer<Null, string> producer = Client(host, _known, lifeMs: 3_000);
        List<long> offsets = [];
        await BrokerHost.UntilAsync(async () =>
        {
            DeliveryResult<Null, string> sent = await producer.ProduceAsync(Topic, new Message<Null, string> { Value = "paid" });
            offsets.Add(sent.Offset.Value);
            await Task.Delay(50);

            // Three tokens: the connection has outlived two of them.
            return Volatile.Read(ref _tokens) >= 3;
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

    private IProducer<Null, string> Client(BrokerHost host, ECDsa key, long lifeMs, Action<Error>? onError = null) =>
        new ProducerBuilder<Null, string>(new ProducerConfig
        {
            BootstrapServers = host.Bootstrap,
            SecurityProtocol = SecurityProtocol.SaslPlaintext,
            SaslMechanism = SaslMechanism.OAuthBearer,
            LingerMs = 0,
        })
            .SetErrorHandler((_, error) => onError?.Invoke(error))
            .SetOAuthBearerTokenRefreshHandler((client, _) =>
            {
                long ends = TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds() + lifeMs;
                Interlocked.Increment(ref _tokens);
                client.OAuthBearerSetToken(Token(key, ends / 1000), ends, "alice");
            })
            .Build();

    private static string Token(ECDsa key, long endsAt)
    {
        string signed = $"{Base64Url.EncodeToString("""{"alg":"ES256","kid":"k"}"""u8)}"
            + $".{Base64Url.EncodeToString(Encoding.UTF8.GetBytes($$"""{"sub":"alice","exp":{{endsAt}}}"""))}";
        return $"{signed}.{Base64Url.EncodeToString(key.SignData(Encoding.ASCII.GetBytes(signed), HashAlgorithmName.SHA256))}";
    }
}
