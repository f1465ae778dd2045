using System.Net;
using System.Net.Sockets;
using System.Text;
using PipeRoll.Broker.Tests.Support;
using PipeRoll.Client;
using PipeRoll.Wire;
using PipeRoll.Wire.Records;

namespace PipeRoll.Broker.Tests.OwnClient;

/// <summary>The client of our own writes transactions and reads what is committed, and nothing else.</summary>
public sealed class TransactionsAndFetchTests
{
    private const int Partitions = 3;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task WhatIsCommittedIsReadInOrderAndNothingThatIsAborted(bool isSecondVersion)
    {
        await using BrokerHost host = await BrokerHost.StartAsync();
        await host.CreateTopicAsync("t", Partitions);
        await using var cluster = new KafkaCluster(new ClientSettings(host.Bootstrap, "test"));
        await using var one = new TransactionalProducer(cluster, "one", 30_000) { IsSecondVersionWanted = isSecondVersion };
        await using var two = new TransactionalProducer(cluster, "two", 30_000) { IsSecondVersionWanted = isSecondVersion };
        await one.StartAsync(CancellationToken.None);
        await two.StartAsync(CancellationToken.None);
        List<string>[] expected = [.. Enumerable.Range(0, Partitions).Select(static _ => new List<string>())];
        for (int round = 0; round < 12; round++)
        {
            // Both are open at once, so that what is aborted stands between what is committed.
            Write(one, $"one {round}", round % 3 != 0 ? expected : null, partitions: [0, 1]);
            await one.SendOffsetsAsync(new GroupIdentity("g", -1, "", null), new Dictionary<PartitionId, long> { [new("t", 0)] = round });
            Write(two, $"two {round}", round % 4 != 0 ? expected : null, partitions: [1, 2]);
            await two.SendOffsetsAsync(new GroupIdentity("h", -1, "", null), new Dictionary<PartitionId, long> { [new("t", 0)] = round });
            await (round % 4 != 0 ? two.CommitAsync() : two.AbortAsync());
            await (round % 3 != 0 ? one.CommitAsync() : one.AbortAsync());
        }

        await using var fetcher = new Fetcher(cluster, "t");
        await fetcher.AssignAsync(Enumerable.Range(0, Partitions).ToDictionary(static partition => partition, static _ => 0L));
        List<string>[] found = Read(fetcher, expected.Sum(static each => each.Count));
        Assert.Equal(expected, found);
        await using var member = new GroupMember(cluster, new GroupOptions("g", "t", 10_000, 60_000, null));
        Assert.Equal(11, (await member.CommittedAsync([0], CancellationToken.None))[0]);

        // From the middle of what was written: nothing that stands before.
        await fetcher.AssignAsync(new Dictionary<int, long> { [0] = 7 });
        Assert.Equal(expected[0][^1], Read(fetcher, 1)[0][^1]);
    }

    /// <summary>More than a batch, less than is sent at once: what is thrown away leaves no gap in the sequence numbers.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task WhatIsAbortedBeforeItWasSentIsAsIfItHadNeverBeen(bool isSecondVersion)
    {
        await using BrokerHost host = await BrokerHost.StartAsync();
        await host.CreateTopicAsync("t", Partitions);
        await using var cluster = new KafkaCluster(new ClientSettings(host.Bootstrap, "test"));
        await using var producer = new TransactionalProducer(cluster, "id", 30_000) { IsSecondVersionWanted = isSecondVersion };
        await producer.StartAsync(CancellationToken.None);
        List<string>[] expected = [[], [], []];
        Write(producer, "first", expected, [0]);
        await producer.CommitAsync();
        byte[] large = new byte[400_000];
        for (int number = 0; number < 5; number++)
        {
            producer.Append(new PartitionId("t", 0), 0, default, isKeyNull: true, large, isValueNull: false, default);
        }

        await producer.AbortAsync();
        Write(producer, "second", expected, [0]);
        await producer.CommitAsync();
        await using var fetcher = new Fetcher(cluster, "t");
        await fetcher.AssignAsync(new Dictionary<int, long> { [0] = 0 });
        Assert.Equal(expected[0], Read(fetcher, expected[0].Count)[0]);
    }

    [Fact]
    public async Task WhoeverTakesAnIdOverFencesTheOneBefore()
    {
        await using BrokerHost host = await BrokerHost.StartAsync();
        await host.CreateTopicAsync("t", Partitions);
        await using var cluster = new KafkaCluster(new ClientSettings(host.Bootstrap, "test"));
        await using var before = new TransactionalProducer(cluster, "id", 30_000);
        await before.StartAsync(CancellationToken.None);
        Write(before, "lost", null, [0]);
        await using var after = new TransactionalProducer(cluster, "id", 30_000);
        await after.StartAsync(CancellationToken.None);
        ClientException fenced = await Assert.ThrowsAsync<ClientException>(before.CommitAsync);
        Assert.Contains(fenced.Error, new[] { KafkaError.InvalidProducerEpoch, KafkaError.ProducerFenced });
        List<string>[] expected = [[], [], []];
        Write(after, "kept", expected, [0]);
        await after.CommitAsync();
        await using var fetcher = new Fetcher(cluster, "t");
        await fetcher.AssignAsync(new Dictionary<int, long> { [0] = 0 });
        Assert.Equal(expected[0], Read(fetcher, 1)[0]);
    }

    [Fact]
    public async Task ABrokerThatIsStartedAgainCostsTimeOnly()
    {
        await using BrokerHost host = await BrokerHost.StartAsync(BrokerHost.Options with { ListenPort = FreePort() });
        await host.CreateTopicAsync("t", Partitions);
        await using var cluster = new KafkaCluster(new ClientSettings(host.Bootstrap, "test"));
        await using var producer = new TransactionalProducer(cluster, "id", 30_000);
        await producer.StartAsync(CancellationToken.None);
        await using var fetcher = new Fetcher(cluster, "t");
        await fetcher.AssignAsync(Enumerable.Range(0, Partitions).ToDictionary(static partition => partition, static _ => 0L));
        List<string>[] expected = [[], [], []];
        List<string>[] found = [[], [], []];
        for (int round = 0; round < 4; round++)
        {
            // Between what is appended and its commit, and between what is committed and its reading.
            Write(producer, $"{round}", expected, [0, 1, 2]);
            await host.RestartAsync();
            await producer.CommitAsync();
            await host.RestartAsync();
            List<string>[] more = Read(fetcher, Partitions * 50);
            for (int partition = 0; partition < Partitions; partition++)
            {
                found[partition].AddRange(more[partition]);
            }
        }

        Assert.Equal(expected, found);
    }

    private static int FreePort()
    {
        using var probe = new TcpListener(IPAddress.Loopback, 0);
        probe.Start();
        return ((IPEndPoint)probe.LocalEndpoint).Port;
    }

    private static void Write(TransactionalProducer producer, string name, List<string>[]? into, int[] partitions)
    {
        for (int number = 0; number < 50; number++)
        {
            foreach (int partition in partitions)
            {
                string value = $"{name} {number} {new string('x', number)}";
                into?[partition].Add(value);
                producer.Append(
                    new PartitionId("t", partition), 1_700_000_000_000, "key"u8, isKeyNull: number % 2 == 0, Encoding.UTF8.GetBytes(value), isValueNull: false,
                    [new RecordHeader("h", Encoding.UTF8.GetBytes(name))]);
            }
        }
    }

    /// <summary>Reads until so many records came, and not one more within a moment.</summary>
    private static List<string>[] Read(Fetcher fetcher, int count)
    {
        using var decompressor = new RecordDecompressor();
        List<string>[] found = [.. Enumerable.Range(0, Partitions).Select(static _ => new List<string>())];
        long giveUp = TimeProvider.System.GetTimestamp() + (long)(Patience.TotalSeconds * TimeProvider.System.TimestampFrequency);
        while (TimeProvider.System.GetTimestamp() < giveUp)
        {
            using FetchedRecords? fetched = fetcher.TryTake(found.Sum(static each => each.Count) >= count ? 300 : 2_000);
            if (fetched is null && found.Sum(static each => each.Count) >= count)
            {
                return found;
            }

            while (fetched is not null && fetched.TryNext(decompressor, out RecordBatchHeader header, out ReadOnlyMemory<byte> records))
            {
                foreach (Wire.Records.Record record in new RecordReader(header, records.Span))
                {
                    if (fetched.IsWanted(record.Offset))
                    {
                        found[fetched.Partition.Partition].Add(Encoding.UTF8.GetString(record.Value));
                    }
                }
            }
        }

        throw new TimeoutException($"only {string.Join(", ", found.Select(static each => each.Count))} of {count} records came");
    }
}
