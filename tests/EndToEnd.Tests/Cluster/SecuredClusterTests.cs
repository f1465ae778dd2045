using System.Net;
using System.Text.Json;
using Confluent.Kafka;
using Confluent.Kafka.Admin;
using PipeRoll.EndToEnd.Tests.Cluster.Support;
using PipeRoll.EndToEnd.Tests.Support;

namespace PipeRoll.EndToEnd.Tests.Cluster;

/// <summary>Users, rights and TLS where there are several brokers: what one of them knows all of them know, and what each refuses is seen.</summary>
public sealed class SecuredClusterTests(SecuredCluster secured, ITestOutputHelper output) : IClassFixture<SecuredCluster>
{
    private const int Partitions = 6;

    [Fact]
    public async Task AUserWhoIsMadeAtOneBrokerIsKnownToAllAndCutOffByAll()
    {
        await secured.CreateTopicAsync("everywhere", Partitions);
        await secured.MakeUserAsync(1, "tess", "pw", SecuredCluster.Topic("everywhere", AclOperation.Write));
        foreach (ServerProcess broker in secured.Brokers)
        {
            await Eventually.TrueAsync(async () => await SendAsync(secured.Client("tess", "pw", broker.Bootstrap), "everywhere", 0) is null, "she is let in");
        }

        using IProducer<Null, string> connected = Producer(secured.Client("tess", "pw"));
        for (int partition = 0; partition < Partitions; partition++)
        {
            Assert.Null(await SendAsync(connected, "everywhere", partition));
        }

        await secured.RemoveUserAsync(2, "tess");

        // Also on the connections that were there before.
        Assert.All(await Task.WhenAll(Enumerable.Range(0, Partitions).Select(partition => SendAsync(connected, "everywhere", partition))), static code => Assert.NotNull(code));
        Assert.All(
            await Task.WhenAll(secured.Brokers.Select(broker => SendAsync(secured.Client("tess", "pw", broker.Bootstrap), "everywhere", 0))), static code => Assert.NotNull(code));
    }

    [Fact]
    public async Task EachBrokerRefusesWhatIsNotAllowedAndSaysSo()
    {
        await secured.CreateTopicAsync("salaries", Partitions);
        await secured.MakeUserAsync(3, "ivan", "pw", SecuredCluster.Topic("salaries", AclOperation.Describe));
        for (int partition = 0; partition < Partitions; partition++)
        {
            // Each with a client of its own: one that was refused does not ask the next broker.
            Assert.Equal(ErrorCode.TopicAuthorizationFailed, await SendAsync(secured.Client("ivan", "pw"), "salaries", partition));
        }

        Assert.All(
            await Task.WhenAll(secured.Brokers.Select(broker => SendAsync(secured.Client("ivan", "guessed", broker.Bootstrap), "salaries", 0))), static code => Assert.NotNull(code));
        foreach (ServerProcess broker in secured.Brokers)
        {
            Assert.Equal(HttpStatusCode.Unauthorized, await secured.GetAsync(broker, "ivan", "guessed"));
            Assert.Equal(HttpStatusCode.Forbidden, await secured.GetAsync(broker, "ivan", "pw"));
        }

        Assert.Equal(0, secured.Records("salaries", Partitions));
        (string Class, string Api)[] expected = [("API Activity", "Produce"), ("API Activity", "GET"), ("Authentication", "SCRAM-SHA-512")];
        HashSet<(string Node, string Class, string Api)> seen = [];
        await Eventually.TrueAsync(
            () =>
            {
                seen = [.. secured.AuditEvents().Where(static each => Actor(each) == "User:ivan").Select(static each => (
                    each.GetProperty("metadata").GetProperty("product").GetProperty("uid").GetString()!,
                    each.GetProperty("class_name").GetString()!,
                    each.GetProperty("api").GetProperty("operation").GetString()!.Split(' ')[0]))];
                return secured.Nodes.All(node => expected.All(each => seen.Contains((node, each.Class, each.Api))));
            },
            $"each broker tells of {string.Join(", ", expected)}");
    }

    [Fact]
    public async Task TransactionsOfAUserAreWholeThoughTheirCoordinatorIsKilled()
    {
        await secured.CreateTopicAsync("ledger", Partitions);
        await secured.MakeUserAsync(
            2, "lena", "pw",
            SecuredCluster.Topic("ledger", AclOperation.Write), SecuredCluster.Topic("ledger", AclOperation.Read),
            SecuredCluster.Prefixed(ResourceType.Group, "ledger-", AclOperation.Read),
            SecuredCluster.Prefixed(SecuredCluster.TransactionalId, "writer-", AclOperation.Write));
        var ledger = new Ledger(secured.Client("lena", "pw"), "ledger", Partitions, writers: 2);
        ledger.Start();
        await Task.Delay(TimeSpan.FromSeconds(3));
        int victim = await secured.KillTransactionCoordinatorAsync(Ledger.IdOf(0));
        output.WriteLine($"coordinator (broker {victim}) killed");
        await Task.Delay(TimeSpan.FromSeconds(2));
        await secured.RestartAsync();
        await ledger.VerifyAsync("ledger-auditor", output);
    }

    [Fact]
    public async Task ConsumersOfARackReadFromItsBrokerWithTheirOwnRightsAndGoOnWithoutIt()
    {
        const int count = 2_000;
        await secured.CreateTopicAsync("nearby", Partitions);
        AclBinding group = SecuredCluster.Prefixed(ResourceType.Group, "nearby-", AclOperation.Read);
        await secured.MakeUserAsync(
            1, "nina", "pw", SecuredCluster.Topic("nearby", AclOperation.Write), SecuredCluster.Topic("nearby", AclOperation.Read), group);
        await secured.MakeUserAsync(1, "otto", "pw", SecuredCluster.Topic("nearby", AclOperation.Describe), group);
        using IConsumer<Null, string> first = InRack("rack-2", "nina");
        using IConsumer<Null, string> second = InRack("rack-2", "nina");
        using IConsumer<Null, string> stranger = InRack("rack-2", "otto");
        using IProducer<Null, string> producer = Producer(secured.Client("nina", "pw"));
        await Eventually.TrueAsync(async () => await SendAsync(producer, "nearby", 0) is null, "she may write");
        SortedSet<string>[] seen = [[], []];
        for (int number = 0; number < count; number++)
        {
            producer.Produce("nearby", new Message<Null, string> { Value = $"{number}" });
            if (number == count / 2)
            {
                producer.Flush(TimeSpan.FromSeconds(20));
                string[] half = [.. Enumerable.Range(0, number).Select(static each => $"{each}")];
                ReadUntil(first, seen[0], half);
                ReadUntil(second, seen[1], half);
                Assert.True(await secured.MetricAsync(2, "piperoll_broker_nearby_served_bytes") > 0, "broker 2 serves what the others lead");
                Assert.Equal(0, await secured.MetricAsync(1, "piperoll_broker_nearby_served_bytes"));
                Assert.Equal(
                    ErrorCode.TopicAuthorizationFailed,
                    Assert.Throws<ConsumeException>(() => stranger.Consume(TimeSpan.FromSeconds(20))).Error.Code);
                await secured.KillAsync(2);
            }
        }

        producer.Flush(TimeSpan.FromSeconds(60));
        string[] all = ["x", .. Enumerable.Range(0, count).Select(static number => $"{number}")];
        ReadUntil(first, seen[0], all);
        ReadUntil(second, seen[1], all);
        await secured.RestartAsync();
    }

    private IConsumer<Null, string> InRack(string rack, string user)
    {
        IConsumer<Null, string> consumer = new ConsumerBuilder<Null, string>(new ConsumerConfig(secured.Client(user, "pw"))
        {
            ClientRack = rack,
            GroupId = "nearby-readers",
            EnableAutoCommit = false,
        }).SetLogHandler(static (_, _) => { }).Build();
        consumer.Assign(Enumerable.Range(0, Partitions).Select(static partition => new TopicPartitionOffset("nearby", partition, Offset.Beginning)));
        return consumer;
    }

    /// <summary>Until all of these were seen.</summary>
    private static void ReadUntil(IConsumer<Null, string> consumer, SortedSet<string> seen, params string[] wanted)
    {
        while (!seen.IsSupersetOf(wanted))
        {
            ConsumeResult<Null, string> result = consumer.Consume(TimeSpan.FromSeconds(40))
                ?? throw new TimeoutException($"{wanted.Count(each => !seen.Contains(each))} of {wanted.Length} never came");
            seen.Add(result.Message.Value);
        }
    }

    private static string? Actor(JsonElement audited) => audited.GetProperty("actor").GetProperty("user").GetProperty("name").GetString();

    private static IProducer<Null, string> Producer(ClientConfig client) =>
        new ProducerBuilder<Null, string>(new ProducerConfig(client) { MessageTimeoutMs = 6_000, LingerMs = 0 }).SetLogHandler(static (_, _) => { }).Build();

    private static async Task<ErrorCode?> SendAsync(ClientConfig client, string topic, int partition)
    {
        using IProducer<Null, string> producer = Producer(client);
        return await SendAsync(producer, topic, partition);
    }

    /// <summary>Null if it was taken.</summary>
    private static async Task<ErrorCode?> SendAsync(IProducer<Null, string> producer, string topic, int partition)
    {
        try
        {
            await producer.ProduceAsync(new TopicPartition(topic, partition), new Message<Null, string> { Value = "x" });
            return null;
        }
        catch (ProduceException<Null, string> refused)
        {
            return refused.Error.Code;
        }
    }
}
