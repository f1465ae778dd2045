using System.Buffers.Binary;
using System.Text;
using PipeRoll.Broker.Tests.Support;
using PipeRoll.Streams;
using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Tests.Network;

public sealed class ConnectionTests
{
    public static TheoryData<byte[], string> Garbage => new()
    {
        { Encoding.ASCII.GetBytes("GET / HTTP/1.1\r\n\r\n"), "an HTTP request on the Kafka port" },
        { [0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00], "a TLS client hello" },
        { Encoding.ASCII.GetBytes("SSH-2.0-OpenSSH\r\n"), "an SSH client" },
        { [0x7F, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0], "a frame of 2147483647 bytes, more than the" },
        { [0xFF, 0xFF, 0xFF, 0xFF], "a frame of -1 bytes, less than a request header" },
        { [0, 0, 0, 0], "a frame of 0 bytes, less than a request header" },
        { [0, 0, 0, 9, 0x7F, 0x01, 0, 0, 0, 0, 0, 1, 0], "API 32513 version 0" },
        { [0, 0, 0, 8, 0, 3, 0, 99, 0, 0, 0, 1], "Metadata version 99" },
        { [0, 0, 0, 12, 0, 3, 0, 1, 0, 0, 0, 1, 0, 0, 0x7F, 0xFF], "Metadata version 1 is malformed" },
    };

    [Theory]
    [MemberData(nameof(Garbage))]
    public async Task Garbage_is_closed_with_one_line_that_says_what_it_looks_like(byte[] bytes, string said)
    {
        await using BrokerHost host = await BrokerHost.StartAsync();
        using RawClient client = await RawClient.ConnectAsync(host);
        await client.SendBytesAsync(bytes);
        Assert.True(await client.IsClosedAsync());
        await BrokerHost.UntilAsync(() => host.Broker.Status.Connections == 0);
        Assert.Single(host.Logs.Lines, line => line.Contains(said));
        Assert.Empty(host.Logs.Errors);
        Assert.Equal(0, host.Broker.Status.RequestBytesInFlight);
    }

    [Fact]
    public async Task An_unknown_version_of_ApiVersions_is_answered_with_version_0_and_what_is_supported()
    {
        await using BrokerHost host = await BrokerHost.StartAsync();
        using RawClient client = await RawClient.ConnectAsync(host);
        await client.SendBytesAsync(0, 0, 0, 10, 0, 18, 0, 99, 0, 0, 0, 77, 0, 0);
        (int correlation, ApiVersionsResponse response) = await client.ReceiveAsync<ApiVersionsResponse>(0);
        Assert.Equal(77, correlation);
        Assert.Equal((short)KafkaError.UnsupportedVersion, response.ErrorCode);
        Assert.Contains(response.ApiKeys, api => api.ApiKey == (short)ApiKey.ApiVersions && api.MaxVersion >= 3);
        ApiVersionsResponse again = await client.CallAsync<ApiVersionsRequest, ApiVersionsResponse>(
            new ApiVersionsRequest { ClientSoftwareName = "test", ClientSoftwareVersion = "1.0" }, 3);
        Assert.Equal(0, again.ErrorCode);
        Assert.Contains(again.ApiKeys, api => api.ApiKey == (short)ApiKey.Produce);
        again = await client.CallAsync<ApiVersionsRequest, ApiVersionsResponse>(
            new ApiVersionsRequest { ClientSoftwareName = "-bad-", ClientSoftwareVersion = "1.0" }, 3);
        Assert.Equal((short)KafkaError.InvalidRequest, again.ErrorCode);
    }

    [Fact]
    public async Task Answers_come_in_the_order_of_requests_and_appends_do_not_wait_for_each_other()
    {
        await using BrokerHost host = await BrokerHost.StartAsync();
        StreamId stream = (await host.CreateTopicAsync("t")).Partitions[0].Identity.Stream;
        using RawClient client = await RawClient.ConnectAsync(host);
        host.Storage.HoldConfirmations = true;
        var sent = new List<int>();
        for (int index = 0; index < 20; index++)
        {
            sent.Add(await client.SendAsync(Requests.Produce("t", 0, Batches.Of(1)), 9));
        }

        int metadata = await client.SendAsync(new MetadataRequest { Topics = null }, 9);
        // All are appended although none is durable.
        await BrokerHost.UntilAsync(() => host.Storage[stream].NextOffset == 20);
        Assert.Equal(0, client.Socket.Available);
        host.Storage[stream].ConfirmAll();
        for (int index = 0; index < 20; index++)
        {
            (int correlation, ProduceResponse response) = await client.ReceiveAsync<ProduceResponse>(9);
            Assert.Equal(sent[index], correlation);
            Assert.Equal(index, response.Only().BaseOffset);
        }

        Assert.Equal(metadata, (await client.ReceiveAsync<MetadataResponse>(9)).Correlation);
    }

    [Fact]
    public async Task Reading_pauses_when_too_many_requests_are_in_flight()
    {
        await using BrokerHost host = await BrokerHost.StartAsync(BrokerHost.Options with { ConnectionRequestsInFlightMax = 4 });
        StreamId stream = (await host.CreateTopicAsync("t")).Partitions[0].Identity.Stream;
        using RawClient client = await RawClient.ConnectAsync(host);
        host.Storage.HoldConfirmations = true;
        for (int index = 0; index < 20; index++)
        {
            await client.SendAsync(Requests.Produce("t", 0, Batches.Of(1)), 9);
        }

        await BrokerHost.UntilAsync(() => host.Storage[stream].NextOffset >= 5);
        await Task.Delay(50);
        // One is being answered, four wait, one was read before the pause.
        Assert.InRange(host.Storage[stream].NextOffset, 5, 6);
        host.Storage.HoldConfirmations = false;
        host.Storage[stream].ConfirmAll();
        for (int index = 0; index < 20; index++)
        {
            Assert.Equal(index, (await client.ReceiveAsync<ProduceResponse>(9)).Response.Only().BaseOffset);
        }

        await BrokerHost.UntilAsync(() => host.Broker.Status.RequestBytesInFlight == 0);
    }

    [Fact]
    public async Task Reading_pauses_when_requests_in_flight_hold_too_many_bytes()
    {
        await using BrokerHost host = await BrokerHost.StartAsync(BrokerHost.Options with { RequestBytesInFlightMax = 20_000 });
        StreamId stream = (await host.CreateTopicAsync("t")).Partitions[0].Identity.Stream;
        using RawClient one = await RawClient.ConnectAsync(host);
        using RawClient two = await RawClient.ConnectAsync(host);
        host.Storage.HoldConfirmations = true;
        await one.SendAsync(Requests.Produce("t", 0, Batches.Of(1, valueBytes: 15_000)), 9);
        await BrokerHost.UntilAsync(() => host.Storage[stream].NextOffset == 1);
        await two.SendAsync(Requests.Produce("t", 0, Batches.Of(1, valueBytes: 15_000)), 9);
        // Small requests are still read.
        using RawClient small = await RawClient.ConnectAsync(host);
        await small.CallAsync<MetadataRequest, MetadataResponse>(new MetadataRequest { Topics = null }, 9);
        Assert.Equal(1, host.Storage[stream].NextOffset);
        Assert.InRange(host.Broker.Status.RequestBytesInFlight, 15_000, 20_000);
        host.Storage.HoldConfirmations = false;
        host.Storage[stream].ConfirmAll();
        Assert.Equal(0, (await one.ReceiveAsync<ProduceResponse>(9)).Response.Only().BaseOffset);
        Assert.Equal(1, (await two.ReceiveAsync<ProduceResponse>(9)).Response.Only().BaseOffset);
    }

    [Fact]
    public async Task A_full_log_makes_producers_wait_and_nobody_else()
    {
        await using BrokerHost host = await BrokerHost.StartAsync(BrokerHost.Options with { ConnectionIdleMs = 100 });
        StreamId stream = (await host.CreateTopicAsync("t")).Partitions[0].Identity.Stream;
        var room = new TaskCompletionSource();
        host.Storage.RoomGate = room.Task;
        using RawClient producer = await RawClient.ConnectAsync(host);
        using RawClient other = await RawClient.ConnectAsync(host);
        await producer.SendAsync(Requests.Produce("t", 0, Batches.Of(1)), 9);
        for (int round = 0; round < 5; round++)
        {
            await other.FetchAsync(Requests.Fetch("t", 0, waitMs: 50));
        }

        Assert.Equal(0, host.Storage[stream].NextOffset);
        room.SetResult();
        Assert.Equal(0, (await producer.ReceiveAsync<ProduceResponse>(9)).Response.Only().BaseOffset);
    }

    [Fact]
    public async Task A_peer_that_stops_in_the_middle_of_a_request_is_closed()
    {
        await using BrokerHost host = await BrokerHost.StartAsync(BrokerHost.Options with { StalledTransferMs = 60 });
        using RawClient client = await RawClient.ConnectAsync(host);
        await client.SendBytesAsync(0, 0, 1, 0, 0, 3);
        Assert.True(await client.IsClosedAsync());
        Assert.Single(host.Logs.Lines, line => line.Contains("began a request and sent nothing more"));
        await BrokerHost.UntilAsync(() => host.Broker.Status is { Connections: 0, RequestBytesInFlight: 0 });
    }

    [Fact]
    public async Task An_idle_connection_is_closed_but_not_one_that_waits_for_its_answer()
    {
        await using BrokerHost host = await BrokerHost.StartAsync(BrokerHost.Options with { ConnectionIdleMs = 100 });
        await host.CreateTopicAsync("t");
        using RawClient idle = await RawClient.ConnectAsync(host);
        using RawClient waiting = await RawClient.ConnectAsync(host);
        await waiting.SendAsync(Requests.Fetch("t", 0, waitMs: 600), 12);
        Assert.True(await idle.IsClosedAsync());
        (_, FetchResponse response) = await waiting.ReceiveAsync<FetchResponse>(12);
        Assert.Equal(0, response.Only().ErrorCode);
    }

    [Fact]
    public async Task A_reader_that_stops_holds_one_response_and_is_closed()
    {
        await using BrokerHost host = await BrokerHost.StartAsync(BrokerHost.Options with { StalledTransferMs = 200 });
        await host.CreateTopicAsync("t");
        using RawClient writer = await RawClient.ConnectAsync(host);
        for (int index = 0; index < 12; index++)
        {
            await writer.ProduceAsync("t", Batches.Of(1, valueBytes: 1_000_000));
        }

        using RawClient slow = await RawClient.ConnectAsync(host);
        slow.Socket.ReceiveBufferSize = 4096;
        for (int index = 0; index < 8; index++)
        {
            await slow.SendAsync(Requests.Fetch("t", 0, maxBytes: 16 << 20, partitionMax: 16 << 20), 12);
        }

        // While it reads, the fetch holds what it may take at most; then what it took.
        await BrokerHost.UntilAsync(() => host.Broker.Status.FetchBytesInFlight is > 0 and < 13_000_000);
        await BrokerHost.UntilAsync(() => host.Logs.Lines.Any(line => line.Contains("read nothing of its response")));
        await BrokerHost.UntilAsync(() => host.Broker.Status is { FetchBytesInFlight: 0, RequestBytesInFlight: 0 });
        Assert.Equal(12, (await writer.ProduceAsync("t", Batches.Of(1))).BaseOffset);
    }

    [Fact]
    public async Task Connections_are_bounded_in_all_and_per_address()
    {
        await using BrokerHost host = await BrokerHost.StartAsync(BrokerHost.Options with { ConnectionsPerAddressMax = 2 });
        using RawClient one = await RawClient.ConnectAsync(host);
        using (RawClient two = await RawClient.ConnectAsync(host))
        {
            await BrokerHost.UntilAsync(() => host.Broker.Status.Connections == 2);
            using RawClient three = await RawClient.ConnectAsync(host);
            Assert.True(await three.IsClosedAsync());
            Assert.Single(host.Logs.Lines, line => line.Contains("max.connections.per.ip"));
        }

        await BrokerHost.UntilAsync(() => host.Broker.Status.Connections == 1);
        using RawClient four = await RawClient.ConnectAsync(host);
        MetadataResponse answer = await four.CallAsync<MetadataRequest, MetadataResponse>(new MetadataRequest { Topics = null }, 9);
        Assert.Equal(MemoryTopicCatalog.ClusterId, answer.ClusterId);
    }

    [Fact]
    public async Task A_produce_without_acks_is_not_answered_and_closes_the_connection_when_it_fails()
    {
        await using BrokerHost host = await BrokerHost.StartAsync();
        await host.CreateTopicAsync("t");
        using RawClient client = await RawClient.ConnectAsync(host);
        await client.SendAsync(Requests.Produce("t", 0, Batches.Of(1), acks: 0), 9);
        // The next answer is the next request's.
        Assert.Equal(1, (await client.ProduceAsync("t", Batches.Of(1))).BaseOffset);
        await client.SendAsync(Requests.Produce("absent", 0, Batches.Of(1), acks: 0), 9);
        Assert.True(await client.IsClosedAsync());
        Assert.Single(host.Logs.Lines, line => line.Contains("a produce with acks=0 failed with UnknownTopicOrPartition"));
    }

    [Fact]
    public async Task A_frame_may_come_byte_by_byte()
    {
        await using BrokerHost host = await BrokerHost.StartAsync();
        using RawClient client = await RawClient.ConnectAsync(host);
        byte[] frame = new byte[18];
        BinaryPrimitives.WriteInt32BigEndian(frame, 14);
        frame[5] = 3;
        frame[7] = 1;
        frame[11] = 5;
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(14), -1);
        foreach (byte part in frame)
        {
            await client.SendBytesAsync(part);
        }

        Assert.Equal(5, (await client.ReceiveAsync<MetadataResponse>(1)).Correlation);
    }

    [Fact]
    public async Task A_stop_answers_what_is_in_flight()
    {
        BrokerHost host = await BrokerHost.StartAsync();
        StreamId stream = (await host.CreateTopicAsync("t")).Partitions[0].Identity.Stream;
        using RawClient client = await RawClient.ConnectAsync(host);
        host.Storage.HoldConfirmations = true;
        await client.SendAsync(Requests.Produce("t", 0, Batches.Of(3)), 9);
        await BrokerHost.UntilAsync(() => host.Storage[stream].NextOffset == 3);
        Task stopping = host.Broker.StopAsync();
        host.Storage[stream].ConfirmAll();
        Assert.Equal(0, (await client.ReceiveAsync<ProduceResponse>(9)).Response.Only().ErrorCode);
        await stopping;
        Assert.Equal(BrokerPhase.Stopped, host.Broker.Status.Phase);
        Assert.True(await client.IsClosedAsync());
    }
}
