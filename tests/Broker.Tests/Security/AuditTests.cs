using System.Text.Json;
using PipeRoll.Broker.Partitions;
using PipeRoll.Broker.Security;
using PipeRoll.Broker.Security.Audit;
using PipeRoll.Broker.Tests.Support;
using PipeRoll.Broker.Topics;
using PipeRoll.Streams;
using PipeRoll.Wire.Records;

namespace PipeRoll.Broker.Tests.Security;

public sealed class AuditTests
{
    [Fact]
    public void The_same_again_is_counted_and_written_once_a_window()
    {
        var queue = new AuditQueue();
        Assert.True(queue.Add(Event("alice"), 0));
        Assert.False(queue.Add(Event("alice"), 1));
        Assert.False(queue.Add(Event("alice"), 2));
        Assert.True(queue.Add(Event("bob"), 3));

        Assert.Equal([("alice", 1L), ("bob", 1L)], queue.Take(4, 10).Select(each => (each.Event.Principal, each.Count)));
        Assert.Empty(queue.Take(AuditQueue.WindowMs - 1, 10));
        Assert.Equal([("alice", 2L)], queue.Take(AuditQueue.WindowMs, 10).Select(each => (each.Event.Principal, each.Count)));
        Assert.True(queue.Add(Event("alice"), AuditQueue.WindowMs + 1));
    }

    [Fact]
    public void A_flood_is_bounded_and_nothing_of_it_is_forgotten()
    {
        var queue = new AuditQueue();
        long written = 0;
        int records = 0;
        const int Attempts = 100_000;
        for (int i = 0; i < Attempts; i++)
        {
            queue.Add(Event($"user{i}"), i / 10);
        }

        foreach (QueuedEvent each in queue.Take(Attempts, int.MaxValue, isLast: true))
        {
            written += each.Count;
            records++;
        }

        Assert.Equal(Attempts, written);
        Assert.InRange(records, 1, (Attempts / 10 / AuditQueue.WindowMs + 2) * (AuditQueue.DistinctMax + 1));
    }

    [Fact]
    public async Task Events_are_records_of_a_topic_that_only_the_broker_writes()
    {
        await using BrokerHost host = await SecuredHost.StartAsync();
        await host.AddUserAsync("bob", "b");
        using (RawClient client = await RawClient.ConnectAsync(host))
        {
            await DenialMatrixTests.AuthenticateAsync(client, "bob", "b");
            await client.CallAsync<PipeRoll.Wire.Messages.MetadataRequest, PipeRoll.Wire.Messages.MetadataResponse>(
                new PipeRoll.Wire.Messages.MetadataRequest { Topics = [new() { Name = "secret" }] }, 12);
        }

        await BrokerHost.UntilAsync(() => host.Services.Topics.Find(AuditModule.TopicName) is { } made
            && made.Partitions.Any(partition => partition.HighWatermark > 0));
        Topic topic = host.Services.Topics.Find(AuditModule.TopicName)!;
        Partition written = topic.Partitions.First(partition => partition.HighWatermark > 0);
        using FetchedBatches batches = await written.ReadAsync(0, 1 << 20);
        ReadOnlyMemory<byte> bytes = batches.Segments[0];
        Assert.True(RecordBatches.TryTakeFirst(ref bytes, out RecordBatchHeader header, out ReadOnlyMemory<byte> batch));
        using var decompressor = new RecordDecompressor();
        ReadOnlyMemory<byte> records = RecordBatches.OpenRecords(header, batch, decompressor, 1 << 20, out PooledBytes? lease);
        using (lease)
        {
            foreach (PipeRoll.Wire.Records.Record record in new RecordReader(header, records.Span))
            {
                using JsonDocument json = JsonDocument.Parse(record.Value.ToArray());
                Assert.Equal(6003, json.RootElement.GetProperty("class_uid").GetInt32());
                Assert.Equal("Failure", json.RootElement.GetProperty("status").GetString());
                Assert.Equal("User:bob", json.RootElement.GetProperty("actor").GetProperty("user").GetProperty("name").GetString());
                Assert.Equal("secret", json.RootElement.GetProperty("resources")[0].GetProperty("name").GetString());
            }
        }

        Assert.True(topic.IsInternal);
    }

    private static AuditEvent Event(string principal) => new(AuditKind.AuthenticationFailed, principal, "10.0.0.1", "PLAIN", "", "", "", "no");
}
