namespace PipeRoll.Server.Tests.Http.Schemas;

/// <summary>Confluent's API, endpoint by endpoint and code by code.</summary>
public sealed class SchemaApiTests(RegistryServer server) : IClassFixture<RegistryServer>
{
    private const string Simple = """{"type":"record","name":"A","fields":[{"name":"x","type":"int"}]}""";
    private const string Wider = """{"type":"record","name":"A","fields":[{"name":"x","type":"int"},{"name":"y","type":"int","default":0}]}""";
    private const string Wrong = """{"type":"record","name":"A","fields":[{"name":"x","type":"string"}]}""";

    private static int _subjects;

    private readonly string _subject = $"subject-{Interlocked.Increment(ref _subjects)}";

    [Fact]
    public async Task AVersionIsRegisteredAndFoundInEveryWay()
    {
        Answer made = await server.RegisterAsync(_subject, " { \"name\": \"A\", \"type\": \"record\", \"fields\": [{\"name\":\"x\",\"type\":\"int\"}]}");
        Assert.Equal((200, "application/vnd.schemaregistry.v1+json"), (made.Status, made.MediaType));
        int id = (int)made.Json!["id"]!;
        Assert.Equal(id, (int)(await server.RegisterAsync(_subject, Simple)).Json!["id"]!);

        Answer latest = await server.GetAsync($"/subjects/{_subject}/versions/latest");
        Assert.Equal((_subject, 1, id, Simple), ((string)latest.Json!["subject"]!, (int)latest.Json["version"]!, (int)latest.Json["id"]!, (string)latest.Json["schema"]!));
        Assert.Null(latest.Json["schemaType"]);
        Assert.Equal(latest.Text, (await server.GetAsync($"/subjects/{_subject}/versions/-1")).Text);
        Assert.Equal(latest.Text, (await server.GetAsync($"/subjects/{_subject}/versions/1")).Text);
        Assert.Equal(Simple, (await server.GetAsync($"/subjects/{_subject}/versions/1/schema")).Text);
        Assert.Equal(Simple, (string)(await server.GetAsync($"/schemas/ids/{id}")).Json!["schema"]!);
        Assert.Equal(Simple, (await server.GetAsync($"/schemas/ids/{id}/schema")).Text);
        Assert.Contains(_subject, (await server.GetAsync($"/schemas/ids/{id}/subjects")).Text);
        Assert.Contains($$"""{"subject":"{{_subject}}","version":1}""", (await server.GetAsync($"/schemas/ids/{id}/versions")).Text);
        Assert.Contains(_subject, (await server.GetAsync("/subjects")).Text);
        Assert.Contains(_subject, (await server.GetAsync($"/schemas?subjectPrefix={_subject}&latestOnly=true")).Text);
        Assert.Equal("[1]", (await server.GetAsync($"/subjects/{_subject}/versions")).Text);
        Assert.Equal("[]", (await server.GetAsync($"/subjects/{_subject}/versions/1/referencedby")).Text);
        Assert.Equal(latest.Text, (await server.SendAsync(HttpMethod.Post, $"/subjects/{_subject}", RegistryServer.Body(Simple))).Text);
        Assert.Equal("""["JSON","PROTOBUF","AVRO"]""", (await server.GetAsync("/schemas/types")).Text);
        Assert.Equal("""["."]""", (await server.GetAsync("/contexts")).Text);
        Assert.NotEmpty((string)(await server.GetAsync("/v1/metadata/id")).Json!["scope"]!["clusters"]!["kafka-cluster"]!);
    }

    [Fact]
    public async Task NamesMayHoldSlashesAndColons()
    {
        Answer made = await server.RegisterAsync("a%2Fb%3Ac", Simple);
        Assert.Equal(200, made.Status);
        Assert.Equal("a/b:c", (string)(await server.GetAsync("/subjects/a%2Fb%3Ac/versions/1")).Json!["subject"]!);
        Assert.Contains("\"a/b:c\"", (await server.GetAsync("/subjects")).Text);
    }

    [Theory]
    [InlineData("GET", "/subjects/none/versions", null, 404, 40401)]
    [InlineData("GET", "/subjects/none/versions/1", null, 404, 40401)]
    [InlineData("GET", "/subjects/none/versions/latest/schema", null, 404, 40401)]
    [InlineData("GET", "/subjects/none/versions/1/referencedby", null, 404, 40401)]
    [InlineData("GET", "/subjects/none/versions/0", null, 422, 42202)]
    [InlineData("GET", "/subjects/none/versions/one", null, 422, 42202)]
    [InlineData("GET", "/schemas/ids/99999", null, 404, 40403)]
    [InlineData("GET", "/schemas/ids/99999/schema", null, 404, 40403)]
    [InlineData("GET", "/schemas/ids/99999/subjects", null, 404, 40403)]
    [InlineData("GET", "/schemas/ids/99999/versions", null, 404, 40403)]
    [InlineData("DELETE", "/subjects/none", null, 404, 40401)]
    [InlineData("DELETE", "/subjects/none/versions/1", null, 404, 40401)]
    [InlineData("POST", "/subjects/none", """{"schema":"\"int\""}""", 404, 40401)]
    [InlineData("POST", "/subjects/none/versions", """{"schema":"nope"}""", 422, 42201)]
    [InlineData("POST", "/subjects/none/versions", """{"schema":"\"int\"","schemaType":"XML"}""", 422, 42201)]
    [InlineData("POST", "/subjects/none/versions", """{}""", 422, 42201)]
    [InlineData("POST", "/subjects/none/versions", """{"schema":"\"int\"","references":[{"name":"a","subject":"none","version":1}]}""", 422, 42201)]
    [InlineData("POST", "/subjects/none/versions", """{""", 400, 400)]
    [InlineData("POST", "/subjects/none/versions", "", 400, 400)]
    [InlineData("POST", "/subjects/%20/versions", """{"schema":"\"int\""}""", 422, 42208)]
    [InlineData("POST", "/compatibility/subjects/none/versions/latest", """{"schema":"\"int\""}""", 404, 40401)]
    [InlineData("POST", "/compatibility/subjects/none/versions/x", """{"schema":"\"int\""}""", 422, 42202)]
    [InlineData("POST", "/compatibility/subjects/none/versions", """{"schema":"nope"}""", 422, 42201)]
    [InlineData("GET", "/config/none", null, 404, 40408)]
    [InlineData("DELETE", "/config/none", null, 404, 40408)]
    [InlineData("PUT", "/config/none", """{"compatibility":"SOMEWHAT"}""", 422, 42203)]
    [InlineData("PUT", "/config", """{}""", 422, 42203)]
    [InlineData("GET", "/mode/none", null, 404, 40409)]
    [InlineData("DELETE", "/mode/none", null, 404, 40409)]
    [InlineData("PUT", "/mode/none", """{"mode":"SOMETIMES"}""", 422, 42204)]
    [InlineData("PUT", "/mode/none", """{"mode":"READONLY_OVERRIDE"}""", 422, 42204)]
    public async Task ErrorsHaveTheirDocumentedCodes(string method, string path, string? body, int status, int code)
    {
        Answer answer = await server.SendAsync(new HttpMethod(method), path, body);
        Assert.Equal((status, code), (answer.Status, answer.ErrorCode));
        Assert.NotEmpty((string)answer.Json!["message"]!);
    }

    [Fact]
    public async Task AFormOfAForeignPageIsNotTaken()
    {
        Answer answer = await server.SendAsync(HttpMethod.Post, $"/subjects/{_subject}/versions", RegistryServer.Body(Simple), contentType: "text/plain");
        Assert.Equal((415, 415), (answer.Status, answer.ErrorCode));
    }

    [Fact]
    public async Task CompatibilityIsCheckedAndRefused()
    {
        await server.RegisterAsync(_subject, Simple);
        Answer refused = await server.RegisterAsync(_subject, Wrong);
        Assert.Equal((409, 409), (refused.Status, refused.ErrorCode));
        Assert.Contains("/fields/0/type", (string)refused.Json!["message"]!);

        string path = $"/compatibility/subjects/{_subject}/versions";
        Answer no = await server.SendAsync(HttpMethod.Post, $"{path}/latest?verbose=true", RegistryServer.Body(Wrong));
        Assert.False((bool)no.Json!["is_compatible"]!);
        Assert.Contains("TYPE_MISMATCH", no.Json["messages"]!.ToJsonString());
        Assert.Equal("""{"is_compatible":false}""", (await server.SendAsync(HttpMethod.Post, path, RegistryServer.Body(Wrong))).Text);
        Assert.Equal("""{"is_compatible":true}""", (await server.SendAsync(HttpMethod.Post, $"{path}/1", RegistryServer.Body(Wider))).Text);
        Assert.Equal(40402, (await server.SendAsync(HttpMethod.Post, $"{path}/7", RegistryServer.Body(Wider))).ErrorCode);

        Assert.Equal("""{"compatibility":"NONE"}""", (await server.SendAsync(HttpMethod.Put, $"/config/{_subject}", """{"compatibility":"NONE"}""")).Text);
        Assert.Equal("""{"compatibilityLevel":"NONE"}""", (await server.GetAsync($"/config/{_subject}")).Text);
        Assert.Equal(200, (await server.RegisterAsync(_subject, Wrong)).Status);
        Assert.Equal("""{"compatibilityLevel":"NONE"}""", (await server.SendAsync(HttpMethod.Delete, $"/config/{_subject}")).Text);
        Assert.Equal(40408, (await server.GetAsync($"/config/{_subject}")).ErrorCode);
        Assert.Equal("""{"compatibilityLevel":"BACKWARD"}""", (await server.GetAsync($"/config/{_subject}?defaultToGlobal=true")).Text);
    }

    [Fact]
    public async Task DeletesAreSoftThenForGood()
    {
        await server.RegisterAsync(_subject, Simple);
        await server.RegisterAsync(_subject, Wider);
        string versions = $"/subjects/{_subject}/versions";
        Assert.Equal(40402, (await server.GetAsync($"{versions}/3")).ErrorCode);
        Assert.Equal(40407, (await server.SendAsync(HttpMethod.Delete, $"{versions}/1?permanent=true")).ErrorCode);
        Assert.Equal("1", (await server.SendAsync(HttpMethod.Delete, $"{versions}/1")).Text);
        Assert.Equal(40406, (await server.SendAsync(HttpMethod.Delete, $"{versions}/1")).ErrorCode);
        Assert.Equal("[2]", (await server.GetAsync(versions)).Text);
        Assert.Equal("[1,2]", (await server.GetAsync($"{versions}?deleted=true")).Text);
        Assert.Equal(40402, (await server.GetAsync($"{versions}/1")).ErrorCode);
        Assert.Equal(200, (await server.GetAsync($"{versions}/1?deleted=true")).Status);
        Assert.Equal(40403, (await server.SendAsync(HttpMethod.Post, $"/subjects/{_subject}", RegistryServer.Body(Simple))).ErrorCode);
        Assert.Equal(200, (await server.SendAsync(HttpMethod.Post, $"/subjects/{_subject}?deleted=true", RegistryServer.Body(Simple))).Status);
        Assert.Equal("1", (await server.SendAsync(HttpMethod.Delete, $"{versions}/1?permanent=true")).Text);
        Assert.Equal("[2]", (await server.GetAsync($"{versions}?deleted=true")).Text);

        Assert.Equal(40405, (await server.SendAsync(HttpMethod.Delete, $"/subjects/{_subject}?permanent=true")).ErrorCode);
        Assert.Equal("[2]", (await server.SendAsync(HttpMethod.Delete, $"/subjects/{_subject}")).Text);
        Assert.Equal(40404, (await server.SendAsync(HttpMethod.Delete, $"/subjects/{_subject}")).ErrorCode);
        Assert.DoesNotContain($"\"{_subject}\"", (await server.GetAsync("/subjects")).Text);
        Assert.Contains($"\"{_subject}\"", (await server.GetAsync("/subjects?deletedOnly=true")).Text);
        Assert.Equal("[2]", (await server.SendAsync(HttpMethod.Delete, $"/subjects/{_subject}?permanent=true")).Text);
        Assert.Equal(40401, (await server.SendAsync(HttpMethod.Delete, $"/subjects/{_subject}?permanent=true")).ErrorCode);
    }

    [Fact]
    public async Task WhatIsReferredToStays()
    {
        await server.RegisterAsync(_subject, """{"type":"record","name":"Money","fields":[{"name":"cents","type":"long"}]}""");
        Answer made = await server.RegisterAsync(
            $"{_subject}-order", """{"type":"record","name":"Order","fields":[{"name":"price","type":"Money"}]}""",
            references: $$"""[{"name":"Money","subject":"{{_subject}}","version":1}]""");
        Assert.Equal(200, made.Status);
        Assert.Equal($"[{(int)made.Json!["id"]!}]", (await server.GetAsync($"/subjects/{_subject}/versions/1/referencedby")).Text);
        Assert.Equal(_subject, (string)(await server.GetAsync($"/subjects/{_subject}-order/versions/1")).Json!["references"]![0]!["subject"]!);
        Assert.Equal(42206, (await server.SendAsync(HttpMethod.Delete, $"/subjects/{_subject}")).ErrorCode);
        Assert.Equal(42206, (await server.SendAsync(HttpMethod.Delete, $"/subjects/{_subject}/versions/1")).ErrorCode);
    }

    [Fact]
    public async Task ModesAreKept()
    {
        Assert.Equal("""{"mode":"READWRITE"}""", (await server.GetAsync("/mode")).Text);
        Assert.Equal("""{"mode":"READONLY"}""", (await server.SendAsync(HttpMethod.Put, $"/mode/{_subject}", """{"mode":"READONLY"}""")).Text);
        Assert.Equal(42205, (await server.RegisterAsync(_subject, Simple)).ErrorCode);
        Assert.Equal("""{"mode":"IMPORT"}""", (await server.SendAsync(HttpMethod.Put, $"/mode/{_subject}", """{"mode":"IMPORT"}""")).Text);
        Answer imported = await server.SendAsync(HttpMethod.Post, $"/subjects/{_subject}/versions", """{"schema":"\"int\"","id":5000,"version":3}""");
        Assert.Equal(5000, (int)imported.Json!["id"]!);
        Assert.Equal("[3]", (await server.GetAsync($"/subjects/{_subject}/versions")).Text);
        Assert.Equal("""{"mode":"IMPORT"}""", (await server.SendAsync(HttpMethod.Delete, $"/mode/{_subject}")).Text);
        Assert.Equal(42205, (await server.SendAsync(HttpMethod.Put, $"/mode/{_subject}", """{"mode":"IMPORT"}""")).ErrorCode);
        Assert.Equal("""{"mode":"READWRITE"}""", (await server.GetAsync($"/mode/{_subject}?defaultToGlobal=true")).Text);
    }
}
