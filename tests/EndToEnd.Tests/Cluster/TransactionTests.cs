using System.Collections.Concurrent;
using System.Globalization;
using Confluent.Kafka;
using Confluent.Kafka.Admin;
using PipeRoll.EndToEnd.Tests.Cluster.Support;
using PipeRoll.EndToEnd.Tests.Support;

namespace PipeRoll.EndToEnd.Tests.Cluster;

/// <summary>kill -9 of a coordinator of transactions, and of whatever else that broker is, in the middle of them.</summary>
public sealed class TransactionTests(ClusterBackends backends, ITestOutputHelper output)
{
    private const string Topic = "ledger";
    private const string StateTopic = "__transaction_state";
    private const int Partitions = 3;
    private const int Writers = 3;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private enum Fate
    {
        Unknown,
        Committed,
        Aborted,
    }

    [Fact]
    public async Task ACoordinatorIsKilledAndEveryTransactionIsWholeOrNotThere()
    {
        await using ClusterProcesses cluster = await ClusterProcesses.StartAsync(backends);
        await SequenceLoad.CreateTopicAsync(cluster.Bootstrap, Topic, Partitions);
        using var stop = new CancellationTokenSource();
        Task<List<Fate>>[] writing = [.. Enumerable.Range(0, Writers).Select(writer => Task.Factory.StartNew(
            () => Write(cluster.Bootstrap, writer, stop.Token), TaskCreationOptions.LongRunning))];
        await Task.Delay(TimeSpan.FromSeconds(3));
        int victim = CoordinatorOf(cluster.Bootstrap, IdOf(0));
        await cluster.Broker(victim).KillAsync();
        TimeSpan settled = await cluster.WhenSettledAsync();
        output.WriteLine($"coordinator (broker {victim}) killed: every partition led again after {settled.TotalSeconds:F1} s");
        await Task.Delay(TimeSpan.FromSeconds(2));
        await cluster.RestartEndedAsync();
        await cluster.WhenSettledAsync();
        stop.Cancel();
        List<Fate>[] fates = await Task.WhenAll(writing);

        Dictionary<(int Writer, int Number), List<int>> seen = ReadCommitted(cluster.Bootstrap);
        using IAdminClient admin = new AdminClientBuilder(new AdminClientConfig { BootstrapServers = cluster.Bootstrap }).Build();
        for (int writer = 0; writer < Writers; writer++)
        {
            long last = -1;
            for (int number = 0; number < fates[writer].Count; number++)
            {
                List<int> partitions = seen.GetValueOrDefault((writer, number), []);
                Assert.True(
                    partitions.Count is 0 or Partitions && partitions.Distinct().Count() == partitions.Count,
                    $"transaction {number} of {writer} is in partitions {string.Join(", ", partitions)}");
                Assert.True(fates[writer][number] != Fate.Committed || partitions.Count > 0, $"committed transaction {number} of {writer} is lost");
                Assert.True(fates[writer][number] != Fate.Aborted || partitions.Count == 0, $"aborted transaction {number} of {writer} is there");
                last = partitions.Count > 0 ? number : last;
            }

            List<ListConsumerGroupOffsetsResult> offsets = await admin.ListConsumerGroupOffsetsAsync(
                [new ConsumerGroupTopicPartitions(GroupOf(writer), [new TopicPartition(Topic, 0)])],
                new ListConsumerGroupOffsetsOptions { RequireStableOffsets = true });
            Assert.Equal(last, offsets[0].Partitions[0].Offset.Value);
            output.WriteLine(
                $"writer {writer}: {fates[writer].Count(fate => fate == Fate.Committed)} committed, "
                + $"{fates[writer].Count(fate => fate == Fate.Aborted)} aborted, {fates[writer].Count(fate => fate == Fate.Unknown)} unknown");
            Assert.Contains(Fate.Committed, fates[writer]);
        }

        await cluster.AuditAsync();
    }

    private static string IdOf(int writer) => $"writer-{writer}";

    private static string GroupOf(int writer) => $"ledger-group-{writer}";

    /// <summary>Transactions over all partitions, each with an offset, every fourth aborted, until told to stop.</summary>
    private static List<Fate> Write(string bootstrap, int writer, CancellationToken stop)
    {
        List<Fate> fates = [];
        while (!stop.IsCancellationRequested)
        {
            using IProducer<Null, string> producer = new ProducerBuilder<Null, string>(new ProducerConfig
            {
                BootstrapServers = bootstrap,
                TransactionalId = IdOf(writer),
                TransactionTimeoutMs = 30_000,
                LingerMs = 0,
            }).SetLogHandler(static (_, _) => { }).Build();
            Retry(() => producer.InitTransactions(Patience));
            while (!stop.IsCancellationRequested)
            {
                fates.Add(Fate.Unknown);
                try
                {
                    fates[^1] = WriteOne(producer, writer, fates.Count - 1);
                }
                catch (KafkaException error) when (error.Error.IsFatal)
                {
                    // Another producer takes the id over.
                    break;
                }
            }
        }

        return fates;
    }

    private static Fate WriteOne(IProducer<Null, string> producer, int writer, int number)
    {
        producer.BeginTransaction();
        try
        {
            for (int partition = 0; partition < Partitions; partition++)
            {
                producer.Produce(
                    new TopicPartition(Topic, partition),
                    new Message<Null, string> { Value = string.Create(CultureInfo.InvariantCulture, $"{writer} {number}") });
            }

            Retry(() => producer.SendOffsetsToTransaction(
                [new TopicPartitionOffset(Topic, 0, number)], new GroupMetadata(GroupOf(writer)).Value, Patience));
            if (number % 4 != 3)
            {
                Retry(() => producer.CommitTransaction(Patience));
                return Fate.Committed;
            }
        }
        catch (KafkaTxnRequiresAbortException)
        {
            // Aborted below.
        }

        Retry(() => producer.AbortTransaction(Patience));
        return Fate.Aborted;
    }

    private static void Retry(Action call)
    {
        while (true)
        {
            try
            {
                call();
                return;
            }
            catch (KafkaRetriableException)
            {
                // As its documentation says: the same call again.
            }
        }
    }

    private static Dictionary<(int Writer, int Number), List<int>> ReadCommitted(string bootstrap)
    {
        using IConsumer<Ignore, string> consumer = new ConsumerBuilder<Ignore, string>(new ConsumerConfig
        {
            BootstrapServers = bootstrap,
            GroupId = "auditor",
            IsolationLevel = IsolationLevel.ReadCommitted,
            EnablePartitionEof = true,
            EnableAutoCommit = false,
        }).Build();
        consumer.Assign(Enumerable.Range(0, Partitions).Select(partition => new TopicPartitionOffset(Topic, partition, Offset.Beginning)));
        Dictionary<(int Writer, int Number), List<int>> seen = [];
        HashSet<int> ended = [];
        while (ended.Count < Partitions)
        {
            ConsumeResult<Ignore, string> result = consumer.Consume(Patience) ?? throw new TimeoutException("the log has no end");
            if (result.IsPartitionEOF)
            {
                ended.Add(result.Partition);
                continue;
            }

            int[] name = [.. result.Message.Value.Split(' ').Select(word => int.Parse(word, CultureInfo.InvariantCulture))];
            (seen.TryGetValue((name[0], name[1]), out List<int>? at) ? at : seen[(name[0], name[1])] = []).Add(result.Partition);
        }

        return seen;
    }

    private static int CoordinatorOf(string bootstrap, string transactionalId)
    {
        using IAdminClient admin = new AdminClientBuilder(new AdminClientConfig { BootstrapServers = bootstrap }).Build();
        TopicMetadata state = admin.GetMetadata(StateTopic, Patience).Topics.Single();
        int hash = transactionalId.Aggregate(0, static (hash, unit) => unchecked((31 * hash) + unit));
        return state.Partitions.Single(partition => partition.PartitionId == Math.Abs(hash) % state.Partitions.Count).Leader;
    }

    /// <summary>The metadata of a group that the writer is no member of, which only a consumer can make.</summary>
    private sealed class GroupMetadata(string group)
    {
        private static readonly ConcurrentDictionary<string, IConsumerGroupMetadata> Made = new();

        public IConsumerGroupMetadata Value => Made.GetOrAdd(group, static name =>
        {
            using IConsumer<Ignore, Ignore> consumer = new ConsumerBuilder<Ignore, Ignore>(
                new ConsumerConfig { BootstrapServers = "127.0.0.1:1", GroupId = name }).SetLogHandler(static (_, _) => { }).Build();
            return consumer.ConsumerGroupMetadata;
        });
    }
}
