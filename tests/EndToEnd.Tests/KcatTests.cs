using System.Text;
using System.Text.Json;
using PipeRoll.EndToEnd.Tests.Support;

namespace PipeRoll.EndToEnd.Tests;

/// <summary>kcat (librdkafka, from Debian): what an operator types at three in the morning.</summary>
public sealed class KcatTests(ServerFixture fixture) : IClassFixture<ServerFixture>
{
    public static TheoryData<string> Codecs => ["none", "gzip", "snappy", "lz4", "zstd"];

    [Theory]
    [MemberData(nameof(Codecs))]
    public async Task ProducedIsConsumedInEveryCompression(string codec)
    {
        string topic = await fixture.CreateTopicAsync(partitions: 3);
        string[] lines = [.. Enumerable.Range(0, 5_000).Select(i => $"key-{i % 97}\tvalue {i} {new string('x', i % 300)}")];
        await KcatAsync(string.Join('\n', lines), "-P", "-t", topic, "-K", "\t", "-z", codec);

        CommandResult consumed = await KcatAsync(null, "-C", "-t", topic, "-e", "-q", "-f", @"%k\t%s\n");

        Assert.Equal(lines.Order(StringComparer.Ordinal), consumed.Lines.Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task HeadersKeysAndTimestampsComeBack()
    {
        string topic = await fixture.CreateTopicAsync();
        long before = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds();
        await KcatAsync("k1:hello", "-P", "-t", topic, "-K", ":", "-H", "source=till", "-H", "trace=17");

        CommandResult consumed = await KcatAsync(null, "-C", "-t", topic, "-e", "-J");

        using JsonDocument record = JsonDocument.Parse(consumed.Lines.Single());
        Assert.Equal("k1", record.RootElement.GetProperty("key").GetString());
        Assert.Equal("hello", record.RootElement.GetProperty("payload").GetString());
        Assert.Equal(["source", "till", "trace", "17"], record.RootElement.GetProperty("headers").EnumerateArray().Select(item => item.GetString()));
        Assert.InRange(record.RootElement.GetProperty("ts").GetInt64(), before, before + 60_000);
    }

    [Fact]
    public async Task EmptyValuesTombstonesAndBigMessagesSurvive()
    {
        string topic = await fixture.CreateTopicAsync(configs: new() { ["max.message.bytes"] = "3000000" });
        string big = new('b', 2_000_000);
        await KcatAsync("empty:", "-P", "-t", topic, "-K", ":");
        await KcatAsync("gone:", "-P", "-t", topic, "-K", ":", "-Z");
        await KcatAsync("big:" + big, "-P", "-t", topic, "-K", ":", "-X", "message.max.bytes=3000000");

        CommandResult consumed = await KcatAsync(null, "-C", "-t", topic, "-e", "-q", "-X", "fetch.message.max.bytes=4000000", "-f", @"%o %k %S\n");

        Assert.Equal(["0 empty 0", "1 gone -1", "2 big 2000000"], consumed.Lines);
    }

    [Fact]
    public async Task SeeksByOffsetFromEndAndByTime()
    {
        string topic = await fixture.CreateTopicAsync();
        await KcatAsync(string.Join('\n', Enumerable.Range(0, 10)), "-P", "-t", topic);
        await Task.Delay(50);
        long middle = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds();
        await KcatAsync(string.Join('\n', Enumerable.Range(10, 10)), "-P", "-t", topic);

        CommandResult fromSeven = await KcatAsync(null, "-C", "-t", topic, "-p", "0", "-o", "7", "-c", "2", "-q");
        CommandResult lastThree = await KcatAsync(null, "-C", "-t", topic, "-p", "0", "-o", "-3", "-e", "-q");
        CommandResult byTime = await KcatAsync(null, "-Q", "-t", $"{topic}:0:{middle}");

        Assert.Equal(["7", "8"], fromSeven.Lines);
        Assert.Equal(["17", "18", "19"], lastThree.Lines);
        Assert.Equal($"{topic} [0] offset 10", byTime.Lines.Single());
    }

    [Fact]
    public async Task MetadataNamesTheBrokerAndTheTopic()
    {
        string topic = await fixture.CreateTopicAsync(partitions: 4);

        CommandResult listed = await KcatAsync(null, "-L", "-t", topic, "-J");

        using JsonDocument metadata = JsonDocument.Parse(listed.Output);
        JsonElement broker = metadata.RootElement.GetProperty("brokers").EnumerateArray().Single();
        Assert.Equal(fixture.Bootstrap, broker.GetProperty("name").GetString());
        Assert.Equal(4, metadata.RootElement.GetProperty("topics")[0].GetProperty("partitions").GetArrayLength());
    }

    [Fact]
    public async Task AGroupGoesOnWhereItStopped()
    {
        string topic = await fixture.CreateTopicAsync(partitions: 2);
        await KcatAsync(string.Join('\n', Enumerable.Range(0, 100)), "-P", "-t", topic);
        string[] asGroup = ["-G", $"group-of-{topic}", "-q", "-e", "-X", "auto.offset.reset=earliest", topic];

        CommandResult first = await KcatAsync(null, asGroup);
        await KcatAsync("100", "-P", "-t", topic);
        CommandResult second = await KcatAsync(null, asGroup);

        Assert.Equal(100, first.Lines.Distinct().Count());
        Assert.Equal(["100"], second.Lines);
    }

    [Fact]
    public async Task AnIdempotentProducerIsServed()
    {
        string topic = await fixture.CreateTopicAsync();
        await KcatAsync(string.Join('\n', Enumerable.Range(0, 2_000)), "-P", "-t", topic, "-X", "enable.idempotence=true");

        CommandResult consumed = await KcatAsync(null, "-C", "-t", topic, "-e", "-q");

        Assert.Equal(Enumerable.Range(0, 2_000).Select(i => i.ToString()), consumed.Lines);
    }

    private async Task<CommandResult> KcatAsync(string? input, params string[] arguments) =>
        (await Command.RunAsync("kcat", ["-b", fixture.Bootstrap, .. arguments], input is null ? null : Encoding.UTF8.GetBytes(input))).Succeeded();
}
