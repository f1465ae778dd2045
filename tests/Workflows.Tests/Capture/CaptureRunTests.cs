using System.Text;
using Confluent.Kafka;
using Microsoft.Extensions.Logging.Abstractions;
using PipeRoll.Workflows.Capture;
using PipeRoll.Workflows.Kafka;
using PipeRoll.Workflows.Tests.Kafka;

namespace PipeRoll.Workflows.Tests.Capture;

public class CaptureRunTests
{
    [Fact]
    public void Events_and_dead_letters_arrive_with_their_coordinates_through_a_broker_that_goes_away()
    {
        using var cluster = new MockCluster();
        cluster.CreateTopic("events", 3);
        cluster.CreateTopic("dead", 1);
        var file = new StringBuilder("account,amount,time\r\n");
        for (int row = 0; row < 3_000; row++)
        {
            file.Append(row % 500 == 499 ? $"acc{row % 50},1.5\r\n" : $"acc{row % 50},{row}.5,2026-01-01T00:00:{row % 60:00}Z\r\n");
        }

        CaptureSource source = CaptureSource.Open(
            "file.csv", () => new MemoryStream(Encoding.UTF8.GetBytes(file.ToString())), new CaptureHints());
        var run = new CaptureRun(source, "events", 3, "dead", cluster.Connection, NullLogger.Instance);
        cluster.Down();
        using var backUp = new Timer(_ => cluster.Up(), null, 700, Timeout.Infinite);
        CaptureReport report = run.Run(TimeProvider.System, CancellationToken.None);

        Assert.Equal((3_000, 2_994, 6), (report.Rows, report.Captured, report.DeadLetters));
        Assert.InRange(report.LatencyP99Ms, report.LatencyP50Ms, 60_000);
        var seen = new HashSet<string>();
        using var reader = new LogReader(cluster.Connection, NullLogger.Instance);
        for (int partition = 0; partition < 3; partition++)
        {
            foreach (ConsumeResult<byte[]?, byte[]?> record in All(reader, "events", partition))
            {
                string key = Encoding.UTF8.GetString(record.Message.Key!);
                Assert.Equal(partition, KeyPartitioner.Of(record.Message.Key!, 3));
                Assert.Contains($"\"account\":\"{key}\"", Encoding.UTF8.GetString(record.Message.Value!));
                Assert.Equal(2026, record.Message.Timestamp.UtcDateTime.Year);
                Assert.True(seen.Add(Encoding.UTF8.GetString(record.Message.Headers.GetLastBytes(CaptureHeaders.Source))));
            }
        }

        Assert.Equal(2_994, seen.Count);
        ConsumeResult<byte[]?, byte[]?> dead = All(reader, "dead", 0)[0];
        Assert.Equal("acc49,1.5", Encoding.UTF8.GetString(dead.Message.Value!));
        Assert.Equal("501", Encoding.UTF8.GetString(dead.Message.Headers.GetLastBytes(CaptureHeaders.Line)));
        Assert.Equal("2 fields where the header has 3", Encoding.UTF8.GetString(dead.Message.Headers.GetLastBytes(CaptureHeaders.Reason)));
    }

    private static List<ConsumeResult<byte[]?, byte[]?>> All(LogReader reader, string topic, int partition)
    {
        var records = new List<ConsumeResult<byte[]?, byte[]?>>();
        var at = new TopicPartition(topic, partition);
        (long low, long high) = reader.Bounds(at);
        reader.Read(at, low, high, record =>
        {
            records.Add(record);
            return true;
        });
        return records;
    }
}
