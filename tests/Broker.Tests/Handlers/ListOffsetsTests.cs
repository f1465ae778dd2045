using CsCheck;
using PipeRoll.Broker.Partitions;
using PipeRoll.Broker.Tests.Support;
using PipeRoll.Wire;
using PipeRoll.Wire.Messages;
using PipeRoll.Wire.Records;

namespace PipeRoll.Broker.Tests.Handlers;

public sealed class ListOffsetsTests
{
    /// <summary>Batches of times in any order, compressed or not, with the log's start anywhere.</summary>
    [Fact]
    public async Task A_search_by_time_is_what_a_plain_scan_finds() =>
        await Gen.Select(
            Gen.Int[0, 30].Array[1, 4].Array[1, 6], Gen.Int[0, 4], Gen.Int[0, 31], Gen.Double[0, 1]).SampleAsync(
            async (batches, codec, target, trimmed) =>
            {
                await using BrokerHost host = await BrokerHost.StartAsync();
                Partition partition = (await host.CreateTopicAsync("t")).Partitions[0];
                var times = new List<long>();
                foreach (int[] batch in batches)
                {
                    long[] timestamps = [.. batch.Select(time => Batches.Now + time)];
                    await partition.AppendAsync(Batches.Of(batch.Length, codec: (CompressionCodec)codec, timestamps: timestamps), null);
                    times.AddRange(timestamps);
                }

                int start = (int)(trimmed * times.Count);
                await partition.TrimAsync(start, CancellationToken.None);
                using var decompressors = new DecompressorPool();
                TimestampedOffset found = await TimestampSearch.FirstAtOrAfterAsync(
                    partition.Stream!, Batches.Now + target, decompressors, CancellationToken.None);
                int expected = times.FindIndex(start, time => time >= Batches.Now + target);
                Assert.Equal((expected, expected < 0 ? -1 : times[expected]), (found.Offset, found.Timestamp));

                TimestampedOffset latest = await TimestampSearch.LatestAsync(partition.Stream!, decompressors, CancellationToken.None);
                long largest = times.Skip(start).DefaultIfEmpty(-1).Max();
                Assert.Equal(largest, latest.Timestamp);
                Assert.Equal(largest < 0 ? -1 : times.FindIndex(start, time => time == largest), latest.Offset);
            },
            iter: 40);

    [Fact]
    public async Task The_times_with_a_meaning_have_it()
    {
        await using BrokerHost host = await BrokerHost.StartAsync();
        Partition partition = (await host.CreateTopicAsync("t")).Partitions[0];
        using RawClient client = await RawClient.ConnectAsync(host);
        await client.ProduceAsync("t", Batches.Of(5, timestamps: [.. new long[] { 10, 30, 20, 30, 5 }.Select(time => Batches.Now + time)]));
        await partition.TrimAsync(1, CancellationToken.None);
        Assert.Equal((5, -1), await Ask(client, -1));
        Assert.Equal((1, -1), await Ask(client, -2));
        Assert.Equal((1, Batches.Now + 30), await Ask(client, -3));
        Assert.Equal((1, -1), await Ask(client, -4));
        // In memory everything is committed at once.
        Assert.Equal((4, -1), await Ask(client, -5));
        Assert.Equal((5, -1), await Ask(client, -6));
        Assert.Equal((1, Batches.Now + 30), await Ask(client, Batches.Now + 20));
        Assert.Equal((-1, -1), await Ask(client, Batches.Now + 31));
        Assert.Equal((short)KafkaError.UnsupportedVersion, (await AskRaw(client, "t", 0, -99)).ErrorCode);
        foreach ((long time, short version) in new (long, short)[] { (-3, 6), (-4, 7), (-5, 8), (-6, 10) })
        {
            Assert.Equal((short)KafkaError.UnsupportedVersion, (await AskRaw(client, "t", 0, time, version)).ErrorCode);
        }

        Assert.Equal((short)KafkaError.UnknownTopicOrPartition, (await AskRaw(client, "t", 1, -1)).ErrorCode);
    }

    /// <summary>
    /// Where nothing is stable yet, the earliest offset is still the log's start: "none" is -1, which clients take for the end, and then
    /// they leave out what came meanwhile.
    /// </summary>
    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    public async Task The_earliest_offset_of_an_empty_log_is_its_start_for_readers_of_what_is_committed(int trimmed)
    {
        await using BrokerHost host = await BrokerHost.StartAsync();
        Partition partition = (await host.CreateTopicAsync("t")).Partitions[0];
        using RawClient client = await RawClient.ConnectAsync(host);
        if (trimmed > 0)
        {
            await client.ProduceAsync("t", Batches.Of(trimmed));
            await partition.TrimAsync(trimmed, CancellationToken.None);
        }

        foreach (long time in new long[] { -1, -2, -4 })
        {
            ListOffsetsResponse answer = await client.CallAsync<ListOffsetsRequest, ListOffsetsResponse>(
                new ListOffsetsRequest
                {
                    ReplicaId = -1,
                    IsolationLevel = 1,
                    Topics = [new() { Name = "t", Partitions = [new() { Timestamp = time, CurrentLeaderEpoch = -1 }] }],
                },
                8);
            Assert.Equal(((short)0, (long)trimmed), (answer.Topics[0].Partitions[0].ErrorCode, answer.Topics[0].Partitions[0].Offset));
        }
    }

    private static async Task<(long Offset, long Timestamp)> Ask(RawClient client, long timestamp)
    {
        ListOffsetsResponse.ListOffsetsPartitionResponse answer = await AskRaw(client, "t", 0, timestamp);
        Assert.Equal(0, answer.ErrorCode);
        return (answer.Offset, answer.Timestamp);
    }

    private static async Task<ListOffsetsResponse.ListOffsetsPartitionResponse> AskRaw(
        RawClient client, string topic, int partition, long timestamp, short version = 11)
    {
        ListOffsetsResponse response = await client.CallAsync<ListOffsetsRequest, ListOffsetsResponse>(
            new ListOffsetsRequest
            {
                ReplicaId = -1,
                Topics = [new() { Name = topic, Partitions = [new() { PartitionIndex = partition, Timestamp = timestamp }] }],
            },
            version);
        return Assert.Single(Assert.Single(response.Topics).Partitions);
    }
}
