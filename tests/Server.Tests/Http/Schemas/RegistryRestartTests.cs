namespace PipeRoll.Server.Tests.Http.Schemas;

/// <summary>What was registered is a topic's content, and is there after a restart.</summary>
public sealed class RegistryRestartTests
{
    [Fact]
    public async Task WhatWasRegisteredIsThereAfterARestart()
    {
        await using var server = new RegistryServer();
        await server.InitializeAsync();
        Assert.Equal(1, (int)(await server.RegisterAsync("a", "\"int\"")).Json!["id"]!);
        Assert.Equal(2, (int)(await server.RegisterAsync("b", "\"string\"")).Json!["id"]!);
        await server.SendAsync(HttpMethod.Put, "/config", """{"compatibility":"FULL_TRANSITIVE"}""");
        await server.SendAsync(HttpMethod.Delete, "/subjects/b");
        await server.SendAsync(HttpMethod.Delete, "/subjects/b?permanent=true");
        await server.RestartAsync();

        Assert.Equal("""["a"]""", (await server.GetAsync("/subjects")).Text);
        Assert.Equal("\"int\"", (await server.GetAsync("/schemas/ids/1/schema")).Text);
        Assert.Equal("""{"compatibilityLevel":"FULL_TRANSITIVE"}""", (await server.GetAsync("/config")).Text);
        Assert.Equal(3, (int)(await server.RegisterAsync("c", "\"string\"")).Json!["id"]!);
    }
}
