using System.Globalization;
using PipeRoll.Broker.Tests.Support;
using PipeRoll.Broker.Tests.Transactions;
using PipeRoll.Wire;

namespace PipeRoll.Broker.Tests.Connect;

/// <summary>Connect with exactly-once support (KIP-618): a leader's hold of the configs, and source tasks that go on where others stopped.</summary>
public sealed class ConnectSourceTests
{
    private const string Rows = "orders.rows";
    private const string OffsetKey = "[\"orders\",{\"table\":\"rows\"}]";
    private static readonly KafkaError[] Fenced = [KafkaError.ProducerFenced, KafkaError.InvalidProducerEpoch];

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_new_leader_fences_the_old_one_from_the_configs(bool isV2)
    {
        await using BrokerHost host = await ConnectHost.StartAsync();
        using ConnectWorker worker = await ConnectWorker.ConnectAsync(host, ConnectHost.Group, "http://one:8083/");
        await worker.CreateTopicsAsync(ConnectHost.Topics);
        string id = $"connect-cluster-{ConnectHost.Group}";
        using TransactionClient old = await host.ProducerAsync(id, isV2);
        Assert.Equal(KafkaError.None, await old.WriteAsync(ConnectHost.Configs, ("session-key", "k1")));
        Assert.Equal(KafkaError.None, await old.EndAsync(isCommit: true));
        Assert.Equal(KafkaError.None, await old.WriteAsync(ConnectHost.Configs, ("connector-orders", "{}"), ("task-orders-0", "{}")));
        Assert.Equal(KafkaError.None, await old.WriteAsync(ConnectHost.Configs, ("commit-orders", "1")));
        Assert.Equal(KafkaError.None, await old.EndAsync(isCommit: true));

        ConnectLog log = await ConnectLog.OpenAsync(host, ConnectHost.Configs);
        Assert.True(await log.ReadToEndAsync());
        Assert.Equal(["session-key", "connector-orders", "task-orders-0", "commit-orders"], log.Records.Select(static each => each.Key));

        Assert.Equal(KafkaError.None, await old.WriteAsync(ConnectHost.Configs, ("target-state-orders", "PAUSED")));
        using TransactionClient next = await host.ProducerAsync(id, isV2);
        Assert.Contains(await old.EndAsync(isCommit: true), Fenced);
        Assert.Contains(await old.WriteAsync(ConnectHost.Configs, ("target-state-orders", "STOPPED")), Fenced);
        Assert.Equal(KafkaError.None, await next.WriteAsync(ConnectHost.Configs, ("connector-orders", null), ("target-state-orders", null)));
        Assert.Equal(KafkaError.None, await next.EndAsync(isCommit: true));
        Assert.True(await log.ReadToEndAsync());
        Assert.Equal(["commit-orders", "session-key", "task-orders-0"], log.Table.Keys.Order());
        Assert.DoesNotContain(log.Records, static each => each.Value is "PAUSED" or "STOPPED");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_source_task_goes_on_where_the_one_before_it_stopped_and_nothing_is_lost_or_doubled(bool isV2)
    {
        await using BrokerHost host = await ConnectHost.StartAsync();
        await host.CreateTopicAsync(Rows);
        string id = ConnectHost.TransactionalId("orders", 0);
        using (ConnectWorker leader = await ConnectWorker.ConnectAsync(host, ConnectHost.Group, "http://one:8083/"))
        {
            // One partition of the offsets will do: a key is always in the same.
            await leader.CreateTopicsAsync((ConnectHost.Offsets, 1));
            using TransactionClient first = await host.ProducerAsync(id, isV2);
            await SourceAsync(first, 0, 5, isCommit: true);
            await SourceAsync(first, 5, 5, isCommit: false);
            await SourceAsync(first, 5, 5, isCommit: true);
            await SourceAsync(first, 10, 5, isCommit: null);
            Assert.False(await IsReadableAsync(host), "the task that hangs keeps the offsets from being read to their end");

            // A new generation of tasks: the leader fences all that may still run, also those of which there never was one.
            await leader.FenceAsync(id);
            await leader.FenceAsync(ConnectHost.TransactionalId("orders", 1));
            Assert.Contains(await first.EndAsync(isCommit: true), Fenced);
            Assert.Contains(await first.WriteAsync(Rows, ("late", "late")), Fenced);
            Assert.True(await IsReadableAsync(host));
        }

        Assert.Equal(10, await PositionAsync(host));
        using (TransactionClient second = await host.ProducerAsync(id, isV2))
        {
            await SourceAsync(second, 10, 5, isCommit: true);
            await SourceAsync(second, 15, 5, isCommit: null);
            await host.RestartAsync(cleanly: false);
            await host.AllOpenAsync();
        }

        using (ConnectWorker leader = await ConnectWorker.ConnectAsync(host, ConnectHost.Group, "http://two:8083/"))
        {
            await leader.FenceAsync(id);
        }

        Assert.Equal(15, await PositionAsync(host));
        using TransactionClient third = await host.ProducerAsync(id, isV2);
        await SourceAsync(third, 15, 5, isCommit: true);
        ConnectLog rows = await ConnectLog.OpenAsync(host, Rows);
        Assert.True(await rows.ReadToEndAsync());
        Assert.Equal(Enumerable.Range(0, 20).Select(static row => $"{row}"), rows.Records.Select(static each => each.Key));
        Assert.Equal(20, await PositionAsync(host));
    }

    /// <summary>A transaction of a source task: rows of the table, and how far it has come.</summary>
    /// <param name="isCommit">Null leaves it open.</param>
    private static async Task SourceAsync(TransactionClient producer, int from, int count, bool? isCommit)
    {
        Assert.Equal(
            KafkaError.None,
            await producer.WriteAsync(Rows, [.. Enumerable.Range(from, count).Select(static row => ($"{row}", (string?)$"row {row}"))]));
        Assert.Equal(KafkaError.None, await producer.WriteAsync(ConnectHost.Offsets, (OffsetKey, $"{from + count}")));
        if (isCommit is { } commits)
        {
            Assert.Equal(KafkaError.None, await producer.EndAsync(commits));
        }
    }

    private static async Task<bool> IsReadableAsync(BrokerHost host) =>
        await (await ConnectLog.OpenAsync(host, ConnectHost.Offsets)).ReadToEndAsync(patienceMs: 600);

    /// <summary>Where a task begins: it reads all offsets first.</summary>
    private static async Task<int> PositionAsync(BrokerHost host)
    {
        ConnectLog offsets = await ConnectLog.OpenAsync(host, ConnectHost.Offsets);
        Assert.True(await offsets.ReadToEndAsync());
        return int.Parse(offsets.Table[OffsetKey], CultureInfo.InvariantCulture);
    }
}
