using PipeRoll.Broker.Configs;
using PipeRoll.Broker.Handlers;
using PipeRoll.Broker.Tests.Support;
using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Tests.Handlers;

public sealed class DynamicConfigTests
{
    private const sbyte Set = 0;
    private const sbyte Delete = 1;

    [Fact]
    public async Task What_is_set_for_brokers_counts_for_topics_that_say_nothing_and_outlives_a_restart()
    {
        await using BrokerHost host = await BrokerHost.StartAsync(
            BrokerHost.Options with { TopicDefaults = new Dictionary<string, string> { ["retention.ms"] = "5000" } });
        await host.CreateTopicAsync("silent");
        await host.CreateTopicAsync("own", 1, ("retention.ms", "9"));
        using (RawClient client = await RawClient.ConnectAsync(host))
        {
            Assert.Equal(KafkaError.None, await Alter(client, ConfigResource.Broker, "", ("log.retention.ms", Set, "6000")));
            Assert.Equal((6000, 9), (MaxAge(host, "silent"), MaxAge(host, "own")));
            Assert.Equal(KafkaError.None, await Alter(client, ConfigResource.Broker, "1", ("log.retention.ms", Set, "7000"), ("max.connections", Set, "44")));
            Assert.Equal((7000, 9), (MaxAge(host, "silent"), MaxAge(host, "own")));
        }

        await host.RestartAsync();
        Assert.Equal(7000, MaxAge(host, "silent"));
        Assert.Equal(44, host.Services.Configs.Options.ConnectionsMax);
        using RawClient again = await RawClient.ConnectAsync(host);
        Assert.Equal(
            [("log.retention.ms", "7000", 2), ("log.retention.ms", "6000", 3), ("log.retention.ms", "5000", 4), ("log.retention.ms", "604800000", 5)],
            Synonyms(await Describe(again, ConfigResource.Topic, "silent", "retention.ms")));
        Assert.Equal(
            [("log.retention.ms", "7000", 2), ("log.retention.ms", "6000", 3), ("log.retention.ms", "5000", 4), ("log.retention.ms", "604800000", 5)],
            Synonyms(await Describe(again, ConfigResource.Broker, "1", "log.retention.ms")));
        Assert.Equal([("log.retention.ms", "6000", 3)], Synonyms(await Describe(again, ConfigResource.Broker, "", null)));
        Assert.Equal(KafkaError.None, await Alter(again, ConfigResource.Broker, "1", ("log.retention.ms", Delete, null)));
        Assert.Equal(KafkaError.None, await Alter(again, ConfigResource.Broker, "", ("log.retention.ms", Delete, null)));
        Assert.Equal(5000, MaxAge(host, "silent"));
    }

    [Fact]
    public async Task Groups_may_ask_for_what_the_brokers_own_settings_let_them()
    {
        await using BrokerHost host = await BrokerHost.StartAsync(
            BrokerHost.Options with { Groups = new() { ShareRecordLockMinMs = 1000 } });
        using RawClient client = await RawClient.ConnectAsync(host);
        Assert.Equal(KafkaError.None, await Alter(client, ConfigResource.Group, "g", ("share.record.lock.duration.ms", Set, "3000")));
        Assert.Equal(KafkaError.InvalidConfig, await Alter(client, ConfigResource.Group, "g", ("share.record.lock.duration.ms", Set, "999")));
    }

    [Theory]
    [InlineData(ConfigResource.Broker, "", "node.id", "7", KafkaError.InvalidRequest)]
    [InlineData(ConfigResource.Broker, "", "no.such", "7", KafkaError.InvalidConfig)]
    [InlineData(ConfigResource.Broker, "x", "log.retention.ms", "7", KafkaError.InvalidRequest)]
    [InlineData(ConfigResource.Broker, "9", "log.retention.ms", "7", KafkaError.BrokerIdNotRegistered)]
    [InlineData(ConfigResource.Broker, "1", "log.retention.ms", "soon", KafkaError.InvalidConfig)]
    [InlineData(ConfigResource.Broker, "1", "leader.replication.throttled.rate", "1000", KafkaError.None)]
    [InlineData(ConfigResource.Topic, "t", "leader.replication.throttled.replicas", "0:1", KafkaError.None)]
    [InlineData(ConfigResource.Topic, "t", "min.compaction.lag.ms", "9", KafkaError.None)]
    [InlineData(ConfigResource.BrokerLogger, "1", "root", "DEBUG", KafkaError.InvalidRequest)]
    [InlineData(ConfigResource.Group, "", "consumer.session.timeout.ms", "45000", KafkaError.InvalidRequest)]
    [InlineData(ConfigResource.Group, "g", "consumer.session.timeout.ms", "50000", KafkaError.None)]
    [InlineData(ConfigResource.Group, "g", "consumer.session.timeout.ms", "1", KafkaError.InvalidConfig)]
    [InlineData(ConfigResource.Group, "g", "share.auto.offset.reset", "by_duration:PT1H", KafkaError.None)]
    [InlineData(ConfigResource.Group, "g", "share.auto.offset.reset", "by_duration:hour", KafkaError.InvalidConfig)]
    [InlineData(ConfigResource.Group, "g", "share.record.lock.duration.ms", "14999", KafkaError.InvalidConfig)]
    [InlineData(ConfigResource.Broker, "1", "sasl.kerberos.min.time.before.relogin", "58000", KafkaError.None)]
    [InlineData(ConfigResource.ClientMetrics, "m", "interval.ms", "50", KafkaError.InvalidConfig)]
    [InlineData(ConfigResource.ClientMetrics, "m", "match", "client_id=a.*,client_software_name=librdkafka", KafkaError.None)]
    [InlineData(ConfigResource.ClientMetrics, "m", "match", "shoe_size=44", KafkaError.InvalidConfig)]
    [InlineData(ConfigResource.ClientMetrics, "m", "match", "client_id=(", KafkaError.InvalidConfig)]
    [InlineData((sbyte)99, "m", "a", "b", KafkaError.InvalidRequest)]
    public async Task Settings_are_checked_by_what_they_belong_to(sbyte type, string name, string key, string value, KafkaError error)
    {
        await using BrokerHost host = await BrokerHost.StartAsync();
        await host.CreateTopicAsync("t");
        using RawClient client = await RawClient.ConnectAsync(host);
        Assert.Equal(error, await Alter(client, type, name, (key, Set, value)));
    }

    [Fact]
    public async Task The_least_lag_of_compaction_is_not_above_the_most()
    {
        await using BrokerHost host = await BrokerHost.StartAsync();
        await host.CreateTopicAsync("t", 1, ("max.compaction.lag.ms", "100"));
        using RawClient client = await RawClient.ConnectAsync(host);
        Assert.Equal(KafkaError.InvalidConfig, await Alter(client, ConfigResource.Topic, "t", ("min.compaction.lag.ms", Set, "101")));
        Assert.Equal(KafkaError.None, await Alter(client, ConfigResource.Topic, "t", ("min.compaction.lag.ms", Set, "100")));
    }

    [Fact]
    public async Task Groups_and_subscriptions_are_described_listed_and_forgotten()
    {
        await using BrokerHost host = await BrokerHost.StartAsync();
        await host.CreateTopicAsync("t");
        using RawClient client = await RawClient.ConnectAsync(host);
        await Alter(client, ConfigResource.Group, "g", ("consumer.session.timeout.ms", Set, "50000"));
        await Alter(client, ConfigResource.ClientMetrics, "m", ("metrics", Set, "org.apache.kafka.producer."));
        Assert.Equal(
            [("consumer.session.timeout.ms", "50000", 8), ("consumer.session.timeout.ms", "45000", 5)],
            Synonyms(await Describe(client, ConfigResource.Group, "g", "consumer.session.timeout.ms")));
        Assert.Equal(
            [("metrics", "org.apache.kafka.producer.", 7), ("metrics", "", 5)],
            Synonyms(await Describe(client, ConfigResource.ClientMetrics, "m", "metrics")));
        Assert.Equal(["2 t", "4 1", "8 1", "16 m", "32 g"], await List(client, 1));
        Assert.Equal(["32 g"], await List(client, 1, ConfigResource.Group));
        Assert.Equal(["16 m"], await List(client, 0));
        await Alter(client, ConfigResource.Group, "g", ("consumer.session.timeout.ms", Delete, null));
        Assert.Empty(await List(client, 1, ConfigResource.Group));
    }

    private static long MaxAge(BrokerHost host, string topic) => host.Services.Topics.Find(topic, 0)!.Settings.Retention.MaxAgeMs;

    private static IEnumerable<(string Name, string? Value, int Source)> Synonyms(
        IEnumerable<DescribeConfigsResponse.DescribeConfigsResourceResult> configs) =>
        Assert.Single(configs).Synonyms.Select(synonym => (synonym.Name, synonym.Value, (int)synonym.Source));

    private static async Task<IEnumerable<string>> List(RawClient client, short version, params sbyte[] types)
    {
        ListConfigResourcesResponse response = await client.CallAsync<ListConfigResourcesRequest, ListConfigResourcesResponse>(
            new ListConfigResourcesRequest { ResourceTypes = [.. types] }, version);
        return response.ConfigResources.Select(resource => $"{resource.ResourceType} {resource.ResourceName}");
    }

    private static async Task<IReadOnlyList<DescribeConfigsResponse.DescribeConfigsResourceResult>> Describe(
        RawClient client, sbyte type, string name, string? key)
    {
        DescribeConfigsResponse response = await client.CallAsync<DescribeConfigsRequest, DescribeConfigsResponse>(
            new DescribeConfigsRequest
            {
                Resources = [new() { ResourceType = type, ResourceName = name, ConfigurationKeys = key is null ? null : [key] }],
                IncludeSynonyms = true,
            },
            4);
        DescribeConfigsResponse.DescribeConfigsResult result = Assert.Single(response.Results);
        Assert.Equal(0, result.ErrorCode);
        return result.Configs;
    }

    private static async Task<KafkaError> Alter(
        RawClient client, sbyte type, string name, params (string Key, sbyte Operation, string? Value)[] changes)
    {
        IncrementalAlterConfigsResponse response = await client.CallAsync<IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse>(
            new IncrementalAlterConfigsRequest
            {
                Resources =
                [
                    new()
                    {
                        ResourceType = type,
                        ResourceName = name,
                        Configs = [.. changes.Select(change => new IncrementalAlterConfigsRequest.AlterableConfig
                        {
                            Name = change.Key,
                            ConfigOperation = change.Operation,
                            Value = change.Value,
                        })],
                    },
                ],
            },
            1);
        return (KafkaError)Assert.Single(response.Responses).ErrorCode;
    }
}
