namespace PipeRoll.Server.Tests.Http.Schemas;

/// <summary>Versions that wait for approval, over HTTP.</summary>
public sealed class SchemaGovernanceTests(RegistryServer server) : IClassFixture<RegistryServer>
{
    [Fact]
    public async Task AVersionOfAGovernedSubjectIsApprovedByAnother()
    {
        const string Rules = "/api/v1/schemas/governance/orders-value";
        Answer governed = await server.SendAsync(HttpMethod.Put, Rules, """{"approvers":["User:bob"]}""", "root");
        Assert.Equal((200, "orders-value"), (governed.Status, (string)governed.Json!["subject"]!));
        Answer asked = await server.RegisterAsync("orders-value", "\"int\"", user: "alice");
        Assert.Equal((422, 42290), (asked.Status, asked.ErrorCode));
        Assert.Equal(40401, (await server.GetAsync("/subjects/orders-value/versions")).ErrorCode);
        Answer waiting = await server.GetAsync("/api/v1/schemas/requests?state=pending&subject=orders-value");
        int id = (int)waiting.Json![0]!["id"]!;
        Assert.Equal("User:alice", (string)waiting.Json[0]!["author"]!);

        Assert.Equal(42291, (await server.SendAsync(HttpMethod.Post, $"/api/v1/schemas/requests/{id}/approve", "{}", "alice")).ErrorCode);
        Assert.Equal(42291, (await server.SendAsync(HttpMethod.Post, $"/api/v1/schemas/requests/{id}/approve", "{}", "carol")).ErrorCode);
        Answer approved = await server.SendAsync(HttpMethod.Post, $"/api/v1/schemas/requests/{id}/approve", """{"comment":"fine"}""", "bob");
        Assert.Equal("approved", (string)approved.Json!["state"]!);
        Assert.Equal("[1]", (await server.GetAsync("/subjects/orders-value/versions")).Text);
        Assert.Equal(200, (await server.RegisterAsync("orders-value", "\"int\"", user: "alice")).Status);
        Assert.Contains("fine", (await server.GetAsync($"/api/v1/schemas/requests/{id}")).Text);

        // What would pass the rules by is refused.
        Assert.Equal(42291, (await server.SendAsync(HttpMethod.Delete, "/subjects/orders-value", user: "alice")).ErrorCode);
        Assert.Equal(42291, (await server.SendAsync(HttpMethod.Put, "/config/orders-value", """{"compatibility":"NONE"}""", "alice")).ErrorCode);
        Assert.Equal(42291, (await server.SendAsync(HttpMethod.Delete, Rules, user: "alice")).ErrorCode);
        Assert.Equal(40490, (await server.GetAsync("/api/v1/schemas/requests/999")).ErrorCode);
        Assert.Equal(40490, (await server.SendAsync(HttpMethod.Post, "/api/v1/schemas/requests/999/reject", "{}", "bob")).ErrorCode);
        Assert.Equal(40491, (await server.GetAsync("/api/v1/schemas/governance/other")).ErrorCode);
        Assert.Equal(42293, (await server.SendAsync(HttpMethod.Put, "/api/v1/schemas/governance/x", """{"approvers":["User:a"],"approvals":2}""")).ErrorCode);
    }

    [Fact]
    public async Task AFreezeIsOverWhenItIsOver()
    {
        DateTimeOffset now = TimeProvider.System.GetUtcNow();
        string freeze = $$"""{"freezes":[{"from":"{{now.AddHours(-1):O}}","to":"{{now.AddHours(1):O}}","reason":"year end"}]}""";
        await server.SendAsync(HttpMethod.Put, "/api/v1/schemas/governance/frozen", freeze);
        Answer refused = await server.RegisterAsync("frozen", "\"int\"");
        Assert.Equal((422, 42292), (refused.Status, refused.ErrorCode));
        Assert.Contains("year end", (string)refused.Json!["message"]!);
        await server.SendAsync(HttpMethod.Delete, "/api/v1/schemas/governance/frozen");
        Assert.Equal(200, (await server.RegisterAsync("frozen", "\"int\"")).Status);
    }

    /// <summary>The other languages, over HTTP, with references and the compiled form.</summary>
    [Fact]
    public async Task JsonAndProtobufAreRegisteredToo()
    {
        Answer json = await server.RegisterAsync("j-value", """{ "type": "object", "properties": { "a": { "type": "string" } }, "additionalProperties": false }""", "JSON");
        Assert.Equal("JSON", (string)(await server.GetAsync($"/schemas/ids/{(int)json.Json!["id"]!}")).Json!["schemaType"]!);
        Assert.Equal(409, (await server.RegisterAsync("j-value", """{ "type": "string" }""", "JSON")).ErrorCode);
        Assert.Equal(409, (await server.RegisterAsync("j-value", "\"int\"")).ErrorCode);

        await server.RegisterAsync("money", "syntax = \"proto3\"; package a; message Money { int64 cents = 1; }", "PROTOBUF");
        Answer proto = await server.RegisterAsync(
            "p-value", "syntax = \"proto3\"; package a; import \"money.proto\"; message Order { Money price = 1; }", "PROTOBUF",
            references: """[{"name":"money.proto","subject":"money","version":1}]""");
        int id = (int)proto.Json!["id"]!;
        string compiled = (string)(await server.GetAsync($"/schemas/ids/{id}?format=serialized")).Json!["schema"]!;
        Answer same = await server.SendAsync(
            HttpMethod.Post, "/subjects/p-value?normalize=true", RegistryServer.Body(compiled, "PROTOBUF", """[{"name":"money.proto","subject":"money","version":1}]"""));
        Assert.Equal(id, (int)same.Json!["id"]!);
        Answer again = await server.SendAsync(
            HttpMethod.Post, "/subjects/p-value/versions?normalize=true", RegistryServer.Body(compiled, "PROTOBUF", """[{"name":"money.proto","subject":"money","version":1}]"""));
        Assert.Equal(id, (int)again.Json!["id"]!);
    }
}
