using PipeRoll.Broker.Configs;
using PipeRoll.Broker.Quotas;
using PipeRoll.Broker.Tests.Support;
using PipeRoll.Streams.Metadata;
using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Tests.Quotas;

public sealed class ClientQuotaTests
{
    private const string User = QuotaEntity.User;
    private const string Client = QuotaEntity.ClientId;

    [Fact]
    public void The_closest_quota_counts_and_defaults_are_not_shared()
    {
        (string Type, string? Name)[][] order =
        [
            [(User, "u"), (Client, "c")], [(User, "u"), (Client, null)], [(User, "u")], [(User, null), (Client, "c")],
            [(User, null), (Client, null)], [(User, null)], [(Client, "c")], [(Client, null)],
        ];
        for (int from = 0; from < order.Length; from++)
        {
            var table = new QuotaTable(order.Skip(from).Select((parts, at) => Record(from + at, parts)));
            Assert.Equal(from, table.Find(QuotaKind.Produce, "u", "c")!.Value.Value);
            Assert.Null(table.Find(QuotaKind.Consume, "u", "c"));
        }

        var defaults = new QuotaTable([Record(5, (User, null))]);
        Assert.NotEqual(defaults.Find(QuotaKind.Produce, "a", "c")!.Value.Holder, defaults.Find(QuotaKind.Produce, "b", "c")!.Value.Holder);
        Assert.Equal(defaults.Find(QuotaKind.Produce, "a", "c"), defaults.Find(QuotaKind.Produce, "a", "d"));
    }

    [Fact]
    public async Task Quotas_are_set_described_and_removed_as_a_tool_does()
    {
        await using BrokerHost host = await BrokerHost.StartAsync();
        using RawClient client = await RawClient.ConnectAsync(host);
        Assert.Equal(KafkaError.None, await Alter(client, "producer_byte_rate", 1000, (User, "alice")));
        Assert.Equal(KafkaError.None, await Alter(client, "consumer_byte_rate", 2000.0, (User, "alice")));
        Assert.Equal(KafkaError.None, await Alter(client, "request_percentage", 12.5, (User, null), (Client, "c")));
        Assert.Equal(KafkaError.None, await Alter(client, "connection_creation_rate", 5, ("ip", "127.0.0.9")));
        await host.RestartAsync();
        using RawClient again = await RawClient.ConnectAsync(host);
        Assert.Equal(
            ["client-id=c,user=<default>: request_percentage=12.5", "ip=127.0.0.9: connection_creation_rate=5",
                "user=alice: consumer_byte_rate=2000 producer_byte_rate=1000"],
            (await Describe(again, strict: false)).Order(StringComparer.Ordinal));
        Assert.Equal(2, (await Describe(again, strict: false, (User, 2, null))).Length);
        Assert.Single(await Describe(again, strict: true, (User, 2, null)));
        Assert.Single(await Describe(again, strict: true, (User, 0, "alice")));
        Assert.Single(await Describe(again, strict: false, (User, 1, null)));
        Assert.Empty(await Describe(again, strict: true, (User, 1, null)));
        Assert.Equal(KafkaError.None, await Alter(again, "request_percentage", null, (User, null), (Client, "c")));
        Assert.Equal(2, (await Describe(again, strict: false)).Length);
    }

    [Theory]
    [InlineData("producer_byte_rate", 0.0, "user", "a")]
    [InlineData("producer_byte_rate", 1.5, "user", "a")]
    [InlineData("producer_byte_rate", double.NaN, "user", "a")]
    [InlineData("no_such_rate", 1.0, "user", "a")]
    [InlineData("producer_byte_rate", 1.0, "ip", "127.0.0.1")]
    [InlineData("connection_creation_rate", 1.0, "ip", "here")]
    [InlineData("producer_byte_rate", 1.0, "planet", "a")]
    [InlineData("producer_byte_rate", 1.0, "user", "")]
    public async Task Wrong_quotas_are_refused(string key, double value, string type, string name)
    {
        await using BrokerHost host = await BrokerHost.StartAsync();
        using RawClient client = await RawClient.ConnectAsync(host);
        Assert.Equal(KafkaError.InvalidRequest, await Alter(client, key, value, (type, name)));
        Assert.False(host.Services.Configs.Has(ConfigKinds.Quota));
    }

    [Fact]
    public async Task Who_produces_or_reads_too_fast_is_told_and_not_listened_to()
    {
        await using BrokerHost host = await BrokerHost.StartAsync(
            BrokerHost.Options with { Quotas = new QuotaOptions { Windows = 2, WindowSeconds = 1 } });
        await host.CreateTopicAsync("t");
        using RawClient client = await RawClient.ConnectAsync(host);
        byte[] batch = Batches.Of(20);
        await Alter(client, "producer_byte_rate", 4 * batch.Length, (Client, "raw"));
        long startedAt = TimeProvider.System.GetTimestamp();
        int told = 0;
        for (int i = 0; i < 7; i++)
        {
            ProduceResponse response = await client.CallAsync<ProduceRequest, ProduceResponse>(Requests.Produce("t", 0, [.. batch]), 9);
            Assert.Equal(0, response.Only().ErrorCode);
            told = Math.Max(told, response.ThrottleTimeMs);
        }

        // Four are free, three come after waits: at least half a second in all, for the last is answered before its own wait.
        Assert.InRange(told, 1, 2000);
        Assert.True(TimeProvider.System.GetElapsedTime(startedAt).TotalMilliseconds > 400);

        await Alter(client, "producer_byte_rate", null, (Client, "raw"));
        await Alter(client, "consumer_byte_rate", batch.Length, (User, "ANONYMOUS"));
        FetchResponse first = await client.FetchAsync(Requests.Fetch("t", 0));
        FetchResponse second = await client.FetchAsync(Requests.Fetch("t", 1));
        Assert.InRange(first.Only().Records!.Length, 1, batch.Length);
        Assert.InRange(second.ThrottleTimeMs, 1, 2000);
    }

    [Fact]
    public async Task Topics_are_made_no_faster_than_the_quota_lets()
    {
        await using BrokerHost host = await BrokerHost.StartAsync(
            BrokerHost.Options with { Quotas = new QuotaOptions { Windows = 2, WindowSeconds = 1 } });
        using RawClient client = await RawClient.ConnectAsync(host);
        await Alter(client, "controller_mutation_rate", 2, (User, null));
        CreateTopicsResponse response = await client.CallAsync<CreateTopicsRequest, CreateTopicsResponse>(
            new CreateTopicsRequest
            {
                Topics = [.. new[] { "a", "b" }.Select(name => new CreateTopicsRequest.CreatableTopic
                {
                    Name = name,
                    NumPartitions = 3,
                    ReplicationFactor = 1,
                    Assignments = [],
                    Configs = [],
                })],
            },
            7);
        Assert.Equal(
            [KafkaError.None, KafkaError.ThrottlingQuotaExceeded], response.Topics.Select(topic => (KafkaError)topic.ErrorCode));
        Assert.InRange(response.ThrottleTimeMs, 1, 1000);
    }

    [Fact]
    public async Task Connections_come_no_faster_than_the_quota_of_their_address_lets()
    {
        await using BrokerHost host = await BrokerHost.StartAsync(
            BrokerHost.Options with { Quotas = new QuotaOptions { Windows = 2, WindowSeconds = 1 } });
        using (RawClient client = await RawClient.ConnectAsync(host))
        {
            await Alter(client, "connection_creation_rate", 1, ("ip", null));
        }

        using RawClient allowed = await RawClient.ConnectAsync(host);
        await allowed.CallAsync<ApiVersionsRequest, ApiVersionsResponse>(new ApiVersionsRequest(), 0);
        using RawClient refused = await RawClient.ConnectAsync(host);
        Assert.True(await refused.IsClosedAsync());
    }

    private static ConfigRecord Record(int value, params (string Type, string? Name)[] parts) => new(
        ConfigKinds.Quota, new QuotaEntity(parts.Select(part => KeyValuePair.Create(part.Type, part.Name))).Text,
        new Dictionary<string, string> { [QuotaKey.ProducerByteRate] = $"{value}" });

    private static async Task<KafkaError> Alter(RawClient client, string key, double? value, params (string Type, string? Name)[] entity)
    {
        AlterClientQuotasResponse response = await client.CallAsync<AlterClientQuotasRequest, AlterClientQuotasResponse>(
            new AlterClientQuotasRequest
            {
                Entries =
                [
                    new()
                    {
                        Entity = [.. entity.Select(part => new AlterClientQuotasRequest.EntityData { EntityType = part.Type, EntityName = part.Name })],
                        Ops = [new() { Key = key, Value = value ?? 0, Remove = value is null }],
                    },
                ],
            },
            1);
        return (KafkaError)Assert.Single(response.Entries).ErrorCode;
    }

    private static async Task<string[]> Describe(
        RawClient client, bool strict, params (string Type, sbyte Match, string? Name)[] filter)
    {
        DescribeClientQuotasResponse response = await client.CallAsync<DescribeClientQuotasRequest, DescribeClientQuotasResponse>(
            new DescribeClientQuotasRequest
            {
                Strict = strict,
                Components = [.. filter.Select(part => new DescribeClientQuotasRequest.ComponentData
                {
                    EntityType = part.Type,
                    MatchType = part.Match,
                    Match = part.Name,
                })],
            },
            1);
        Assert.Equal(0, response.ErrorCode);
        return
        [
            .. response.Entries!.Select(entry =>
                string.Join(',', entry.Entity.Select(part => $"{part.EntityType}={part.EntityName ?? "<default>"}")) + ": "
                + string.Join(' ', entry.Values.Select(value => FormattableString.Invariant($"{value.Key}={value.Value}")))),
        ];
    }
}
