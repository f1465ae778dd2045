using System.Buffers.Binary;
using Confluent.Kafka;
using Confluent.Kafka.Admin;
using Confluent.SchemaRegistry;
using PipeRoll.EndToEnd.Tests.Cluster.Support;
using ConfluentSchema = Confluent.SchemaRegistry.Schema;

namespace PipeRoll.EndToEnd.Tests.Cluster;

/// <summary>One registry, whichever broker is asked, and whichever of them is killed.</summary>
public sealed class SchemaRegistryClusterTests(ClusterBackends backends)
{
    [Fact]
    public async Task AnyBrokerAnswersAndIdsGoOnWhenTheLeaderIsKilled()
    {
        await using ClusterProcesses cluster = await ClusterProcesses.StartAsync(backends);
        using IAdminClient admin = new AdminClientBuilder(new AdminClientConfig { BootstrapServers = cluster.Bootstrap }).Build();
        await admin.CreateTopicsAsync([new TopicSpecification
        {
            Name = "typed", NumPartitions = 3, ReplicationFactor = 1, Configs = new() { ["confluent.value.schema.validation"] = "true" },
        }]);

        // All three at once, each for subjects of its own: ids are dense all the same.
        int[][] ids = await Task.WhenAll(Enumerable.Range(1, 3).Select(async node =>
        {
            using CachedSchemaRegistryClient registry = Registry(cluster, node);
            var given = new List<int>();
            for (int i = 0; i < 5; i++)
            {
                given.Add(await registry.RegisterSchemaAsync($"s{node}-{i}", Record($"N{node}x{i}")));
            }

            return given.ToArray();
        }));
        Assert.Equal(Enumerable.Range(1, 15), ids.SelectMany(static given => given).Order());

        int leader = Assert.Single(cluster.Leaders("_schemas"));
        int other = leader % 3 + 1;
        int typed;
        using (CachedSchemaRegistryClient registry = Registry(cluster, other))
        {
            typed = await registry.RegisterSchemaAsync("typed-value", Record("Typed"));
        }

        await ProduceEverywhereAsync(cluster, typed);
        await cluster.Broker(leader).KillAsync();
        await cluster.WhenSettledAsync();
        using (CachedSchemaRegistryClient registry = Registry(cluster, other))
        {
            Assert.Equal(16, typed);
            Assert.Equal(17, await registry.RegisterSchemaAsync("after-value", Record("After")));
            Assert.Equal(Record("N1x0").SchemaString, (await registry.GetSchemaAsync(ids[0][0])).SchemaString);
        }

        await ProduceEverywhereAsync(cluster, typed);
    }

    /// <summary>To partitions of all brokers, of which at most one leads the registry.</summary>
    private static async Task ProduceEverywhereAsync(ClusterProcesses cluster, int id)
    {
        using IProducer<Null, byte[]> producer = new ProducerBuilder<Null, byte[]>(
            new ProducerConfig { BootstrapServers = cluster.Bootstrap, EnableIdempotence = true }).Build();
        byte[] value = new byte[6];
        BinaryPrimitives.WriteInt32BigEndian(value.AsSpan(1), id);
        for (int partition = 0; partition < 3; partition++)
        {
            await producer.ProduceAsync(new TopicPartition("typed", partition), new Message<Null, byte[]> { Value = value });
            ProduceException<Null, byte[]> refused = await Assert.ThrowsAsync<ProduceException<Null, byte[]>>(
                () => producer.ProduceAsync(new TopicPartition("typed", partition), new Message<Null, byte[]> { Value = [0, 0, 0, 9, 9, 0] }));
            Assert.Equal(ErrorCode.InvalidRecord, refused.Error.Code);
        }
    }

    private static ConfluentSchema Record(string name) =>
        new($$"""{"type":"record","name":"{{name}}","fields":[{"name":"x","type":"boolean"}]}""", SchemaType.Avro);

    private static CachedSchemaRegistryClient Registry(ClusterProcesses cluster, int node) =>
        new(new SchemaRegistryConfig { Url = cluster.Broker(node).Http.ToString() });
}
