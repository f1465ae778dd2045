using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Confluent.Kafka;
using PipeRoll.EndToEnd.Tests.Support;

namespace PipeRoll.EndToEnd.Tests;

/// <summary>Rule 7 of the design on the real server: bad input gets a clear error and costs nothing that was stored.</summary>
public sealed class BadInputTests
{
    public static TheoryData<string> Garbage => ["GET / HTTP/1.1\r\nHost: x\r\n\r\n", "\u0016\u0003\u0001\u0002\0\u0001\0\u0001\u00fc", "\0\0\0\u0004abcd", "random"];

    [Theory]
    [MemberData(nameof(Garbage))]
    public async Task GarbageOnThePortClosesThatConnectionOnly(string text)
    {
        using var folder = new TemporaryFolder();
        await using ServerProcess server = await ServerProcess.StartAsync(folder.Path);
        byte[] garbage = text == "random" ? RandomBytes(100_000) : Encoding.Latin1.GetBytes(text);
        using Socket socket = await ConnectAsync(server);
        try
        {
            await socket.SendAsync(garbage);
        }
        catch (SocketException)
        {
            // Closed before everything was sent: just what is wanted.
        }

        await ClosedByPeerAsync(socket);
        await WorksAsync(server);
    }

    [Theory]
    [InlineData(int.MaxValue)]
    [InlineData(-1)]
    [InlineData(int.MinValue)]
    public async Task AnImpossibleLengthIsRefusedBeforeAnythingIsAllocated(int length)
    {
        using var folder = new TemporaryFolder();
        await using ServerProcess server = await ServerProcess.StartAsync(folder.Path);
        using Socket socket = await ConnectAsync(server);
        byte[] header = new byte[4];
        BinaryPrimitives.WriteInt32BigEndian(header, length);
        await socket.SendAsync(header);

        await ClosedByPeerAsync(socket);
        await WorksAsync(server);
        Assert.InRange(ResidentBytes(server.ProcessId), 0, 1L << 30);
    }

    [Fact]
    public async Task HalfOpenPeersCostNobodyElseAnything()
    {
        using var folder = new TemporaryFolder();
        await using ServerProcess server = await ServerProcess.StartAsync(folder.Path);
        Socket[] halfOpen = await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => ConnectAsync(server)));
        foreach (Socket socket in halfOpen)
        {
            // The length of a request, and then only a part of it, for ever.
            await socket.SendAsync(new byte[] { 0, 0, 1, 0, 0, 18 });
        }

        await WorksAsync(server);
        foreach (Socket socket in halfOpen)
        {
            socket.Dispose();
        }

        Assert.Equal(0, await server.TerminateAsync());
    }

    [Fact]
    public async Task AFullDiskStopsTheWritingAndLosesNothing()
    {
        using var folder = new TemporaryFolder();
        using var disk = await SmallDisk.MountAsync(Path.Combine(folder.Path, "disk"), megabytes: 400);
        ServerProcess server = await ServerProcess.StartAsync(disk.Path);
        await using (server)
        {
            List<(long Offset, byte[] Value)> acknowledged = await FillAsync(server.Bootstrap);
            Assert.NotEmpty(acknowledged);
            await server.KillAsync();
            await disk.GrowAsync(megabytes: 1_200);
            await server.StartAgainAsync();

            using IConsumer<Ignore, byte[]> consumer = new ConsumerBuilder<Ignore, byte[]>(
                new ConsumerConfig { BootstrapServers = server.Bootstrap, GroupId = "full", EnablePartitionEof = true }).Build();
            consumer.Assign(new TopicPartitionOffset("full", 0, Offset.Beginning));
            var stored = new Dictionary<long, byte[]>();
            for (ConsumeResult<Ignore, byte[]> record = Next(consumer); !record.IsPartitionEOF; record = Next(consumer))
            {
                stored.Add(record.Offset.Value, record.Message.Value);
            }

            Assert.All(acknowledged, record => Assert.Equal(record.Value, stored[record.Offset]));
            await WorksAsync(server);
        }
    }

    [Fact]
    public async Task ACorruptLogSegmentIsNamedAndNotServed()
    {
        using var folder = new TemporaryFolder();
        await using ServerProcess server = await ServerProcess.StartAsync(folder.Path);
        for (int i = 0; i < 20; i++)
        {
            await WorksAsync(server);
        }

        await server.KillAsync();
        string segment = Directory.EnumerateFiles(Path.Combine(folder.Path, "wal")).Order(StringComparer.Ordinal).First(Contains);
        FlipAByteOfTheFirstRecord(segment);

        InvalidOperationException refused = await Assert.ThrowsAsync<InvalidOperationException>(server.StartAgainAsync);
        Assert.Contains(Path.GetFileName(segment), refused.Message);
    }

    [Fact]
    public async Task ACorruptObjectIsNamedAndNotServed()
    {
        using var folder = new TemporaryFolder();
        await using ServerProcess server = await ServerProcess.StartAsync(folder.Path);
        await WorksAsync(server);
        await WorksAsync(server, topic: "other");
        Assert.Equal(0, await server.TerminateAsync());
        foreach (string file in Directory.EnumerateFiles(Path.Combine(folder.Path, "objects"), "*", SearchOption.AllDirectories).Where(Contains))
        {
            FlipAByteOfTheFirstRecord(file);
        }

        await server.StartAgainAsync();

        using IConsumer<Ignore, string> consumer = new ConsumerBuilder<Ignore, string>(
            new ConsumerConfig { BootstrapServers = server.Bootstrap, GroupId = "corrupt" }).SetErrorHandler((_, _) => { }).Build();
        consumer.Assign(new TopicPartitionOffset("works", 0, Offset.Beginning));
        ConsumeResult<Ignore, string>? served = null;
        try
        {
            served = consumer.Consume(TimeSpan.FromSeconds(5));
        }
        catch (ConsumeException)
        {
            // Told to the client, which is as good as silence here: what must not come is the damaged record.
        }

        Assert.Null(served);
        Assert.Contains("does not match", server.Log);
        await WorksAsync(server, topic: "new");
    }

    /// <summary>The bytes of the record that <see cref="WorksAsync"/> writes.</summary>
    private static bool Contains(string file) => File.ReadAllBytes(file).AsSpan().IndexOf("a record that works"u8) >= 0;

    private static void FlipAByteOfTheFirstRecord(string file)
    {
        byte[] bytes = File.ReadAllBytes(file);
        int at = bytes.AsSpan().IndexOf("a record that works"u8);
        using var handle = File.OpenHandle(file, FileMode.Open, FileAccess.Write);
        RandomAccess.Write(handle, [(byte)(bytes[at] ^ 0x40)], at);
    }

    private static byte[] RandomBytes(int length)
    {
        byte[] bytes = new byte[length];
        new Random(7).NextBytes(bytes);
        return bytes;
    }

    private static async Task<Socket> ConnectAsync(ServerProcess server)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(IPAddress.Loopback, server.KafkaPort);
        return socket;
    }

    private static async Task ClosedByPeerAsync(Socket socket)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(10));
        byte[] answer = new byte[4_096];
        try
        {
            while (await socket.ReceiveAsync(answer, limit.Token) > 0)
            {
            }
        }
        catch (SocketException)
        {
            // A reset is a close too.
        }
    }

    /// <summary>The server still does its work: a record goes in and comes out.</summary>
    private static async Task WorksAsync(ServerProcess server, string topic = "works")
    {
        using IProducer<Null, string> producer = new ProducerBuilder<Null, string>(
            new ProducerConfig { BootstrapServers = server.Bootstrap, MessageTimeoutMs = 20_000 }).Build();
        DeliveryResult<Null, string> delivered = await producer.ProduceAsync(topic, new Message<Null, string> { Value = "a record that works" });
        using IConsumer<Ignore, string> consumer = new ConsumerBuilder<Ignore, string>(
            new ConsumerConfig { BootstrapServers = server.Bootstrap, GroupId = "works" }).Build();
        consumer.Assign(delivered.TopicPartitionOffset);
        Assert.Equal("a record that works", Next(consumer).Message.Value);
    }

    private static ConsumeResult<TKey, TValue> Next<TKey, TValue>(IConsumer<TKey, TValue> consumer) =>
        consumer.Consume(TimeSpan.FromSeconds(20)) ?? throw new TimeoutException("no record came in 20 s");

    /// <summary>Produces until the disk takes no more; returns what was acknowledged.</summary>
    private static async Task<List<(long Offset, byte[] Value)>> FillAsync(string bootstrap)
    {
        using IProducer<Null, byte[]> producer = new ProducerBuilder<Null, byte[]>(
            new ProducerConfig { BootstrapServers = bootstrap, MessageTimeoutMs = 4_000, EnableIdempotence = false, Acks = Acks.All }).Build();
        var acknowledged = new List<(long, byte[])>();
        var random = new Random(3);
        for (int i = 0; i < 1_000; i++)
        {
            byte[] value = new byte[900_000];
            random.NextBytes(value);
            try
            {
                DeliveryResult<Null, byte[]> delivered = await producer.ProduceAsync("full", new Message<Null, byte[]> { Value = value });
                acknowledged.Add((delivered.Offset.Value, value));
            }
            catch (ProduceException<Null, byte[]>)
            {
                return acknowledged;
            }
        }

        throw new InvalidOperationException("1,000 big records fitted on a disk that should be too small for them");
    }

    private static long ResidentBytes(int processId) =>
        long.Parse(File.ReadAllLines($"/proc/{processId}/status").Single(line => line.StartsWith("VmRSS:", StringComparison.Ordinal))
            .Split(' ', StringSplitOptions.RemoveEmptyEntries)[^2]) * 1_024;
}
