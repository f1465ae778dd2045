using PipeRoll.Broker.Partitions;
using PipeRoll.Broker.Tests.Support;
using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Tests.Transactions;

/// <summary>More aborted transactions than a partition keeps in memory: what it has forgotten it finds in the log.</summary>
public sealed class ManyAbortedTests
{
    private const int Transactions = PartitionTransactions.AbortedMax + 600;
    private const int EachCommits = 97;
    private const long Producer = 4_711;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Readers_of_committed_records_leave_them_all_out(bool restarts)
    {
        await using BrokerHost host = await BrokerHost.StartAsync();
        Partition partition = (await host.CreateTopicAsync("orders", 1)).Partitions[0];
        List<long> committed = [];
        for (int number = 0; number < Transactions; number++)
        {
            bool commits = number % EachCommits == 0;
            TransactionPermit? permit = partition.AskPermit(Producer, 0);
            AppendResult written = await partition.AppendAsync(Batches.Of(1, Producer, 0, number, isTransactional: true), null, permit: permit);
            Assert.Equal(KafkaError.None, written.Error);
            Assert.Equal(KafkaError.None, (await partition.AppendMarkerAsync(new TransactionMarker(Producer, 0, 0, commits))).Error);
            if (commits)
            {
                committed.Add(written.BaseOffset);
            }
        }

        if (restarts)
        {
            await host.RestartAsync(cleanly: true);
            await host.AllOpenAsync();
        }

        using TransactionClient reader = await TransactionClient.ConnectAsync(host, "reader", isV2: true);
        List<long> seen = [];
        for (long offset = 0; offset < 2L * Transactions;)
        {
            FetchResponse.PartitionData page = await reader.FetchAsync("orders", offset, waitMs: 1_000);
            Assert.Equal(0, page.ErrorCode);
            seen.AddRange(TransactionClient.Visible(page));
            long next = TransactionClient.EndOf(page);
            Assert.True(next > offset, $"nothing came from offset {offset} on");
            offset = next;
        }

        Assert.Equal(committed, seen);
    }
}
