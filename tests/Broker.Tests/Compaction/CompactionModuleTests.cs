using Confluent.Kafka;
using PipeRoll.Broker.Compaction;
using PipeRoll.Broker.Groups;
using PipeRoll.Broker.Groups.Offsets;
using PipeRoll.Broker.Tests.Support;
using PipeRoll.Broker.Topics;
using PipeRoll.Wire;

namespace PipeRoll.Broker.Tests.Compaction;

/// <summary>Compaction over the partitions of a running broker.</summary>
public sealed class CompactionModuleTests
{
    private static readonly Committer By = new("User:alice", "app");

    [Fact]
    public async Task OnlyCompactedTopicsAreCompactedAndEvidenceNever()
    {
        await using BrokerHost host = await BrokerHost.StartAsync();
        Topic compacted = await host.CreateTopicAsync("compacted", 1, ("cleanup.policy", "compact"));
        Topic plain = await host.CreateTopicAsync("plain", 1);
        Topic sworn = await host.CreateTopicAsync("sworn", 1, ("cleanup.policy", "compact"), ("piperoll.evidence", "true"));
        using (IProducer<string, string> producer = new ProducerBuilder<string, string>(new ProducerConfig { BootstrapServers = host.Bootstrap }).Build())
        {
            foreach (Topic topic in (Topic[])[compacted, plain, sworn])
            {
                for (int index = 0; index < 20; index++)
                {
                    await producer.ProduceAsync(topic.Name, new Message<string, string> { Key = $"{index % 3}", Value = $"{index}" });
                }
            }
        }

        using CompactionModule module = new(host.Services, new CompactionOptions());
        await module.RunOnceAsync(CancellationToken.None);
        Assert.Equal(3, Batches(host, compacted));
        Assert.Equal(20, Batches(host, plain));
        Assert.Equal(20, Batches(host, sworn));
        Assert.Equal(20, compacted.Partition(0)!.HighWatermark);

        using IConsumer<string, string> consumer = new ConsumerBuilder<string, string>(
            new ConsumerConfig { BootstrapServers = host.Bootstrap, GroupId = "unused", EnablePartitionEof = true }).Build();
        consumer.Assign(new TopicPartitionOffset("compacted", 0, Offset.Beginning));
        List<(long, string)> read = [];
        while (consumer.Consume(TimeSpan.FromSeconds(15)) is { IsPartitionEOF: false } result)
        {
            read.Add((result.Offset.Value, result.Message.Value));
        }

        Assert.Equal([(17L, "17"), (18L, "18"), (19L, "19")], read);
    }

    [Fact]
    public async Task OffsetsAreTheSameAfterTheirTopicWasCompactedAndTheBrokerRestarted()
    {
        await using BrokerHost host = await BrokerHost.StartAsync(BrokerHost.Options with { Groups = new() { OffsetsTopicPartitions = 2 } });
        await host.CreateTopicAsync("events", 4);
        await using (GroupCoordinatorLease before = await GroupCoordinatorLease.TakeAsync(host))
        {
            for (int index = 0; index < 200; index++)
            {
                OffsetCommitEntry entry = new(new GroupPartition("events", index % 4), new CommittedOffset(index, 3, $"note {index}", 1_000 + index));
                Assert.Equal(KafkaError.None, await before.Coordinator.CommitAsync($"group-{index % 5}", new CommitIdentity("", null, -1), [entry], By));
            }

            Assert.Equal(KafkaError.None, await before.Coordinator.DeleteAsync("group-4", By));
        }

        Topic offsets = host.Services.Topics.Find(PartitionOffsetsLog.TopicName)!;
        Assert.True(offsets.IsInternal);
        int written = Batches(host, offsets);
        using (CompactionModule module = new(host.Services, new CompactionOptions()))
        {
            await module.RunOnceAsync(CancellationToken.None);
        }

        Assert.InRange(Batches(host, offsets), 1, written / 4);
        await host.RestartAsync();
        await using GroupCoordinatorLease after = await GroupCoordinatorLease.TakeAsync(host);
        Assert.Equal(4, after.Coordinator.GroupCount);
        foreach (int group in Enumerable.Range(0, 4))
        {
            IReadOnlyList<FetchedOffset> found = after.Coordinator.FetchOffsets($"group-{group}", null, true).Offsets;
            Assert.Equal(4, found.Count);
            Assert.All(found, offset => Assert.Equal(Latest(group, offset.Partition.Partition), offset.Committed));
        }
    }

    private static CommittedOffset Latest(int group, int partition)
    {
        int index = Enumerable.Range(0, 200).Last(index => index % 5 == group && index % 4 == partition);
        return new CommittedOffset(index, 3, $"note {index}", 1_000 + index);
    }

    private static int Batches(BrokerHost host, Topic topic) =>
        topic.Partitions.Sum(partition => host.Storage[partition.Identity.Stream].Batches.Count);

    /// <summary>A coordinator over the broker's own partitions, loaded.</summary>
    private sealed class GroupCoordinatorLease(GroupModule module) : IAsyncDisposable
    {
        public GroupCoordinator Coordinator => module.Coordinator;

        public static async Task<GroupCoordinatorLease> TakeAsync(BrokerHost host)
        {
            GroupModule module = new(host.Services, host.Services.Options.Groups, new());
            await module.StartAsync(CancellationToken.None);
            await BrokerHost.UntilAsync(() => Enumerable.Range(0, 20).All(group => module.Coordinator.Status($"group-{group}") == KafkaError.None));
            return new GroupCoordinatorLease(module);
        }

        public ValueTask DisposeAsync() => module.StopAsync();
    }
}
