using Avro;
using Avro.Generic;
using Confluent.Kafka;
using Confluent.Kafka.SyncOverAsync;
using Confluent.SchemaRegistry;
using Confluent.SchemaRegistry.Serdes;
using PipeRoll.EndToEnd.Tests.Support;
using ConfluentSchema = Confluent.SchemaRegistry.Schema;

namespace PipeRoll.EndToEnd.Tests;

/// <summary>Confluent's registry client and serialisers, against our registry and topics that ask for schemas.</summary>
public sealed class SchemaRegistryTests(ServerFixture fixture) : IClassFixture<ServerFixture>
{
    private const string Payment = """{"type":"record","name":"Payment","namespace":"org.example","fields":[{"name":"account","type":"string"},{"name":"amount","type":"double"}]}""";

    [Fact]
    public async Task AvroGoesThroughATopicThatAsksForItsSchema()
    {
        string topic = await fixture.CreateTopicAsync(configs: new()
        {
            ["confluent.value.schema.validation"] = "true",
            ["piperoll.schema.validation.mode"] = "full",
        });
        using CachedSchemaRegistryClient registry = Registry();
        using IProducer<string, GenericRecord> producer = new ProducerBuilder<string, GenericRecord>(Config())
            .SetValueSerializer(new AvroSerializer<GenericRecord>(registry)).Build();
        var record = new GenericRecord((RecordSchema)Avro.Schema.Parse(Payment));
        record.Add("account", "a");
        record.Add("amount", 12.5);
        await producer.ProduceAsync(topic, new Message<string, GenericRecord> { Key = "k", Value = record });

        using IConsumer<string, GenericRecord> consumer = new ConsumerBuilder<string, GenericRecord>(Reader())
            .SetValueDeserializer(new AvroDeserializer<GenericRecord>(registry).AsSyncOverAsync()).Build();
        consumer.Assign(new TopicPartitionOffset(topic, 0, Offset.Beginning));
        GenericRecord read = consumer.Consume(TimeSpan.FromSeconds(20)).Message.Value;
        Assert.Equal(("a", 12.5), ((string)read["account"], (double)read["amount"]));

        // A producer that knows no registry is told why its record is refused.
        using IProducer<string, string> plain = new ProducerBuilder<string, string>(Config()).Build();
        ProduceException<string, string> refused = await Assert.ThrowsAsync<ProduceException<string, string>>(
            () => plain.ProduceAsync(topic, new Message<string, string> { Key = "k", Value = "plain" }));
        Assert.Equal(ErrorCode.InvalidRecord, refused.Error.Code);
    }

    public sealed record Person(string Name, int Age);

    [Fact]
    public async Task JsonGoesThroughAndStrangersAreSetAside()
    {
        string topic = await fixture.CreateTopicAsync(configs: new()
        {
            ["confluent.value.schema.validation"] = "true",
            ["piperoll.schema.validation.mode"] = "full",
            ["piperoll.schema.validation.action"] = "dead-letter",
        });
        using CachedSchemaRegistryClient registry = Registry();
        using IProducer<string, Person> producer = new ProducerBuilder<string, Person>(Config()).SetValueSerializer(new JsonSerializer<Person>(registry)).Build();
        using IProducer<string, string> plain = new ProducerBuilder<string, string>(Config()).Build();
        await producer.ProduceAsync(topic, new Message<string, Person> { Key = "k", Value = new Person("Ada", 36) });
        await plain.ProduceAsync(topic, new Message<string, string> { Key = "k", Value = "stranger" });
        DeliveryResult<string, Person> third = await producer.ProduceAsync(topic, new Message<string, Person> { Key = "k", Value = new Person("Bob", 7) });
        Assert.Equal(2, third.Offset.Value);

        using IConsumer<string, Person> consumer = new ConsumerBuilder<string, Person>(Reader())
            .SetValueDeserializer(new JsonDeserializer<Person>().AsSyncOverAsync()).Build();
        consumer.Assign(new TopicPartitionOffset(topic, 0, Offset.Beginning));
        Assert.Equal(["Ada", "Bob"], Enumerable.Range(0, 2).Select(_ => consumer.Consume(TimeSpan.FromSeconds(20)).Message.Value.Name));
        using IConsumer<string, string> dead = new ConsumerBuilder<string, string>(Reader()).Build();
        dead.Assign(new TopicPartitionOffset($"{topic}.dlq", 0, Offset.Beginning));
        ConsumeResult<string, string> letter = dead.Consume(TimeSpan.FromSeconds(20));
        Assert.Equal("stranger", letter.Message.Value);
        Assert.Equal("1", System.Text.Encoding.UTF8.GetString(letter.Message.Headers.GetLastBytes("piperoll.dlq.offset")));
    }

    [Fact]
    public async Task TheRegistryClientFindsWhatItKnows()
    {
        using CachedSchemaRegistryClient registry = Registry();
        const string Subject = "client-value";
        int id = await registry.RegisterSchemaAsync(Subject, new ConfluentSchema(Payment, SchemaType.Avro));
        Assert.Equal(id, await registry.GetSchemaIdAsync(Subject, new ConfluentSchema(Payment, SchemaType.Avro)));
        Assert.Equal(Payment, (await registry.GetSchemaAsync(id)).SchemaString);
        Assert.Equal((1, id), ((await registry.GetLatestSchemaAsync(Subject)) is var latest ? (latest.Version, latest.Id) : default));
        Assert.Contains(Subject, await registry.GetAllSubjectsAsync());
        Assert.Equal([1], await registry.GetSubjectVersionsAsync(Subject));
        Assert.True(await registry.IsCompatibleAsync(Subject, new ConfluentSchema(Payment, SchemaType.Avro)));
        Assert.False(await registry.IsCompatibleAsync(Subject, new ConfluentSchema(Payment.Replace("double", "string"), SchemaType.Avro)));
        Assert.Equal(Compatibility.Full, await registry.UpdateCompatibilityAsync(Compatibility.Full, Subject));
        Assert.Equal(Compatibility.Full, await registry.GetCompatibilityAsync(Subject));
        SchemaRegistryException refused = await Assert.ThrowsAsync<SchemaRegistryException>(
            () => registry.RegisterSchemaAsync(Subject, new ConfluentSchema(Payment.Replace("double", "string"), SchemaType.Avro)));
        Assert.Equal(409, refused.ErrorCode);
        SchemaRegistryException missing = await Assert.ThrowsAsync<SchemaRegistryException>(() => registry.GetLatestSchemaAsync("none"));
        Assert.Equal(40401, missing.ErrorCode);
        int proto = await registry.RegisterSchemaAsync("proto-value", new ConfluentSchema("syntax = \"proto3\"; message A { string a = 1; }", SchemaType.Protobuf));
        Assert.Equal(SchemaType.Protobuf, (await registry.GetSchemaAsync(proto)).SchemaType);
    }

    [Fact]
    public async Task TheCommandLineChecksRegistersAndApproves()
    {
        using var folder = new TemporaryFolder();
        string first = Path.Combine(folder.Path, "first.avsc");
        string wrong = Path.Combine(folder.Path, "wrong.avsc");
        await File.WriteAllTextAsync(first, Payment);
        await File.WriteAllTextAsync(wrong, Payment.Replace("double", "string"));
        Assert.Equal("version 1, id ", (await RunAsync("ann", "register", "cli-value", first)).Succeeded().Output[..14]);
        Assert.Contains("compatible", (await RunAsync("ann", "check", "cli-value", first)).Succeeded().Output);
        CommandResult no = await RunAsync("ann", "check", "cli-value", wrong);
        Assert.Equal(1, no.ExitCode);
        Assert.Contains("/fields/1/type", no.Output);
        Assert.Equal(Payment, (await RunAsync("ann", "show", "cli-value")).Succeeded().Output.TrimEnd());
        Assert.Contains("cli-value", (await RunAsync("ann", "list")).Succeeded().Lines);
        Assert.Equal(["1"], (await RunAsync("ann", "list", "cli-value")).Succeeded().Lines);

        (await RunAsync("root", "govern", "cli-value", "--approver", "User:bob")).Succeeded();
        await File.WriteAllTextAsync(first, Payment.Replace("}]", "},{\"name\":\"note\",\"type\":\"string\",\"default\":\"\"}]"));
        CommandResult asked = await RunAsync("ann", "register", "cli-value", first);
        Assert.Equal(1, asked.ExitCode);
        Assert.Contains("waits for approval", asked.Error);
        string request = (await RunAsync("bob", "request")).Succeeded().Lines[1].Split(' ')[0];
        Assert.Contains("not for User:carol", (await RunAsync("carol", "approve", request)).Error);
        Assert.Contains("is approved: version 2", (await RunAsync("bob", "approve", request, "-m", "fine")).Succeeded().Output);
        Assert.Contains("User:bob approved: fine", (await RunAsync("bob", "request", request)).Succeeded().Output);
    }

    private Task<CommandResult> RunAsync(string user, params string[] arguments) => Command.RunAsync(
        Checkout.Cli, ["schema", .. arguments, "--http", fixture.Server.Http.ToString(), "--user", user], input: null,
        environment: new Dictionary<string, string> { ["PIPEROLL_PASSWORD"] = "any" });

    private CachedSchemaRegistryClient Registry() => new(new SchemaRegistryConfig { Url = fixture.Server.Http.ToString() });

    private ProducerConfig Config() => new() { BootstrapServers = fixture.Bootstrap, EnableIdempotence = true };

    private ConsumerConfig Reader() => new() { BootstrapServers = fixture.Bootstrap, GroupId = "reader" };
}
