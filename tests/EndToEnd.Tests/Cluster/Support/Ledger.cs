using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using Confluent.Kafka;
using Confluent.Kafka.Admin;

namespace PipeRoll.EndToEnd.Tests.Cluster.Support;

/// <summary>
/// Writers of transactions, each over all partitions of a topic and with an offset of a group, every fourth aborted; and whether each of them was kept
/// whole or left no trace.
/// </summary>
/// <param name="client">Settings of every client; copied.</param>
internal sealed class Ledger(ClientConfig client, string topic, int partitions, int writers)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan CallTimeout = TimeSpan.FromSeconds(15);
    private readonly CancellationTokenSource _stop = new();
    private Task<List<Fate>>[] _writing = [];

    private enum Fate
    {
        Unknown,
        Committed,
        Aborted,
    }

    public static string IdOf(int writer) => $"writer-{writer}";

    /// <summary>Begins to write, until <see cref="VerifyAsync"/>.</summary>
    public void Start() => _writing = [.. Enumerable.Range(0, writers).Select(writer => Task.Factory.StartNew(
        () => Write(writer), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default))];

    /// <summary>Ends the writing; then a group that reads what is committed must find every transaction whole or not at all.</summary>
    /// <param name="group">Nobody else's.</param>
    public async Task VerifyAsync(string group, ITestOutputHelper output)
    {
        await _stop.CancelAsync();
        List<Fate>[] fates = await Task.WhenAll(_writing);
        Dictionary<(int Writer, int Number), List<int>> seen = ReadCommitted(group);
        using IAdminClient admin = new AdminClientBuilder(Copy()).Build();
        for (int writer = 0; writer < writers; writer++)
        {
            long last = -1;
            for (int number = 0; number < fates[writer].Count; number++)
            {
                List<int> at = seen.GetValueOrDefault((writer, number), []);
                Assert.True(
                    at.Count == 0 || (at.Count == partitions && at.Distinct().Count() == partitions),
                    $"transaction {number} of {writer} is in partitions {string.Join(", ", at)}");
                Assert.True(fates[writer][number] != Fate.Committed || at.Count > 0, $"committed transaction {number} of {writer} is lost");
                Assert.True(fates[writer][number] != Fate.Aborted || at.Count == 0, $"aborted transaction {number} of {writer} is there");
                last = at.Count > 0 ? number : last;
            }

            List<ListConsumerGroupOffsetsResult> offsets = await admin.ListConsumerGroupOffsetsAsync(
                [new ConsumerGroupTopicPartitions(GroupOf(writer), [new TopicPartition(topic, 0)])],
                new ListConsumerGroupOffsetsOptions { RequireStableOffsets = true });
            Assert.Equal(last, offsets[0].Partitions[0].Offset.Value);
            output.WriteLine(
                $"writer {writer}: {fates[writer].Count(fate => fate == Fate.Committed)} committed, "
                + $"{fates[writer].Count(fate => fate == Fate.Aborted)} aborted, {fates[writer].Count(fate => fate == Fate.Unknown)} unknown");
            Assert.Contains(Fate.Committed, fates[writer]);
        }
    }

    private static string GroupOf(int writer) => $"ledger-group-{writer}";

    private Dictionary<string, string> Copy() => new(client);

    /// <summary>Transactions over all partitions, each with an offset, every fourth aborted, until told to stop.</summary>
    private List<Fate> Write(int writer)
    {
        List<Fate> fates = [];
        while (!_stop.IsCancellationRequested)
        {
            using IProducer<Null, string> producer = new ProducerBuilder<Null, string>(new ProducerConfig(Copy())
            {
                TransactionalId = IdOf(writer),
                TransactionTimeoutMs = 30_000,
                LingerMs = 0,

                // It forgets brokers that are away, but not that they coordinate a group, and then waits for a connection that nobody makes.
                MetadataRecoveryStrategy = MetadataRecoveryStrategy.None,
            }).SetLogHandler(static (_, _) => { }).Build();
            Retry(() => producer.InitTransactions(CallTimeout));
            while (!_stop.IsCancellationRequested)
            {
                fates.Add(Fate.Unknown);
                try
                {
                    fates[^1] = WriteOne(producer, writer, fates.Count - 1);
                }
                catch (Exception error) when (error is TimeoutException or KafkaException { Error.IsFatal: true })
                {
                    // Another producer takes the id over, and makes void what is open.
                    break;
                }
            }
        }

        return fates;
    }

    private Fate WriteOne(IProducer<Null, string> producer, int writer, int number)
    {
        producer.BeginTransaction();
        try
        {
            for (int partition = 0; partition < partitions; partition++)
            {
                producer.Produce(
                    new TopicPartition(topic, partition),
                    new Message<Null, string> { Value = string.Create(CultureInfo.InvariantCulture, $"{writer} {number}") });
            }

            Retry(() => producer.SendOffsetsToTransaction(
                [new TopicPartitionOffset(topic, 0, number)], new GroupMetadata(GroupOf(writer)).Value, CallTimeout));
            if (number % 4 != 3)
            {
                Retry(() => producer.CommitTransaction(CallTimeout));
                return Fate.Committed;
            }
        }
        catch (KafkaTxnRequiresAbortException)
        {
            // Aborted below.
        }

        Retry(() => producer.AbortTransaction(CallTimeout));
        return Fate.Aborted;
    }

    /// <exception cref="TimeoutException">It can't be done within the patience.</exception>
    private static void Retry(Action call)
    {
        long started = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(started) < Patience)
        {
            try
            {
                call();
                return;
            }
            catch (KafkaException error) when (error is KafkaRetriableException || error.Error.Code == ErrorCode.NotLeaderForPartition)
            {
                // As its documentation says: the same call again. Leaders may be moving back to a broker that was started again.
            }
        }

        throw new TimeoutException($"the client did not get it done within {Patience.TotalSeconds} s");
    }

    /// <summary>To the very end: the marks of the last transactions may still be on their way.</summary>
    private Dictionary<(int Writer, int Number), List<int>> ReadCommitted(string group)
    {
        Dictionary<TopicPartition, long> unread = Ends();
        using IConsumer<Ignore, string> consumer = new ConsumerBuilder<Ignore, string>(new ConsumerConfig(Copy())
        {
            GroupId = group,
            IsolationLevel = IsolationLevel.ReadCommitted,
            AutoOffsetReset = AutoOffsetReset.Earliest,
            EnablePartitionEof = true,
            EnableAutoCommit = false,
        }).Build();
        consumer.Subscribe(topic);
        Dictionary<(int Writer, int Number), List<int>> seen = [];
        while (unread.Count > 0)
        {
            ConsumeResult<Ignore, string> result = consumer.Consume(Patience)
                ?? throw new TimeoutException($"not read to the end: {string.Join(", ", unread)}");
            if (!result.IsPartitionEOF)
            {
                int[] name = [.. result.Message.Value.Split(' ').Select(word => int.Parse(word, CultureInfo.InvariantCulture))];
                (seen.TryGetValue((name[0], name[1]), out List<int>? at) ? at : seen[(name[0], name[1])] = []).Add(result.Partition);
            }
            else if (result.Offset.Value >= unread.GetValueOrDefault(result.TopicPartition))
            {
                unread.Remove(result.TopicPartition);
            }
        }

        consumer.Commit();
        consumer.Close();
        return seen;
    }

    private Dictionary<TopicPartition, long> Ends()
    {
        using IConsumer<Ignore, Ignore> consumer = new ConsumerBuilder<Ignore, Ignore>(
            new ConsumerConfig(Copy()) { GroupId = "ledger-ends", IsolationLevel = IsolationLevel.ReadUncommitted }).Build();
        return Enumerable.Range(0, partitions).Select(partition => new TopicPartition(topic, partition)).ToDictionary(partition => partition, partition =>
        {
            long end = -1;
            Retry(() => end = consumer.QueryWatermarkOffsets(partition, Patience).High.Value);
            return end;
        });
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
