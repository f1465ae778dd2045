using Confluent.Kafka;
using PipeRoll.Broker.Tests.Cluster;
using PipeRoll.Broker.Tests.Support;

namespace PipeRoll.Broker.Tests.Nearby;

/// <summary>A client that nobody here wrote, told of its rack.</summary>
public sealed class NearbyClientTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    [Fact]
    public async Task Consumers_of_one_rack_cost_the_leader_one_copy_and_miss_nothing()
    {
        await using TwoBrokers pair = await TwoBrokers.StartAsync(BrokerHost.Options with
        {
            ReplicaSelector = "org.apache.kafka.common.replica.RackAwareReplicaSelector",
        });
        await pair.CreateAsync("events");
        using IConsumer<Null, string> first = Consume(pair);
        using IConsumer<Null, string> second = Consume(pair);
        using IProducer<Null, string> producer = new ProducerBuilder<Null, string>(
            new ProducerConfig { BootstrapServers = Bootstrap(pair), LingerMs = 5 }).Build();

        // They have to have been sent to their own rack before: what they read until then they read from the leader.
        await producer.ProduceAsync("events", new Message<Null, string> { Value = "first" });
        Assert.Equal("first", first.Consume(Patience)?.Message.Value);
        Assert.Equal("first", second.Consume(Patience)?.Message.Value);
        long before = pair.PartitionOn(1, "events").Traffic.BytesOut;
        long inBefore = pair.PartitionOn(1, "events").Traffic.BytesIn;
        const int count = 2_000;
        for (int number = 0; number < count; number++)
        {
            producer.Produce("events", new Message<Null, string> { Value = $"{number} {new string('x', 200)}" });
        }

        producer.Flush(Patience);
        for (int number = 0; number < count; number++)
        {
            Assert.StartsWith($"{number} ", first.Consume(Patience)?.Message.Value, StringComparison.Ordinal);
            Assert.StartsWith($"{number} ", second.Consume(Patience)?.Message.Value, StringComparison.Ordinal);
        }

        long produced = pair.PartitionOn(1, "events").Traffic.BytesIn - inBefore;
        Assert.InRange(pair.PartitionOn(1, "events").Traffic.BytesOut - before, produced, produced * 3 / 2);
        Assert.Empty(pair.Logs.Errors);
    }

    [Fact]
    public async Task A_consumer_goes_back_to_the_leader_when_its_own_broker_goes()
    {
        await using TwoBrokers pair = await TwoBrokers.StartAsync(BrokerHost.Options with
        {
            ReplicaSelector = "org.apache.kafka.common.replica.RackAwareReplicaSelector",
        });
        await pair.CreateAsync("events");
        using IConsumer<Null, string> consumer = Consume(pair);
        using IProducer<Null, string> producer = new ProducerBuilder<Null, string>(new ProducerConfig { BootstrapServers = Bootstrap(pair) }).Build();
        for (int number = 0; number < 30; number++)
        {
            await producer.ProduceAsync("events", new Message<Null, string> { Value = $"{number}" });
            Assert.Equal($"{number}", consumer.Consume(Patience)?.Message.Value);
            if (number == 15)
            {
                pair.FirstView.Nodes = [pair.FirstView.Nodes[0]];
                await pair.Second.DisposeAsync();
            }
        }
    }

    private static string Bootstrap(TwoBrokers pair) => $"127.0.0.1:{pair.First.Port}";

    private static IConsumer<Null, string> Consume(TwoBrokers pair)
    {
        IConsumer<Null, string> consumer = new ConsumerBuilder<Null, string>(new ConsumerConfig
        {
            BootstrapServers = Bootstrap(pair),
            ClientRack = "b",
            GroupId = "not-used",
            EnableAutoCommit = false,
        }).Build();
        consumer.Assign(new TopicPartitionOffset("events", 0, Offset.Beginning));
        return consumer;
    }
}
