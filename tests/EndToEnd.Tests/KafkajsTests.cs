using System.Text.Json;
using PipeRoll.EndToEnd.Tests.Support;

namespace PipeRoll.EndToEnd.Tests;

/// <summary>kafkajs (npm): a protocol implementation of its own, in JavaScript.</summary>
public sealed class KafkajsTests(ServerFixture fixture) : IClassFixture<ServerFixture>
{
    [Theory]
    [InlineData("plain")]
    [InlineData("idempotent")]
    public async Task EveryCompressionComesBack(string producer)
    {
        JsonElement result = await RunAsync(await fixture.CreateTopicAsync(partitions: 3), "roundTrip", producer);

        Assert.Equal(500, result.GetProperty("count").GetInt32());
        Assert.Equal(500, result.GetProperty("distinct").GetInt32());
        Assert.True(result.GetProperty("headersRight").GetBoolean());
        Assert.Equal(1_700_000_000_000, result.GetProperty("firstTimestamp").GetInt64());
    }

    [Fact]
    public async Task AGroupSharesAndTakesOver()
    {
        JsonElement result = await RunAsync(await fixture.CreateTopicAsync(partitions: 4), "rebalance");

        Assert.Equal(200, result.GetProperty("seen").GetInt32());
        Assert.Equal(2, result.GetProperty("members").GetInt32());
        Assert.Equal("RoundRobinAssigner", result.GetProperty("protocol").GetString());
        Assert.Equal("Stable", result.GetProperty("state").GetString());
    }

    [Fact]
    public async Task SeeksAndFindsOffsetsByTime()
    {
        JsonElement result = await RunAsync(await fixture.CreateTopicAsync(), "seek");

        Assert.Equal(Enumerable.Range(40, 10).Select(i => i.ToString()), result.GetProperty("tail").EnumerateArray().Select(item => item.GetString()));
        Assert.Equal("26", result.GetProperty("byTime").GetString());
        Assert.Equal("0", result.GetProperty("low").GetString());
        Assert.Equal("50", result.GetProperty("high").GetString());
    }

    [Fact]
    public async Task CommitsAndAbortsTransactions()
    {
        JsonElement result = await RunAsync(await fixture.CreateTopicAsync(), "transactions");

        Assert.Equal(30, result.GetProperty("count").GetInt32());
        Assert.Equal("024", result.GetProperty("rounds").GetString());
        Assert.Equal("5", result.GetProperty("offset").GetString());
    }

    [Fact]
    public async Task AdministersTopics()
    {
        JsonElement result = await RunAsync(await fixture.CreateTopicAsync(), "admin");

        Assert.True(result.GetProperty("created").GetBoolean());
        Assert.Equal("60000", result.GetProperty("retention").GetString());
        Assert.Equal(5, result.GetProperty("partitions").GetInt32());
        Assert.Equal(1, result.GetProperty("brokers").GetInt32());
        Assert.Equal(22, result.GetProperty("clusterId").GetString()!.Length);
        Assert.True(result.GetProperty("gone").GetBoolean());
    }

    [Fact]
    public async Task ChangesABrokersSettingsWhileItRuns()
    {
        JsonElement result = await RunAsync(await fixture.CreateTopicAsync(), "tools");

        Assert.Equal("7", result.GetProperty("offset").GetString());
        Assert.Equal("3", result.GetProperty("low").GetString());
        Assert.Equal("5400000", result.GetProperty("retention").GetString());
        Assert.Equal(2, result.GetProperty("source").GetInt32());
        Assert.True(result.GetProperty("listed").GetBoolean());
    }

    private async Task<JsonElement> RunAsync(string topic, params string[] arguments)
    {
        string script = Path.Combine(Checkout.Clients, "kafkajs", "client.js");
        CommandResult run = (await Command.RunAsync("node", [script, fixture.Bootstrap, topic, .. arguments], input: null)).Succeeded();
        return JsonDocument.Parse(run.Lines[^1]).RootElement;
    }
}
