using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using PipeRoll.Server.Hosting;

namespace PipeRoll.Server.Tests.Http.Schemas;

/// <summary>The embedded default on free ports and a folder of its own, in this process; asked as curl would.</summary>
public sealed class RegistryServer : IAsyncLifetime
{
    private readonly string _folder = Directory.CreateTempSubdirectory("piperoll-registry-").FullName;
    private readonly HttpClient _http = new();
    private readonly StopSignals _signals = new();
    private ServerHost? _host;

    public ValueTask InitializeAsync() => StartAsync();

    public async ValueTask DisposeAsync()
    {
        await _host!.DisposeAsync();
        _signals.Dispose();
        _http.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    public async ValueTask RestartAsync()
    {
        await _host!.DisposeAsync();
        await StartAsync();
    }

    public Task<Answer> GetAsync(string path) => SendAsync(HttpMethod.Get, path);

    /// <param name="user">Named in a Basic header.</param>
    public async Task<Answer> SendAsync(HttpMethod method, string path, string? body = null, string? user = null, string contentType = "application/vnd.schemaregistry.v1+json")
    {
        using var request = new HttpRequestMessage(method, $"http://{_host!.HttpAddress}{path}");
        if (body is not null)
        {
            request.Content = new StringContent(body, Encoding.UTF8, MediaTypeHeaderValue.Parse(contentType));
        }

        if (user is not null)
        {
            request.Headers.Authorization = new("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{user}:")));
        }

        using HttpResponseMessage response = await _http.SendAsync(request);
        string text = await response.Content.ReadAsStringAsync();
        JsonNode? json = text.Length > 0 && text[0] is '{' or '[' or '"' || char.IsAsciiDigit(text.FirstOrDefault()) ? JsonNode.Parse(text) : null;
        return new Answer((int)response.StatusCode, response.Content.Headers.ContentType?.MediaType, json, text);
    }

    public Task<Answer> RegisterAsync(string subject, string schema, string? type = null, string? user = null, string references = "[]") => SendAsync(
        HttpMethod.Post, $"/subjects/{subject}/versions", Body(schema, type, references), user);

    public static string Body(string schema, string? type = null, string references = "[]") =>
        $$"""{"schema":{{JsonSerializer.Serialize(schema)}}{{(type is null ? "" : $",\"schemaType\":\"{type}\"")}},"references":{{references}}}""";

    private async ValueTask StartAsync()
    {
        List<string> problems = [];
        ServerSettings settings = ServerSettings.Resolve(new ServerOptions { DataFolder = _folder, KafkaPort = 0, HttpPort = 0 }, problems);
        Assert.Empty(problems);
        _host = await ServerHost.StartAsync(settings, _signals);
    }
}

public sealed record Answer(int Status, string? MediaType, JsonNode? Json, string Text)
{
    public int? ErrorCode => Json is JsonObject error && error.TryGetPropertyValue("error_code", out JsonNode? code) ? (int?)code : null;
}
