using PipeRoll.Broker.Tests.Support;
using PipeRoll.Wire;

namespace PipeRoll.Broker.Tests.Transactions;

/// <summary>Transactions over the protocol against one broker, the old way and the new one.</summary>
public sealed class TransactionTests
{
    private const string Topic = "orders";

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Committed_records_appear_when_their_marker_does(bool isV2)
    {
        await using BrokerHost host = await BrokerHost.StartAsync();
        await host.CreateTopicAsync(Topic);
        using TransactionClient client = await TransactionClient.ConnectAsync(host, "writer", isV2);
        Assert.Equal(KafkaError.None, await client.InitAsync());
        Assert.Equal(0, (await client.ProduceAsync(Topic, 3)).ErrorCode);

        var before = await client.FetchAsync(Topic);
        Assert.Equal((0, 3), (before.LastStableOffset, before.HighWatermark));
        Assert.Empty(TransactionClient.Visible(before));
        Assert.Equal([0, 1, 2], TransactionClient.Visible(await client.FetchAsync(Topic, onlyCommitted: false)));
        Assert.Equal((0, 3), (await client.EndOffsetAsync(Topic), await client.EndOffsetAsync(Topic, onlyCommitted: false)));

        Assert.Equal(KafkaError.None, await client.EndAsync(isCommit: true));
        var after = await client.FetchAsync(Topic, waitMs: 10_000);
        Assert.Equal((4, 4), (after.LastStableOffset, after.HighWatermark));
        Assert.Equal([0, 1, 2], TransactionClient.Visible(after));
        Assert.Empty(after.AbortedTransactions!);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Aborted_records_are_named_and_the_next_transaction_is_seen(bool isV2)
    {
        await using BrokerHost host = await BrokerHost.StartAsync();
        await host.CreateTopicAsync(Topic);
        using TransactionClient client = await TransactionClient.ConnectAsync(host, "writer", isV2);
        Assert.Equal(KafkaError.None, await client.InitAsync());
        Assert.Equal(0, (await client.ProduceAsync(Topic, 2)).ErrorCode);
        Assert.Equal(KafkaError.None, await client.EndAsync(isCommit: false));
        var produced = await client.ProduceAsync(Topic, 2);
        Assert.Equal(0, produced.ErrorCode);
        Assert.Equal(3, produced.BaseOffset);
        Assert.Equal(KafkaError.None, await client.EndAsync(isCommit: true));

        await BrokerHost.UntilAsync(async () => await client.EndOffsetAsync(Topic) == 6);
        var fetched = await client.FetchAsync(Topic);
        Assert.Equal([3, 4], TransactionClient.Visible(fetched));
        Assert.Equal(0, Assert.Single(fetched.AbortedTransactions!).FirstOffset);
        Assert.Empty((await client.FetchAsync(Topic, 3)).AbortedTransactions!);
    }

    [Theory]
    [InlineData(false, true)]
    [InlineData(true, true)]
    [InlineData(true, false)]
    public async Task A_restart_keeps_open_transactions_and_what_was_aborted(bool isV2, bool cleanly)
    {
        await using BrokerHost host = await BrokerHost.StartAsync();
        await host.CreateTopicAsync(Topic);
        using (TransactionClient client = await TransactionClient.ConnectAsync(host, "first", isV2))
        {
            await client.InitAsync();
            await client.ProduceAsync(Topic, 2);
            Assert.Equal(KafkaError.None, await client.EndAsync(isCommit: false));
            await BrokerHost.UntilAsync(async () => await client.EndOffsetAsync(Topic) == 3);
        }

        using (TransactionClient open = await TransactionClient.ConnectAsync(host, "second", isV2))
        {
            await open.InitAsync();
            await open.ProduceAsync(Topic, 2);
            await host.RestartAsync(cleanly);
            await host.AllOpenAsync();
            using TransactionClient reader = await TransactionClient.ConnectAsync(host, "second", isV2);
            var fetched = await reader.FetchAsync(Topic);
            Assert.Equal((3, 5), (fetched.LastStableOffset, fetched.HighWatermark));
            Assert.Empty(TransactionClient.Visible(fetched));
            Assert.Equal(0, Assert.Single(fetched.AbortedTransactions!).FirstOffset);

            (reader.ProducerId, reader.Epoch) = (open.ProducerId, open.Epoch);
            Assert.Equal(KafkaError.None, await reader.EndAsync(isCommit: true));
            await BrokerHost.UntilAsync(async () => await reader.EndOffsetAsync(Topic) == 6);
            Assert.Equal([3, 4], TransactionClient.Visible(await reader.FetchAsync(Topic)));
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_second_producer_of_the_id_fences_the_first_and_aborts_its_transaction(bool isV2)
    {
        await using BrokerHost host = await BrokerHost.StartAsync();
        await host.CreateTopicAsync(Topic);
        using TransactionClient zombie = await TransactionClient.ConnectAsync(host, "writer", isV2);
        await zombie.InitAsync();
        await zombie.ProduceAsync(Topic, 2);
        using TransactionClient next = await TransactionClient.ConnectAsync(host, "writer", isV2);
        Assert.Equal(KafkaError.None, await next.InitAsync());
        Assert.Equal(zombie.ProducerId, next.ProducerId);
        Assert.True(next.Epoch > zombie.Epoch + 1);

        Assert.Equal((short)KafkaError.InvalidProducerEpoch, (await zombie.SendAsync(Topic)).ErrorCode);
        Assert.Equal(KafkaError.ProducerFenced, await zombie.EndAsync(isCommit: true));
        Assert.Equal(0, (await next.ProduceAsync(Topic)).ErrorCode);
        Assert.Equal(KafkaError.None, await next.EndAsync(isCommit: true));
        await BrokerHost.UntilAsync(async () => await next.EndOffsetAsync(Topic) == 5);
        Assert.Equal([3], TransactionClient.Visible(await next.FetchAsync(Topic)));
    }

    [Fact]
    public async Task Records_without_a_partition_in_the_transaction_are_refused()
    {
        await using BrokerHost host = await BrokerHost.StartAsync();
        await host.CreateTopicAsync(Topic);
        using TransactionClient client = await TransactionClient.ConnectAsync(host, "writer", isV2: false);
        await client.InitAsync();
        Assert.Equal((short)KafkaError.InvalidTxnState, (await client.SendAsync(Topic)).ErrorCode);
        Assert.Equal(0, await client.EndOffsetAsync(Topic, onlyCommitted: false));
    }

    [Fact]
    public async Task A_transaction_whose_time_is_up_is_aborted_by_the_coordinator()
    {
        BrokerOptions options = BrokerHost.Options with { Transactions = new() { TimeoutCheckMs = 20 } };
        await using BrokerHost host = await BrokerHost.StartAsync(options);
        await host.CreateTopicAsync(Topic);
        using TransactionClient client = await TransactionClient.ConnectAsync(host, "writer", isV2: true);
        Assert.Equal(KafkaError.None, await client.InitAsync(timeoutMs: 200));
        Assert.Equal(0, (await client.ProduceAsync(Topic, 2)).ErrorCode);
        await BrokerHost.UntilAsync(async () => await client.EndOffsetAsync(Topic) == 3);
        Assert.Empty(TransactionClient.Visible(await client.FetchAsync(Topic)));
        Assert.Equal(KafkaError.ProducerFenced, await client.EndAsync(isCommit: true));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Offsets_count_when_the_transaction_is_committed_and_never_when_it_is_aborted(bool isV2)
    {
        await using BrokerHost host = await BrokerHost.StartAsync();
        await host.CreateTopicAsync(Topic);
        using TransactionClient client = await TransactionClient.ConnectAsync(host, "writer", isV2);
        await client.InitAsync();
        await UntilNoLoadAsync(client);
        Assert.Equal(KafkaError.None, await client.CommitOffsetAsync("group", Topic, 7));
        Assert.Equal((KafkaError.UnstableOffsetCommit, -1L), await client.FetchOffsetAsync("group", Topic));
        Assert.Equal((KafkaError.None, -1L), await client.FetchOffsetAsync("group", Topic, requireStable: false));
        Assert.Equal(KafkaError.None, await client.EndAsync(isCommit: true));
        await BrokerHost.UntilAsync(async () => await client.FetchOffsetAsync("group", Topic) == (KafkaError.None, 7L));

        Assert.Equal(KafkaError.None, await client.CommitOffsetAsync("group", Topic, 9));
        await host.RestartAsync();
        await host.AllOpenAsync();
        using TransactionClient again = await TransactionClient.ConnectAsync(host, "writer", isV2);
        (again.ProducerId, again.Epoch) = (client.ProducerId, client.Epoch);
        await UntilNoLoadAsync(again);
        Assert.Equal((KafkaError.UnstableOffsetCommit, -1L), await again.FetchOffsetAsync("group", Topic));
        Assert.Equal((KafkaError.None, 7L), await again.FetchOffsetAsync("group", Topic, requireStable: false));
        Assert.Equal(KafkaError.None, await again.EndAsync(isCommit: false));
        await BrokerHost.UntilAsync(async () => await again.FetchOffsetAsync("group", Topic) == (KafkaError.None, 7L));
    }

    private static Task UntilNoLoadAsync(TransactionClient client) =>
        BrokerHost.UntilAsync(async () => (await client.FetchOffsetAsync("group", Topic, requireStable: false)).Error == KafkaError.None);
}
