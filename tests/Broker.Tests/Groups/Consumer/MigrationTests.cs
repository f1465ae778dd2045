using System.Collections.Concurrent;
using Confluent.Kafka;
using PipeRoll.Broker.Groups;
using PipeRoll.Broker.Groups.Consumer;
using PipeRoll.Broker.Tests.Support;
using PipeRoll.Wire;

namespace PipeRoll.Broker.Tests.Groups.Consumer;

/// <summary>A group whose members are replaced one by one by members of the other protocol, and back, while it works.</summary>
public sealed class MigrationTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private static BrokerOptions Options => BrokerHost.Options with
    {
        Groups = new()
        {
            OffsetsTopicPartitions = 1,
            InitialRebalanceDelayMs = 50,
            ConsumerHeartbeatIntervalMs = 100,
            ConsumerSessionTimeoutMs = 6_000,
        },
    };

    [Theory]
    [InlineData(PartitionAssignmentStrategy.Range)]
    [InlineData(PartitionAssignmentStrategy.CooperativeSticky)]
    public async Task AGroupMovesToTheConsumerProtocolAndBackWithoutStopping(PartitionAssignmentStrategy strategy)
    {
        await using BrokerHost host = await BrokerHost.StartAsync(Options);
        await host.CreateTopicAsync("events", 6);
        using CancellationTokenSource producing = new(Patience);
        Task<int> produced = ProduceUntilAsync(host, producing.Token);
        ConcurrentDictionary<string, int> seen = new();
        using Consuming classic1 = new(host, seen, strategy);
        using Consuming classic2 = new(host, seen, strategy);
        await BrokerHost.UntilAsync(() => classic1.Count > 20 && classic2.Count > 20);
        int generation = GenerationOf(host);

        using Consuming modern1 = new(host, seen, null);
        await BrokerHost.UntilAsync(() => modern1.Count > 20);
        ConsumerGroupDescription mixed = host.Groups.DescribeConsumer("readers").Group!;
        Assert.Equal((3, 2), (mixed.Members.Count, mixed.Members.Count(static member => member.IsClassic)));
        Assert.True(mixed.Epoch > generation, "epochs go on where generations were");
        await MakesProgressAsync(classic1, classic2, modern1);
        await classic1.EndAsync();
        await MakesProgressAsync(classic2, modern1);
        await classic2.EndAsync();
        await MakesProgressAsync(modern1);
        Assert.DoesNotContain(host.Groups.DescribeConsumer("readers").Group!.Members, static member => member.IsClassic);

        using Consuming classic3 = new(host, seen, strategy);
        await MakesProgressAsync(modern1, classic3);
        int epoch = host.Groups.DescribeConsumer("readers").Group!.Epoch;
        await modern1.EndAsync();
        await MakesProgressAsync(classic3);
        await BrokerHost.UntilAsync(() => host.Groups.Describe("readers").Group is { Phase: GroupPhase.Stable });
        Assert.True(GenerationOf(host) > epoch, "generations go on where epochs were");
        await producing.CancelAsync();
        int total = await produced;
        await BrokerHost.UntilAsync(() => seen.Count == total);
        await classic3.EndAsync();
        Assert.Empty(host.Logs.Errors);
    }

    [Fact]
    public async Task AMixedGroupSurvivesACrashOfItsCoordinator()
    {
        await using BrokerHost host = await BrokerHost.StartAsync(Options);
        await host.CreateTopicAsync("events", 6);
        using CancellationTokenSource producing = new(Patience);
        Task<int> produced = ProduceUntilAsync(host, producing.Token);
        ConcurrentDictionary<string, int> seen = new();
        using Consuming classic = new(host, seen, PartitionAssignmentStrategy.Range);
        using Consuming modern = new(host, seen, null);
        await MakesProgressAsync(classic, modern);
        await producing.CancelAsync();
        await produced;
        ConsumerGroupDescription before = host.Groups.DescribeConsumer("readers").Group!;
        await host.RestartAsync(cleanly: false);
        host.Groups.Status("readers");
        await BrokerHost.UntilAsync(() => host.Groups.Status("readers") == KafkaError.None);
        ConsumerGroupDescription found = host.Groups.DescribeConsumer("readers").Group!;
        Assert.Equal(before.Epoch, found.Epoch);
        Assert.Equal(
            before.Members.Select(static member => (member.MemberId, member.Epoch, member.IsClassic)).Order(),
            found.Members.Select(static member => (member.MemberId, member.Epoch, member.IsClassic)).Order());
    }

    [Fact]
    public async Task AGroupThatIsNoConsumerGroupStaysWhatItIs()
    {
        await using BrokerHost host = await BrokerHost.StartAsync(Options);
        await host.CreateTopicAsync("events", 1);
        await BrokerHost.UntilAsync(() => host.Groups.Status("connect") == KafkaError.None);
        JoinResult joined = await host.Groups.JoinAsync("connect", new JoinCall(
            "", null, false, true, "worker", "/127.0.0.1", 1_000, 10_000, "connect", [new PipeRoll.Broker.Groups.GroupProtocol("sessioned", new byte[] { 1, 2, 3 })]));
        Assert.Equal(KafkaError.None, joined.Error);
        ConsumerHeartbeatResult refused = await host.Groups.ConsumerHeartbeatAsync("connect", new ConsumerHeartbeatCall(
            "m", 0, null, null, 1_000, ["events"], null, null, [], "app", "/127.0.0.1")
        {
            SessionTimeoutMs = 6_000,
            MayDescribe = static _ => true,
        });
        Assert.Equal(KafkaError.GroupIdNotFound, refused.Error);
        Assert.Equal(GroupPhase.CompletingRebalance, host.Groups.Describe("connect").Group!.Phase);
    }

    private static int GenerationOf(BrokerHost host) => host.Groups.GenerationOf("readers");

    private static async Task MakesProgressAsync(params Consuming[] consumers)
    {
        int[] before = [.. consumers.Select(static consumer => consumer.Count)];
        await BrokerHost.UntilAsync(() => consumers.Select((consumer, index) => consumer.Count > before[index] + 20).All(static moved => moved));
    }

    private static async Task<int> ProduceUntilAsync(BrokerHost host, CancellationToken until)
    {
        using IProducer<string, string> producer = new ProducerBuilder<string, string>(
            new ProducerConfig { BootstrapServers = host.Bootstrap, LingerMs = 1 }).Build();
        int number = 0;
        while (!until.IsCancellationRequested)
        {
            await Task.WhenAll(Enumerable.Range(number, 20).Select(next =>
                producer.ProduceAsync("events", new Message<string, string> { Key = $"{next}", Value = $"{next}" }, CancellationToken.None)));
            number += 20;
        }

        return number;
    }

    /// <summary>A consumer on a thread of its own, of the classic protocol when it has a strategy.</summary>
    private sealed class Consuming : IDisposable
    {
        private readonly CancellationTokenSource _ending = new();
        private readonly Task _task;
        private int _count;

        public Consuming(BrokerHost host, ConcurrentDictionary<string, int> seen, PartitionAssignmentStrategy? strategy)
        {
            ConsumerConfig config = new()
            {
                BootstrapServers = host.Bootstrap,
                GroupId = "readers",
                AutoOffsetReset = AutoOffsetReset.Earliest,
                AutoCommitIntervalMs = 50,
            };
            if (strategy is { } classic)
            {
                config.PartitionAssignmentStrategy = classic;
                config.SessionTimeoutMs = 6_000;
                config.HeartbeatIntervalMs = 100;
            }
            else
            {
                config.GroupProtocol = Confluent.Kafka.GroupProtocol.Consumer;
            }

            _task = Task.Factory.StartNew(() => Run(config, seen), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        }

        public int Count => Volatile.Read(ref _count);

        public async Task EndAsync()
        {
            await _ending.CancelAsync();
            await _task;
        }

        public void Dispose()
        {
            _ending.Cancel();
            _task.Wait(Patience);
            _ending.Dispose();
        }

        private void Run(ConsumerConfig config, ConcurrentDictionary<string, int> seen)
        {
            using IConsumer<string, string> consumer = new ConsumerBuilder<string, string>(config).Build();
            consumer.Subscribe("events");
            while (!_ending.IsCancellationRequested)
            {
                try
                {
                    if (consumer.Consume(TimeSpan.FromMilliseconds(50)) is { } result)
                    {
                        seen.AddOrUpdate(result.Message.Value, 1, static (_, count) => count + 1);
                        Interlocked.Increment(ref _count);
                    }
                }
                catch (ConsumeException joining) when (joining.Error.Code == ErrorCode.RebalanceInProgress)
                {
                    // Whoever waits to join while the group is converted is sent back to join again, as in Kafka; the client does, and says so.
                }
            }

            consumer.Close();
        }
    }
}
