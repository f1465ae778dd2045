using PipeRoll.Broker.Tests.Cluster;
using PipeRoll.Broker.Tests.Support;
using PipeRoll.Broker.Tests.Transactions;
using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Tests.Nearby;

/// <summary>Readers of committed records see the same nearby as at the leader, from wherever they begin.</summary>
public sealed class NearbyTransactionsTests
{
    private const string Topic = "payments";

    private static BrokerOptions Options => BrokerHost.Options with
    {
        ReplicaSelector = "org.apache.kafka.common.replica.RackAwareReplicaSelector",
    };

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task Committed_readers_see_the_same_from_every_offset_and_in_pieces_of_any_size(int seed)
    {
        await using TwoBrokers pair = await TwoBrokers.StartAsync(Options);
        await pair.CreateAsync(Topic);
        await WriteAsync(pair, new Random(seed), steps: 60);
        using RawClient leader = await pair.ConnectAsync(1);
        using RawClient nearby = await pair.ConnectAsync(2);
        long end = pair.PartitionOn(1, Topic).HighWatermark;
        long stable = pair.PartitionOn(1, Topic).LastStableOffset;
        Assert.True(stable < end, "a transaction is left open");
        foreach (bool onlyCommitted in (bool[])[true, false])
        {
            List<long> expected = await ReadAllAsync(leader, "a", 0, onlyCommitted, 1 << 20);
            Assert.NotEmpty(expected);
            for (long offset = 0; offset < end; offset++)
            {
                long from = offset;
                Assert.Equal(expected.Where(each => each >= from), await ReadAllAsync(nearby, "b", from, onlyCommitted, 1 << 20));
                Assert.Equal(expected.Where(each => each >= from), await ReadAllAsync(nearby, "b", from, onlyCommitted, bytesMax: 300));
            }
        }
    }

    [Fact]
    public async Task A_committed_reader_that_waits_nearby_is_woken_by_the_commit_and_not_by_the_records()
    {
        await using TwoBrokers pair = await TwoBrokers.StartAsync(Options);
        await pair.CreateAsync(Topic);
        using TransactionClient producer = await BeginAsync(pair, "waited-for");
        using RawClient nearby = await pair.ConnectAsync(2);
        Task<FetchResponse.PartitionData> waiting = FetchAsync(nearby, "b", 0, true, 1 << 20, waitMs: 20_000);
        Assert.Equal(0, (await producer.ProduceAsync(Topic, 3)).ErrorCode);
        using RawClient other = await pair.ConnectAsync(2);
        Assert.Equal([0L, 1, 2], TransactionClient.Visible(await FetchAsync(other, "b", 0, false, 1 << 20, waitMs: 20_000)));
        Assert.False(waiting.IsCompleted);
        Assert.Equal(KafkaError.None, await producer.EndAsync(isCommit: true));
        Assert.Equal([0L, 1, 2], TransactionClient.Visible(await waiting));
    }

    private static async Task<TransactionClient> BeginAsync(TwoBrokers pair, string id)
    {
        var client = new TransactionClient(await pair.ConnectAsync(1), id, isV2: true);
        KafkaError error = KafkaError.CoordinatorNotAvailable;
        await BrokerHost.UntilAsync(async () =>
        {
            await pair.SpreadAsync();
            return (error = await client.InitAsync()) is not (KafkaError.CoordinatorNotAvailable or KafkaError.CoordinatorLoadInProgress
                or KafkaError.NotCoordinator);
        });
        Assert.Equal(KafkaError.None, error);
        return client;
    }

    /// <summary>Three producers whose transactions lie across each other, some aborted, and plain records between; the first one's last is left open.</summary>
    private static async Task WriteAsync(TwoBrokers pair, Random random, int steps)
    {
        TransactionClient[] producers = [await BeginAsync(pair, "p0"), await BeginAsync(pair, "p1"), await BeginAsync(pair, "p2")];
        bool[] isOpen = new bool[producers.Length];
        using RawClient plain = await pair.ConnectAsync(1);
        for (int step = 0; step < steps; step++)
        {
            int who = random.Next(producers.Length + 1);
            if (who == producers.Length)
            {
                await plain.ProduceAsync(Topic, Batches.Of(random.Next(1, 4)));
            }
            else if (isOpen[who] && random.Next(3) == 0)
            {
                Assert.Equal(KafkaError.None, await producers[who].EndAsync(isCommit: random.Next(2) == 0));
                isOpen[who] = false;
            }
            else
            {
                Assert.Equal(0, (await producers[who].ProduceAsync(Topic, random.Next(1, 4))).ErrorCode);
                isOpen[who] = true;
            }
        }

        for (int who = 0; who < producers.Length; who++)
        {
            if (isOpen[who])
            {
                Assert.Equal(KafkaError.None, await producers[who].EndAsync(isCommit: who == 1));
            }
        }

        Assert.Equal(0, (await producers[0].ProduceAsync(Topic)).ErrorCode);
        await plain.ProduceAsync(Topic, Batches.Of(2));
        Array.ForEach(producers, static producer => producer.Dispose());
    }

    /// <summary>The offsets that a client hands to its user, which goes on from the end of each answer, until an answer is empty.</summary>
    private static async Task<List<long>> ReadAllAsync(RawClient client, string rack, long offset, bool onlyCommitted, int bytesMax)
    {
        List<long> all = [];
        while (true)
        {
            FetchResponse.PartitionData read = await FetchAsync(client, rack, offset, onlyCommitted, bytesMax);
            Assert.Equal(0, read.ErrorCode);
            long end = TransactionClient.EndOf(read);
            if (end < 0)
            {
                return all;
            }

            // The first batch may begin before what was asked for; clients leave that out.
            all.AddRange(TransactionClient.Visible(read).Where(each => each >= offset));
            offset = end;
        }
    }

    private static async Task<FetchResponse.PartitionData> FetchAsync(
        RawClient client, string rack, long offset, bool onlyCommitted, int bytesMax, int waitMs = 0)
    {
        FetchRequest request = Requests.Fetch(Topic, offset, waitMs: waitMs, partitionMax: bytesMax);
        request.RackId = rack;
        request.IsolationLevel = (sbyte)(onlyCommitted ? 1 : 0);
        return (await client.FetchAsync(request)).Only();
    }
}
