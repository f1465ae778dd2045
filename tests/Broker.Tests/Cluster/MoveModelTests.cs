using PipeRoll.Broker.Partitions;
using PipeRoll.Broker.Tests.Support;
using PipeRoll.Streams;
using PipeRoll.Streams.Metadata;
using PipeRoll.Wire;
using PipeRoll.Wire.Records;

namespace PipeRoll.Broker.Tests.Cluster;

/// <summary>
/// Appends at both brokers while a partition is moved, sealed, resumed and placed at random: what was acknowledged lies in the log where
/// the acknowledgement said, once, in an epoch of its leader; and every append is answered.
/// </summary>
public sealed class MoveModelTests
{
    public static TheoryData<int> Seeds => [.. Enumerable.Range(1, 25)];

    [Theory]
    [MemberData(nameof(Seeds))]
    public async Task What_is_acknowledged_is_in_the_log_once_whatever_moves(int seed)
    {
        await using TwoBrokers pair = await TwoBrokers.StartAsync(BrokerHost.Options with { PartitionOpenRetryMs = 5 });
        StreamId stream = await pair.CreateAsync("t");
        var random = new Random(seed);
        var appends = new List<(int Producer, Task<AppendResult> Result)>();
        for (int step = 0; step < 60; step++)
        {
            int leader = pair.Placements[stream].Node;
            switch (random.Next(10))
            {
                case 0:
                    await HandOverAsync(pair, stream, leader, imageFirst: random.Next(2) == 0, isTaken: true);
                    break;
                case 1:
                    await HandOverAsync(pair, stream, leader, imageFirst: false, isTaken: false);
                    break;
                case 2:
                    // The leader is declared dead and the partition placed anew, now and then back to itself; word of it comes in any order.
                    pair.Placements[stream] = (random.Next(1, 3), pair.Placements[stream].Epoch + 1);
                    pair.Announce(stream);
                    break;
                case 3:
                    pair.Storage.OpenFailures.Enqueue(new IOException("the bucket is away"));
                    break;
                case 4:
                    await BrokerHost.UntilAsync(() => pair.PartitionOn(leader, "t").State == PartitionState.Open);
                    break;
                default:
                    int producer = appends.Count + 1;
                    Partition at = pair.PartitionOn(random.Next(4) == 0 ? 3 - leader : leader, "t");
                    appends.Add((producer, at.AppendAsync(Batches.Of(1 + random.Next(3), producer, 0, 0), null).AsTask()));
                    break;
            }
        }

        pair.Announce(stream);
        await BrokerHost.UntilAsync(() => pair.PartitionOn(pair.Placements[stream].Node, "t").State == PartitionState.Open);
        AppendResult[] results = await Task.WhenAll(appends.Select(append => append.Result));
        Dictionary<long, RecordBatchHeader> log = pair.Storage[stream].Batches
            .Select(batch => RecordBatchHeader.TryRead(batch.Bytes, out RecordBatchHeader header) ? header : throw new InvalidDataException())
            .ToDictionary(header => header.ProducerId);
        long next = 0;
        int epoch = 0;
        foreach (RecordBatchHeader header in log.Values.OrderBy(header => header.BaseOffset))
        {
            Assert.Equal(next, header.BaseOffset);
            Assert.True(header.PartitionLeaderEpoch >= epoch, "an old leader wrote after a newer one");
            next = header.LastOffset + 1;
            epoch = header.PartitionLeaderEpoch;
        }

        for (int at = 0; at < results.Length; at++)
        {
            if (results[at].Error == KafkaError.None)
            {
                Assert.Equal(results[at].BaseOffset, log[appends[at].Producer].BaseOffset);
            }
            else
            {
                Assert.Equal(KafkaError.NotLeaderOrFollower, results[at].Error);
                Assert.False(log.ContainsKey(appends[at].Producer), "what was refused is in the log");
            }
        }

        Assert.Equal(log.Count, results.Count(result => result.Error == KafkaError.None));
        Assert.Contains(results, result => result.Error == KafkaError.None);
    }

    private static async Task HandOverAsync(TwoBrokers pair, StreamId stream, int leader, bool imageFirst, bool isTaken)
    {
        if (await pair.BrokerOf(leader).PartitionHost!.SealAsync(stream) is not { } handOver)
        {
            return;
        }

        if (!isTaken)
        {
            pair.BrokerOf(leader).PartitionHost!.Resume(stream);
            return;
        }

        pair.Commit(handOver);
        if (imageFirst)
        {
            pair.Announce(stream);
        }

        pair.BrokerOf(leader).PartitionHost!.Released(stream);
        pair.Announce(stream);
    }
}
