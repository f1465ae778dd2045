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
    private readonly MockCluster _cluster = new();

    public DecisionReaderTests() => _cluster.CreateTopic("out", 1);

    public void Dispose() => _cluster.Dispose();

    [Fact]
    public void Only_records_of_the_newest_claim_before_them_count()
    {
        using (IProducer<byte[]?, byte[]?> producer = Producer())
        {
            Claim(producer);
            Record(producer, epoch: 0, source: 0, "a");
            Record(producer, epoch: 0, source: 1, "b");
            Claim(producer);
            Record(producer, epoch: 0, source: 2, "late");
            Record(producer, epoch: 3, source: 2, "c");
            producer.Produce(Output, new Message<byte[]?, byte[]?> { Value = "not ours"u8.ToArray() });
            Record(producer, epoch: 0, source: 3, "later");
            Record(producer, epoch: 3, source: 3, "d");
            producer.Flush(TimeSpan.FromSeconds(10));
        }

        using var reader = new DecisionReader(_cluster.Connection, "out", NullLogger.Instance);
        var read = new List<string>();
        reader.Read(0, record =>
        {
            read.Add($"{record.SourceOffset}{Encoding.UTF8.GetString(record.Value!)}");
            return true;
        });
        Assert.Equal(["0a", "1b", "2c", "3d"], read);
        Assert.Equal(2, reader.Ignored);
        Assert.Equal("c", Encoding.UTF8.GetString(reader.Find(0, 2)!.Value.Value!));
        Assert.Null(reader.Find(0, 9));
    }

    [Fact]
    public void A_record_is_found_by_halving_and_the_tail_by_a_bounded_read()
    {
        const int Records = 70_000;
        using (IProducer<byte[]?, byte[]?> producer = Producer())
        {
            Claim(producer);
            for (int source = 0; source < Records; source++)
            {
                Record(producer, epoch: 0, 1_000 + source, "x");
            }

            producer.Flush(TimeSpan.FromSeconds(30));
        }

        using var log = new LogReader(_cluster.Connection, NullLogger.Instance);
        OutputTailResult tail = OutputTail.Read(log, Output, long.MaxValue);
        Assert.Equal((1_000 + Records - 1, 0L), (tail.SourceOffset, tail.NewestClaim));
        Assert.InRange(tail.RecordsRead, OutputHeaders.InFlightMax, OutputHeaders.InFlightMax + 100);
        using var reader = new DecisionReader(_cluster.Connection, "out", NullLogger.Instance);
        foreach (long source in new[] { 1_000, 1_001, 25_000, 52_345, 70_999 })
        {
            Assert.Equal(source - 999, reader.Find(0, source)!.Value.Offset);
        }
    }

    private static void Claim(IProducer<byte[]?, byte[]?> producer) =>
        producer.Produce(Output, new Message<byte[]?, byte[]?> { Headers = new Headers { { OutputHeaders.Claim, "w"u8.ToArray() } } });

    private static void Record(
        IProducer<byte[]?,
        byte[]?> producer,
        long epoch,
        long source,
        string value) => producer.Produce(Output, new Message<byte[]?, byte[]?>
        {
            Value = Encoding.UTF8.GetBytes(value),
            Headers = new Headers
        {
            { OutputHeaders.Epoch, OutputHeaders.Encode(epoch) },
            { OutputHeaders.SourceOffset, OutputHeaders.Encode(source) },
        },
        });

    private IProducer<byte[]?, byte[]?> Producer() =>
        KafkaClients.Producer(_cluster.Connection.ProducerConfig("test"), NullLogger.Instance);
}
