using System.Text;
using Confluent.Kafka;
using Microsoft.Extensions.Logging.Abstractions;
using PipeRoll.Workflows.Deciding;
using PipeRoll.Workflows.Kafka;
using PipeRoll.Workflows.Tests.Kafka;

namespace PipeRoll.Workflows.Tests.Deciding;

public sealed class DecisionReaderTests : IDisposable
{
    private static readonly TopicPartition Output = new("out", 0);
    private readonly RealBroker _cluster = new();

    public DecisionReaderTests() => _cluster.CreateTopic("out", 1);

    public void Dispose() => _cluster.Dispose();

    [Fact]
    public void OnlyWhatIsCommittedAndIsAboutAnEventIsRead()
    {
        using (IProducer<byte[]?, byte[]?> producer = Producer())
        {
            Transaction(producer, isCommitted: true, (0, "a"), (1, "b"));
            Transaction(producer, isCommitted: false, (2, "void"));
            producer.BeginTransaction();
            producer.Produce(Output, new Message<byte[]?, byte[]?> { Value = "not ours"u8.ToArray() });
            producer.CommitTransaction();
            Transaction(producer, isCommitted: true, (2, "c"));
            Transaction(producer, isCommitted: false, [.. Enumerable.Range(3, 100).Select(source => ((long)source, "void"))]);
        }

        using var reader = new DecisionReader(_cluster.Connection, "out", NullLogger.Instance);
        var read = new List<string>();
        reader.Read(0, record =>
        {
            read.Add($"{record.SourceOffset}{Encoding.UTF8.GetString(record.Value!)}");
            return true;
        });
        Assert.Equal(["0a", "1b", "2c"], read);
        Assert.Equal("c", Encoding.UTF8.GetString(reader.Find(0, 2)!.Value.Value!));
        Assert.Null(reader.Find(0, 3));
        using var log = new LogReader(_cluster.Connection, NullLogger.Instance);
        Assert.Equal(2, DecisionTail.NewestSource(log, Output));
    }

    [Fact]
    public void AnEmptyPartitionHasNoNewestDecision()
    {
        using var log = new LogReader(_cluster.Connection, NullLogger.Instance);
        Assert.Null(DecisionTail.NewestSource(log, Output));
        using (IProducer<byte[]?, byte[]?> producer = Producer())
        {
            Transaction(producer, isCommitted: false, (0, "void"));
        }

        Assert.Null(DecisionTail.NewestSource(log, Output));
    }

    [Fact]
    public void ARecordIsFoundByHalving()
    {
        const int Records = 20_000;
        using (IProducer<byte[]?, byte[]?> producer = Producer())
        {
            for (int from = 0; from < Records; from += 1_000)
            {
                Transaction(producer, isCommitted: true, [.. Enumerable.Range(from, 1_000).Select(source => (1_000L + source, "x"))]);
            }
        }

        using var reader = new DecisionReader(_cluster.Connection, "out", NullLogger.Instance);
        foreach (long source in new[] { 1_000, 1_001, 7_000, 12_345, 20_999 })
        {
            // Every thousand records a mark lies between them.
            Assert.Equal(source - 1_000 + ((source - 1_000) / 1_000), reader.Find(0, source)!.Value.Offset);
        }

        Assert.Null(reader.Find(0, 999));
        Assert.Null(reader.Find(0, 21_000));
    }

    private static void Transaction(IProducer<byte[]?, byte[]?> producer, bool isCommitted, params (long Source, string Value)[] records)
    {
        producer.BeginTransaction();
        foreach ((long source, string value) in records)
        {
            producer.Produce(Output, new Message<byte[]?, byte[]?>
            {
                Value = Encoding.UTF8.GetBytes(value),
                Headers = new Headers { { OutputHeaders.SourceOffset, System.Text.Encoding.ASCII.GetBytes($"{source}") } },
            });
        }

        // Flushed, so that also what is aborted stands in the log.
        producer.Flush(TimeSpan.FromSeconds(30));
        if (isCommitted)
        {
            producer.CommitTransaction();
        }
        else
        {
            producer.AbortTransaction();
        }
    }

    private IProducer<byte[]?, byte[]?> Producer()
    {
        IProducer<byte[]?, byte[]?> producer = KafkaClients.Producer(
            _cluster.Connection.TransactionalConfig("test", "test", 60_000), NullLogger.Instance);
        producer.InitTransactions(TimeSpan.FromSeconds(30));
        return producer;
    }
}
