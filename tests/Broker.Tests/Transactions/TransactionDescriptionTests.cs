using PipeRoll.Broker.Partitions;
using PipeRoll.Broker.Tests.Support;
using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Tests.Transactions;

/// <summary>What administrators see of transactions, and how they end one that nobody coordinates (KIP-664, KIP-994, KIP-1152).</summary>
public sealed class TransactionDescriptionTests
{
    private const string Topic = "orders";
    private const long LostProducer = 4_000_000_000;

    [Fact]
    public async Task A_transaction_that_no_coordinator_knows_is_found_and_aborted_by_an_administrator()
    {
        await using BrokerHost host = await BrokerHost.StartAsync();
        Partition partition = (await host.CreateTopicAsync(Topic)).Partitions[0];
        TransactionPermit? permit = partition.AskPermit(LostProducer, 3);
        AppendResult planted = await partition.AppendAsync(
            Batches.Of(2, LostProducer, epoch: 3, sequence: 0, isTransactional: true), null, permit: permit);
        Assert.Equal(KafkaError.None, planted.Error);
        using TransactionClient client = await TransactionClient.ConnectAsync(host, "reader", isV2: true);
        Assert.Equal(KafkaError.None, await client.InitAsync());

        DescribeProducersResponse.ProducerState hanging = Assert.Single(await ProducersAsync(client));
        Assert.Equal((LostProducer, 3, 1, 0), (hanging.ProducerId, hanging.ProducerEpoch, hanging.LastSequence, hanging.CurrentTxnStartOffset));
        Assert.Empty((await ListAsync(client, new() { StateFilters = [], ProducerIdFilters = [LostProducer] })).TransactionStates);
        Assert.Equal(0, await client.EndOffsetAsync(Topic));

        Assert.Equal(KafkaError.InvalidProducerEpoch, await AbortAsync(client, epoch: 2));
        Assert.Equal(0, await client.EndOffsetAsync(Topic));
        Assert.Equal(KafkaError.None, await AbortAsync(client, epoch: 3));

        Assert.Equal(3, await client.EndOffsetAsync(Topic));
        FetchResponse.PartitionData fetched = await client.FetchAsync(Topic);
        Assert.Empty(TransactionClient.Visible(fetched));
        FetchResponse.AbortedTransaction aborted = Assert.Single(fetched.AbortedTransactions!);
        Assert.Equal((LostProducer, 0), (aborted.ProducerId, aborted.FirstOffset));
        Assert.Equal(-1, Assert.Single(await ProducersAsync(client)).CurrentTxnStartOffset);
    }

    [Fact]
    public async Task Transactions_are_listed_by_state_producer_age_and_pattern()
    {
        await using BrokerHost host = await BrokerHost.StartAsync();
        await host.CreateTopicAsync(Topic);
        using TransactionClient idle = await TransactionClient.ConnectAsync(host, "pay-idle", isV2: true);
        using TransactionClient open = await TransactionClient.ConnectAsync(host, "pay-open", isV2: true);
        using TransactionClient other = await TransactionClient.ConnectAsync(host, "ship-open", isV2: true);
        foreach (TransactionClient client in new[] { idle, open, other })
        {
            Assert.Equal(KafkaError.None, await client.InitAsync());
        }

        Assert.Equal(0, (await open.ProduceAsync(Topic)).ErrorCode);
        Assert.Equal(0, (await other.ProduceAsync(Topic)).ErrorCode);

        Assert.Equal(["pay-idle", "pay-open", "ship-open"], await IdsAsync(idle, new()));
        Assert.Equal(["pay-open", "ship-open"], await IdsAsync(idle, new() { StateFilters = ["Ongoing"] }));
        Assert.Equal(["ship-open"], await IdsAsync(idle, new() { ProducerIdFilters = [other.ProducerId] }));
        Assert.Equal(["pay-idle", "pay-open"], await IdsAsync(idle, new() { TransactionalIdPattern = "pay-.*" }));
        Assert.Equal(["pay-open"], await IdsAsync(idle, new() { StateFilters = ["Ongoing"], TransactionalIdPattern = "pay-.*" }));
        Assert.Empty(await IdsAsync(idle, new() { TransactionalIdPattern = "pay" }));
        Assert.Empty(await IdsAsync(idle, new() { DurationFilter = 3_600_000 }));
        await BrokerHost.UntilAsync(async () => (await IdsAsync(idle, new() { DurationFilter = 0 })).SequenceEqual(["pay-open", "ship-open"]));

        ListTransactionsResponse unknown = await ListAsync(idle, new() { StateFilters = ["Sleeping"] });
        Assert.Equal(["Sleeping"], unknown.UnknownStateFilters);
        Assert.Empty(unknown.TransactionStates);
        ListTransactionsResponse broken = await ListAsync(idle, new() { TransactionalIdPattern = "(" });
        Assert.Equal(KafkaError.InvalidRegularExpression, (KafkaError)broken.ErrorCode);
    }

    [Fact]
    public async Task A_description_names_the_producer_the_timeout_and_the_partitions_of_what_is_open()
    {
        await using BrokerHost host = await BrokerHost.StartAsync();
        await host.CreateTopicAsync(Topic, partitions: 3);
        using TransactionClient client = await TransactionClient.ConnectAsync(host, "writer", isV2: false);
        Assert.Equal(KafkaError.None, await client.InitAsync(timeoutMs: 45_000));
        Assert.Equal(KafkaError.None, await client.AddAsync(Topic, 2, 0));

        DescribeTransactionsResponse response = await client.Raw.CallAsync<DescribeTransactionsRequest, DescribeTransactionsResponse>(
            new DescribeTransactionsRequest { TransactionalIds = ["writer", "nobody"] }, 0);
        DescribeTransactionsResponse.TransactionDescription known = response.TransactionStates[0];
        Assert.Equal(
            ((short)0, "writer", "Ongoing", 45_000, client.ProducerId, client.Epoch),
            (known.ErrorCode, known.TransactionalId, known.TransactionState, known.TransactionTimeoutMs, known.ProducerId, known.ProducerEpoch));
        Assert.True(known.TransactionStartTimeMs > 0);
        DescribeTransactionsResponse.TopicData topic = Assert.Single(known.Topics);
        Assert.Equal(Topic, topic.Topic);
        Assert.Equal([0, 2], topic.Partitions);
        Assert.Equal(KafkaError.TransactionalIdNotFound, (KafkaError)response.TransactionStates[1].ErrorCode);
    }

    private static async Task<List<DescribeProducersResponse.ProducerState>> ProducersAsync(TransactionClient client)
    {
        DescribeProducersResponse response = await client.Raw.CallAsync<DescribeProducersRequest, DescribeProducersResponse>(
            new DescribeProducersRequest { Topics = [new() { Name = Topic, PartitionIndexes = [0] }] }, 0);
        DescribeProducersResponse.PartitionResponse only = Assert.Single(Assert.Single(response.Topics).Partitions);
        Assert.Equal(0, only.ErrorCode);
        return only.ActiveProducers;
    }

    private static async Task<KafkaError> AbortAsync(TransactionClient client, short epoch)
    {
        WriteTxnMarkersResponse response = await client.Raw.CallAsync<WriteTxnMarkersRequest, WriteTxnMarkersResponse>(
            new WriteTxnMarkersRequest
            {
                Markers =
                [
                    new() { ProducerId = LostProducer, ProducerEpoch = epoch, Topics = [new() { Name = Topic, PartitionIndexes = [0] }] },
                ],
            },
            1);
        return (KafkaError)Assert.Single(Assert.Single(Assert.Single(response.Markers).Topics).Partitions).ErrorCode;
    }

    private static async Task<List<string>> IdsAsync(TransactionClient client, ListTransactionsRequest request)
    {
        ListTransactionsResponse response = await ListAsync(client, request);
        Assert.Equal(0, response.ErrorCode);
        return [.. response.TransactionStates.Select(static one => one.TransactionalId).Order(StringComparer.Ordinal)];
    }

    /// <summary>As Kafka, a broker that still loads some of its transactions lists what it has with an error: clients ask again.</summary>
    private static async Task<ListTransactionsResponse> ListAsync(TransactionClient client, ListTransactionsRequest request)
    {
        request.StateFilters ??= [];
        request.ProducerIdFilters ??= [];
        ListTransactionsResponse response = new();
        await BrokerHost.UntilAsync(async () =>
        {
            response = await client.Raw.CallAsync<ListTransactionsRequest, ListTransactionsResponse>(request, 2);
            return (KafkaError)response.ErrorCode != KafkaError.CoordinatorLoadInProgress;
        });
        return response;
    }
}
