using System.Buffers.Binary;
using System.Text;
using PipeRoll.Broker.Registry;
using PipeRoll.Broker.Tests.Cluster;
using PipeRoll.Broker.Tests.Support;
using PipeRoll.Schemas;
using PipeRoll.Schemas.Registry;
using PipeRoll.Streams;
using PipeRoll.Wire;
using PipeRoll.Wire.Messages;
using PipeRoll.Wire.Records;

namespace PipeRoll.Broker.Tests.Registry;

public sealed class SchemaValidationTests
{
    private const string Order = """{"type":"record","name":"Order","namespace":"org.example","fields":[{"name":"x","type":"boolean"}]}""";
    private static readonly (string Name, string Value) Validated = ("confluent.value.schema.validation", "true");

    [Fact]
    public async Task ARecordNeedsASchemaOfItsSubject()
    {
        await using BrokerHost host = await BrokerHost.StartAsync();
        await host.CreateTopicAsync("t", 1, Validated);
        await host.CreateTopicAsync("plain");
        using RawClient client = await RawClient.ConnectAsync(host);
        int own = await RegisterAsync(host, "t-value", Order);
        int foreign = await RegisterAsync(host, "other-value", "\"int\"");

        ProduceResponse.PartitionProduceResponse answer = await client.ProduceAsync("t", Batch([Record(own, 1), null, Record(own, 0)]));
        Assert.Equal((0, 0L), (answer.ErrorCode, answer.BaseOffset));
        answer = await client.ProduceAsync("t", Batch([Record(own, 1), "text"u8.ToArray(), Record(foreign, 2), Record(99, 1)]));
        Assert.Equal(KafkaError.InvalidRecord, (KafkaError)answer.ErrorCode);
        Assert.Equal([1, 2, 3], answer.RecordErrors.Select(fault => fault.BatchIndex));
        Assert.Contains("does not begin with a 0", answer.RecordErrors[0].BatchIndexErrorMessage);
        Assert.Contains("no version of subject t-value", answer.RecordErrors[1].BatchIndexErrorMessage);
        Assert.Contains("names schema 99, which the registry does not have", answer.RecordErrors[2].BatchIndexErrorMessage);
        Assert.Equal(3, host.Services.Topics.Find("t", 0)!.NextOffset);
        Assert.Equal(0, (await client.ProduceAsync("plain", Batches.Of(1))).ErrorCode);

        // What is deleted may not be written any more.
        await host.Broker.Schemas!.ExecuteAsync(state => RegistryDeletes.DeleteSubject(state, "t-value", false, "User:a"), "User:a");
        answer = await client.ProduceAsync("t", Batch([Record(own, 1)]));
        Assert.Equal(KafkaError.InvalidRecord, (KafkaError)answer.ErrorCode);
    }

    [Theory]
    [InlineData(CompressionCodec.None)]
    [InlineData(CompressionCodec.Zstd)]
    public async Task FullValidationLooksAtTheBytes(CompressionCodec codec)
    {
        await using BrokerHost host = await BrokerHost.StartAsync();
        await host.CreateTopicAsync("t", 1, Validated, ("piperoll.schema.validation.mode", "full"));
        using RawClient client = await RawClient.ConnectAsync(host);
        int id = await RegisterAsync(host, "t-value", Order);
        Assert.Equal(0, (await client.ProduceAsync("t", Batch([Record(id, 1)], codec))).ErrorCode);
        ProduceResponse.PartitionProduceResponse answer = await client.ProduceAsync("t", Batch([Record(id, 1), Record(id, 7)], codec));
        Assert.Equal(1, Assert.Single(answer.RecordErrors).BatchIndex);
        Assert.Contains("x: 7 is no boolean", answer.ErrorMessage);
    }

    [Fact]
    public async Task SubjectsAreNamedAsTheTopicSays()
    {
        await using BrokerHost host = await BrokerHost.StartAsync();
        await host.CreateTopicAsync("r", 1, Validated, ("confluent.value.subject.name.strategy", "io.confluent.kafka.serializers.subject.RecordNameStrategy"));
        await host.CreateTopicAsync("tr", 1, Validated, ("confluent.value.subject.name.strategy", "io.confluent.kafka.serializers.subject.TopicRecordNameStrategy"));
        await host.CreateTopicAsync("k", 1, ("confluent.key.schema.validation", "true"));
        using RawClient client = await RawClient.ConnectAsync(host);
        int id = await RegisterAsync(host, "org.example.Order", Order);
        Assert.Equal(0, (await client.ProduceAsync("r", Batch([Record(id, 1)]))).ErrorCode);
        Assert.Contains("subject tr-org.example.Order", (await client.ProduceAsync("tr", Batch([Record(id, 1)]))).ErrorMessage);
        await RegisterAsync(host, "tr-org.example.Order", Order);
        Assert.Equal(0, (await client.ProduceAsync("tr", Batch([Record(id, 1)]))).ErrorCode);
        Assert.Contains("the key does not begin", (await client.ProduceAsync("k", Batch([Record(id, 1)]))).ErrorMessage);
    }

    [Fact]
    public async Task DeadLettersLeaveAGapAndSayWhyTheyAreThere()
    {
        await using BrokerHost host = await BrokerHost.StartAsync();
        await host.CreateTopicAsync("t", 1, Validated, ("piperoll.schema.validation.action", "dead-letter"));
        using RawClient client = await RawClient.ConnectAsync(host);
        int id = await RegisterAsync(host, "t-value", Order);
        await client.ProduceAsync("t", Batch([Record(id, 1)]));
        byte[] mixed = Batch([Record(id, 1), "bad"u8.ToArray(), Record(id, 0)], producerId: 7);
        ProduceResponse.PartitionProduceResponse answer = await client.ProduceAsync("t", mixed);
        Assert.Equal((0, 1L), (answer.ErrorCode, answer.BaseOffset));

        // The next batch follows on; the same once more is known, and all that is bad leaves an empty batch.
        Assert.Equal(4, (await client.ProduceAsync("t", Batch([Record(id, 1)], producerId: 7, sequence: 3))).BaseOffset);
        Assert.Equal(1, (await client.ProduceAsync("t", Batch([Record(id, 1), "bad"u8.ToArray(), Record(id, 0)], producerId: 7))).BaseOffset);
        Assert.Equal(5, (await client.ProduceAsync("t", Batch(["worse"u8.ToArray()]))).BaseOffset);
        Assert.Equal(6, (await client.ProduceAsync("t", Batch([Record(id, 1)]))).BaseOffset);
        Assert.Equal([0, 1, 3, 4, 6], (await ReadAsync(client, "t")).Select(record => record.Offset));

        List<Stored> dead = await ReadAsync(client, "t.dlq");
        Assert.Equal(["bad", "bad", "worse"], dead.Select(record => Encoding.UTF8.GetString(record.Value)));
        Assert.Equal("t", dead[0].Headers["piperoll.dlq.topic"]);
        Assert.Equal(["2", "2", "5"], dead.Select(record => record.Headers["piperoll.dlq.offset"]));
        Assert.Contains("does not begin with a 0", dead[0].Headers["piperoll.dlq.reason"]);
    }

    [Fact]
    public async Task TheRegistryIsReadAfterARestartBeforeAnythingIsRefused()
    {
        await using BrokerHost host = await BrokerHost.StartAsync();
        await host.CreateTopicAsync("t", 1, Validated);
        int id = await RegisterAsync(host, "t-value", Order);
        await host.RestartAsync();
        await host.AllOpenAsync();
        using RawClient client = await RawClient.ConnectAsync(host);

        // Whoever comes before it is read is told to come again, never that the schema is unknown.
        KafkaError error;
        while ((error = (KafkaError)(await client.ProduceAsync("t", Batch([Record(id, 1)]))).ErrorCode) == KafkaError.NotEnoughReplicas)
        {
            await Task.Delay(5);
        }

        Assert.Equal(KafkaError.None, error);
    }

    [Fact]
    public async Task WhatAnotherRegistryWroteIsRead()
    {
        await using BrokerHost host = await BrokerHost.StartAsync();
        await host.CreateTopicAsync("_schemas", 1, ("cleanup.policy", "compact"));
        using RawClient client = await RawClient.ConnectAsync(host);
        using var builder = new RecordBatchBuilder();
        builder.Append(Batches.Now, "{\"keytype\":\"NOOP\",\"magic\":0}"u8.ToArray(), null);
        builder.Append(
            Batches.Now, """{"keytype":"SCHEMA","subject":"t-value","version":4,"magic":1}"""u8.ToArray(),
            """{"subject":"t-value","version":4,"id":40,"schema":"\"int\"","deleted":false}"""u8.ToArray());
        await client.ProduceAsync("_schemas", builder.Build());

        RegistryAnswer<RegistryState> read = await host.Broker.Schemas!.ReadAsync();
        Assert.Equal(40, read.Value!.Find("t-value", 4)!.Id);
        Assert.Equal(41, await RegisterAsync(host, "u-value", "\"long\""));
    }

    [Fact]
    public async Task OnAClusterTheLeaderWritesAndTheOthersFollow()
    {
        await using TwoBrokers pair = await TwoBrokers.StartAsync();
        await pair.CreateAsync("_schemas", ("cleanup.policy", "compact"));
        StreamId topic = await pair.CreateAsync("t", Validated, ("piperoll.schema.validation.action", "dead-letter"));
        await pair.MoveAsync(topic);
        int id = await RegisterAsync(pair.First, "t-value", Order);
        Assert.Equal(1, (await pair.Second.Schemas!.ReadAsync()).AskNode);
        Assert.Equal(1, (await pair.Second.Schemas!.ExecuteAsync(state => RegistryDeletes.DeleteSubject(state, "t-value", false, "User:a"), "User:a")).AskNode);

        using RawClient client = await pair.ConnectAsync(2);
        Assert.Equal(KafkaError.NotEnoughReplicas, (KafkaError)(await client.ProduceAsync("t", Batch([Record(id, 1)]))).ErrorCode);
        Assert.Equal(KafkaError.None, await SettledAsync(client, Batch([Record(id, 1)])));

        // A dead letter goes to whoever leads its partition.
        await pair.CreateAsync("t.dlq");
        Assert.Equal(KafkaError.None, await SettledAsync(client, Batch([Record(77, 1)])));
        Assert.Equal(1, pair.PartitionOn(1, "t.dlq").NextOffset);

        // What is registered later is followed too, and when the leadership moves, ids go on.
        Assert.Equal(id + 1, await RegisterAsync(pair.First, "t-value", Order.Replace("boolean", "string").Replace("Order", "Other"), CompatibilityLevel.None));
        Assert.Equal(KafkaError.None, await SettledAsync(client, Batch([Record(id + 1, 0)])));
        await pair.MoveAsync(pair.PartitionOn(1, "_schemas").Identity.Stream);
        Assert.Equal(id + 2, await RegisterAsync(pair.Second, "u-value", "\"long\""));
        Assert.Equal(2, (await pair.First.Schemas!.ReadAsync()).AskNode);
    }

    /// <summary>As clients do: what is to be tried again, is.</summary>
    private static async Task<KafkaError> SettledAsync(RawClient client, byte[] batch)
    {
        KafkaError error;
        while ((error = (KafkaError)(await client.ProduceAsync("t", batch)).ErrorCode) is KafkaError.NotEnoughReplicas or KafkaError.NotEnoughReplicasAfterAppend)
        {
            await Task.Delay(5);
        }

        return error;
    }

    private static Task<int> RegisterAsync(BrokerHost host, string subject, string schema) => RegisterAsync(host.Broker, subject, schema);

    private static async Task<int> RegisterAsync(Broker broker, string subject, string schema, CompatibilityLevel? level = null)
    {
        SchemaRegistry registry = broker.Schemas!;
        if (level is not null)
        {
            await registry.ExecuteAsync(state => RegistrySettings.SetConfig(state, null, new SubjectConfig(level, null), "User:a"), "User:a");
        }

        RegistryAnswer<SchemaVersion> made = await registry.ExecuteAsync(
            state => RegistryRules.Register(state, registry.Cache, subject, new SchemaDraft(SchemaType.Avro, schema, []), false, "User:a", registry.Now), "User:a");
        Assert.Null(made.Error);
        return made.Value!.Id;
    }

    private static byte[] Record(int id, byte payload)
    {
        byte[] bytes = new byte[6];
        BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(1), id);
        bytes[5] = payload;
        return bytes;
    }

    private static byte[] Batch(byte[]?[] values, CompressionCodec codec = CompressionCodec.None, long producerId = -1, int sequence = 0)
    {
        using var builder = new RecordBatchBuilder
        {
            Codec = codec,
            ProducerId = producerId,
            ProducerEpoch = (short)(producerId < 0 ? -1 : 0),
            BaseSequence = producerId < 0 ? -1 : sequence,
        };
        foreach (byte[]? value in values)
        {
            builder.Append(TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds(), "k"u8.ToArray(), value is null ? default(ReadOnlyMemory<byte>?) : value);
        }

        return builder.Build();
    }

    private static async Task<List<Stored>> ReadAsync(RawClient client, string topic)
    {
        List<Stored> read = [];
        ReadOnlyMemory<byte> bytes = (await client.FetchAsync(Requests.Fetch(topic, 0, 0))).Only().Records!.ToArray();
        while (RecordBatches.TryTakeFirst(ref bytes, out RecordBatchHeader header, out ReadOnlyMemory<byte> batch))
        {
            foreach (PipeRoll.Wire.Records.Record record in new RecordReader(header, batch.Span[RecordBatchHeader.Bytes..]))
            {
                var headers = new Dictionary<string, string>();
                RecordHeaderReader reader = record.Headers;
                while (reader.MoveNext())
                {
                    headers[Encoding.UTF8.GetString(reader.Key)] = Encoding.UTF8.GetString(reader.Value);
                }

                read.Add(new Stored(record.Offset, record.Value.ToArray(), headers));
            }
        }

        return read;
    }

    private sealed record Stored(long Offset, byte[] Value, Dictionary<string, string> Headers);
}
