using System.Text.Json;
using PipeRoll.EndToEnd.Tests.Support;

namespace PipeRoll.EndToEnd.Tests;

/// <summary>python3-kafka 2.0 (Debian): old protocol versions, which it finds by probing.</summary>
public sealed class PythonTests(ServerFixture fixture) : IClassFixture<ServerFixture>
{
    [Fact]
    public async Task ProducedIsConsumed()
    {
        JsonElement result = await RunAsync(await fixture.CreateTopicAsync(), "roundTrip");

        Assert.Equal(1_000, result.GetProperty("sent").GetInt32());
        Assert.Equal(1_000, result.GetProperty("received").GetInt32());
        Assert.Equal(1_000, result.GetProperty("distinct").GetInt32());
        Assert.True(result.GetProperty("headersRight").GetBoolean());
        Assert.True(result.GetProperty("ordered").GetBoolean());
    }

    [Fact]
    public async Task TwoMembersShareAGroup()
    {
        JsonElement result = await RunAsync(await fixture.CreateTopicAsync(partitions: 4), "group");

        Assert.Equal(400, result.GetProperty("distinct").GetInt32());
        Assert.Equal([2, 2], result.GetProperty("assigned").EnumerateArray().Select(item => item.GetInt32()));
        Assert.Equal(400, result.GetProperty("committed").GetInt32());
    }

    [Fact]
    public async Task SeeksAndFindsOffsetsByTime()
    {
        JsonElement result = await RunAsync(await fixture.CreateTopicAsync(), "seek");

        Assert.Equal(Enumerable.Range(90, 10), result.GetProperty("tail").EnumerateArray().Select(item => item.GetInt32()));
        Assert.Equal(42, result.GetProperty("byTime").GetInt32());
        Assert.True(result.GetProperty("missing").GetBoolean());
        Assert.Equal(0, result.GetProperty("beginning").GetInt32());
        Assert.Equal(100, result.GetProperty("end").GetInt32());
    }

    [Fact]
    public async Task AdministersTopics()
    {
        JsonElement result = await RunAsync(await fixture.CreateTopicAsync(), "admin");

        Assert.Equal("60000", result.GetProperty("retention").GetString());
        Assert.Equal(3, result.GetProperty("partitions").GetInt32());
        Assert.True(result.GetProperty("gone").GetBoolean());
    }

    [Fact]
    public async Task ChangesABrokersSettingsWhileItRuns()
    {
        JsonElement result = await RunAsync(await fixture.CreateTopicAsync(), "tools");

        Assert.Equal(10, result.GetProperty("read").GetInt32());
        Assert.Equal("7200000", result.GetProperty("retention").GetString());
        Assert.True(result.GetProperty("listed").GetBoolean());
        Assert.Equal("Empty", result.GetProperty("state").GetString());
        Assert.Equal(10, result.GetProperty("offset").GetInt32());
    }

    private async Task<JsonElement> RunAsync(string topic, string mode)
    {
        string script = Path.Combine(Checkout.Clients, "python", "client.py");
        CommandResult run = (await Command.RunAsync("/usr/bin/python3", script, fixture.Bootstrap, topic, mode)).Succeeded();
        return JsonDocument.Parse(run.Lines[^1]).RootElement;
    }
}
