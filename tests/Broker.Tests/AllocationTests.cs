using PipeRoll.Broker.Handlers;
using PipeRoll.Broker.Partitions;
using PipeRoll.Broker.Tests.Support;
using PipeRoll.Foundation.Buffers;
using PipeRoll.Wire;
using PipeRoll.Wire.Messages;
using PipeRoll.Wire.Records;

namespace PipeRoll.Broker.Tests;

/// <summary>Produce and fetch allocate nothing per record: what they allocate is the same for one record and for ten thousand.</summary>
public sealed class AllocationTests
{
    private const int Rounds = 50;
    private const int SlackBytesPerRound = 256;

    [Fact]
    public async Task Produce_and_fetch_allocate_the_same_for_one_record_and_for_ten_thousand()
    {
        await using BrokerHost host = await BrokerHost.StartAsync();
        await host.CreateTopicAsync("t", 1, ("max.message.bytes", "10000000"));
        using var decompressors = new DecompressorPool();
        var produce = new ProduceHandler(host.Services, decompressors, gate: null!);
        var fetch = new FetchHandler(host.Services);
        long producedOne = 0;
        long producedMany = 0;
        long fetchedOne = 0;
        long fetchedMany = 0;
        // The first rounds warm the code and the pools.
        for (int round = -Rounds; round < Rounds; round++)
        {
            (long produced, long fetched) one = await MeasureAsync(produce, fetch, host, Batches.Of(1));
            (long produced, long fetched) many = await MeasureAsync(produce, fetch, host, Batches.Of(10_000));
            if (round >= 0)
            {
                producedOne += one.produced;
                producedMany += many.produced;
                fetchedOne += one.fetched;
                fetchedMany += many.fetched;
            }
        }

        Assert.InRange(producedMany - producedOne, -Rounds * SlackBytesPerRound, Rounds * SlackBytesPerRound);
        Assert.InRange(fetchedMany - fetchedOne, -Rounds * SlackBytesPerRound, Rounds * SlackBytesPerRound);
    }

    private static async Task<(long Produced, long Fetched)> MeasureAsync(
        ProduceHandler produce, FetchHandler fetch, BrokerHost host, byte[] batch)
    {
        long offset = host.Services.Topics.Find("t", 0)!.NextOffset;
        var buffer = SharedBuffer.Rent(batch.Length);
        batch.CopyTo(buffer.Span);
        host.Storage.HoldConfirmations = true;
        long produced = StartProduce(produce, host, buffer, out Task<ProduceResponse> producing);
        host.Storage.HoldConfirmations = false;
        host.Storage[host.Services.Topics.Find("t", 0)!.Identity.Stream].ConfirmAll();
        Assert.Equal(0, (await producing).Only().ErrorCode);
        buffer.Release();

        long fetched = StartFetch(fetch, host, offset, out Task<FetchResponse> fetching);
        Assert.True(fetching.IsCompletedSuccessfully);
        FetchResponse response = await fetching;
        Assert.Equal(batch.Length, response.Only().Records!.Length);
        response.Only().Records!.Dispose();
        return (produced, fetched);
    }

    private static long StartProduce(ProduceHandler produce, BrokerHost host, SharedBuffer buffer, out Task<ProduceResponse> producing)
    {
        ProduceRequest request = Requests.Produce("t", 0, []);
        request.TopicData[0].PartitionData[0].Records = buffer.Memory;
        RequestContext context = Context(host, ApiKey.Produce, 9, buffer);
        long before = GC.GetAllocatedBytesForCurrentThread();
        producing = produce.HandleAsync(request, context).AsTask();
        // The fake log keeps a copy of the batch, which a real one does not: it is not the broker's.
        return GC.GetAllocatedBytesForCurrentThread() - before - CopyBytes(buffer.Length);
    }

    private static long StartFetch(FetchHandler fetch, BrokerHost host, long offset, out Task<FetchResponse> fetching)
    {
        FetchRequest request = Requests.Fetch("t", offset, maxBytes: 1, partitionMax: 1);
        RequestContext context = Context(host, ApiKey.Fetch, 12, null);
        context.TakeTurn();
        long before = GC.GetAllocatedBytesForCurrentThread();
        fetching = fetch.HandleAsync(request, context).AsTask();
        return GC.GetAllocatedBytesForCurrentThread() - before;
    }

    /// <summary>What an array of this length takes on the heap.</summary>
    private static long CopyBytes(int length) => (16 + 8 + length + 7) / 8 * 8;

    private static RequestContext Context(BrokerHost host, ApiKey api, short version, SharedBuffer? buffer) => new()
    {
        Api = api,
        Version = version,
        Client = new ClientIdentity("test", "127.0.0.1"),
        Buffer = buffer,
    };
}
