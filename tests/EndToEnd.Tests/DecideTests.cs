using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using PipeRoll.EndToEnd.Tests.Support;

namespace PipeRoll.EndToEnd.Tests;

/// <summary>A server that runs a workflow beside its broker, asked over HTTP as an application would, and killed in between.</summary>
public sealed class DecideTests : IAsyncDisposable
{
    private const string Path = "/api/v1/workflows/payments";
    private readonly string _folder = Directory.CreateTempSubdirectory("decide").FullName;
    private ServerProcess? _server;
    private HttpClient? _http;

    public async ValueTask DisposeAsync()
    {
        _http?.Dispose();
        if (_server is not null)
        {
            await _server.DisposeAsync();
        }

        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task AKilledServerAnswersTheSameKeyWithTheSameDecisionAndFollowersMissNothing()
    {
        await StartAsync();
        JsonElement first = await DecideAsync(Payment("A1", 40), "key-1");
        Assert.True(first.GetProperty("decided").GetBoolean());
        Assert.Equal("allow", first.GetProperty("outcome").GetString());
        Assert.Equal($"payments/{first.GetProperty("record").GetProperty("event").GetProperty("partition")}/0", first.GetProperty("id").GetString());
        (string position, string data) = Assert.Single(await FollowAsync("?from=earliest", null, 1));
        Assert.Equal(first.GetProperty("record").GetRawText(), data);

        await _server!.KillAsync();
        await _server.StartAgainAsync();
        JsonElement again = await DecideAsync(Payment("A1", 40), "key-1");
        Assert.Equal(first.GetProperty("record").GetRawText(), again.GetProperty("record").GetRawText());
        JsonElement second = await DecideAsync(Payment("A1", 41), "key-2");
        JsonElement third = await DecideAsync(Payment("A2", 42), null);

        // From where the follower was: the two that it has not seen, in whatever order the partitions give them.
        List<(string Position, string Data)> missed = await FollowAsync("", position, 2);
        Assert.Equal(
            new[] { second, third }.Select(each => each.GetProperty("record").GetRawText()).Order(StringComparer.Ordinal),
            missed.Select(each => each.Data).Order(StringComparer.Ordinal));

        JsonElement listed = (await _http!.GetFromJsonAsync<JsonElement>("/api/v1/workflows"))[0];
        Assert.Equal("payments", listed.GetProperty("workflow").GetString());
        Assert.Equal(JsonValueKind.Null, listed.GetProperty("problem").ValueKind);
        using HttpResponseMessage following = await _http!.GetAsync(Path + "/decisions", HttpCompletionOption.ResponseHeadersRead);
        Assert.Equal(HttpStatusCode.OK, following.StatusCode);
        Assert.Contains("piperoll_decide_requests", await _http!.GetStringAsync("/metrics"));

        // A follower keeps nobody from stopping.
        Assert.Equal(0, await _server.TerminateAsync(timeoutSeconds: 20));
    }

    [Fact]
    public async Task ABatchIsAnsweredInOrderAndWhatIsWrongIsSaidInWords()
    {
        await StartAsync();
        string batch = "{\"requests\":[{\"event\":" + Payment("A1", 1) + "},{\"event\":{}},{\"event\":" + Payment("A1", 2) + ",\"idempotencyKey\":\"k\"}]}";
        using HttpResponseMessage answered = await PostAsync("/decide-batch", batch, null);
        JsonElement[] answers = [.. (await answered.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("answers").EnumerateArray()];
        Assert.Equal([200, 400, 200], answers.Select(answer => answer.GetProperty("status").GetInt32()));
        Assert.Contains("has no 'account'", answers[1].GetProperty("detail").GetString());

        using HttpResponseMessage reused = await PostAsync("/decide", Payment("A1", 3), "k");
        Assert.Equal(HttpStatusCode.UnprocessableEntity, reused.StatusCode);
        using HttpResponseMessage broken = await PostAsync("/decide", "{", null);
        Assert.Equal(HttpStatusCode.BadRequest, broken.StatusCode);
        using HttpResponseMessage empty = await PostAsync("/decide-batch", "{}", null);
        Assert.Equal(HttpStatusCode.BadRequest, empty.StatusCode);
        using HttpResponseMessage unknown = await _http!.PostAsync("/api/v1/workflows/other/decide", null);
        Assert.Contains("it runs payments", await unknown.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task OnceThereAreUsersTheWorkflowLogsInAndWhoeverMayNotWriteMayNotDecide()
    {
        await StartAsync(
            "--set", "security/admin.user=admin", "--set", "security/admin.password=s3cret",
            "--set", "workflow-client/security.protocol=sasl_plaintext", "--set", "workflow-client/sasl.mechanisms=SCRAM-SHA-256",
            "--set", "workflow-client/sasl.username=admin", "--set", "workflow-client/sasl.password=s3cret");
        using HttpResponseMessage nobody = await _http!.PostAsync(Path + "/decide", new StringContent(Payment("A1", 1)));
        Assert.Equal(HttpStatusCode.Unauthorized, nobody.StatusCode);

        Be("admin", "s3cret");
        Assert.True((await DecideAsync(Payment("A1", 1), "k")).GetProperty("decided").GetBoolean());

        // Somebody who may read decisions, and nothing else.
        string[] admin = ["--bootstrap", _server!.Bootstrap, "--user", "admin"];
        Dictionary<string, string> password = new() { ["PIPEROLL_PASSWORD"] = "s3cret" };
        (await Command.RunAsync(Checkout.Cli, ["user", "add", "reader", .. admin], input: "r3ad\n"u8.ToArray(), environment: password)).Succeeded();
        (await Command.RunAsync(
            Checkout.Cli, ["acl", "add", "User:reader", "-o", "read", "--topic", "payments.decisions", .. admin], input: null, environment: password)).Succeeded();
        Be("reader", "r3ad");
        using HttpResponseMessage denied = await _http!.PostAsync(Path + "/decide", new StringContent(Payment("A1", 2)));
        Assert.Equal(HttpStatusCode.Forbidden, denied.StatusCode);
        Assert.Contains("not allowed to Write Topic 'payments'", await denied.Content.ReadAsStringAsync());
        Assert.Single(await FollowAsync("?from=earliest", null, 1));
    }

    [Fact]
    public async Task AWorkflowThatIsWrongStopsTheStart()
    {
        string manifest = System.IO.Path.Combine(_folder, "wrong.yaml");
        await File.WriteAllTextAsync(manifest, "workflow: wrong\nsource:\n  topic: t\npolicy: none.yaml\nblocking:\n  onDeadline: maybe\n");
        Exception refused = await Assert.ThrowsAnyAsync<Exception>(
            () => ServerProcess.StartAsync(System.IO.Path.Combine(_folder, "data"), "--set", "workflows/wrong=" + manifest));
        Assert.Contains("there is no policy file", refused.Message);
        Assert.Contains("'onDeadline' is allow or alert (fail open), hold or block (fail closed), not 'maybe'", refused.Message);
    }

    private static string Payment(string account, int amount) =>
        $$"""{"paymentId":"p{{amount}}","account":"{{account}}","device":"d","country":"CH","amount":{{amount}}.5,"currency":"CHF","channel":"transfer","counterparty":"bob","counterpartyCountry":"CH","time":"2026-11-01T08:00:00Z"}""";

    private void Be(string user, string password) => _http!.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue(
        "Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{user}:{password}")));

    private async Task StartAsync(params string[] flags)
    {
        string manifest = System.IO.Path.Combine(Checkout.Root, "samples", "workflows", "payments.yaml");
        _server = await ServerProcess.StartAsync(System.IO.Path.Combine(_folder, "data"), ["--set", "workflows/payments=" + manifest, .. flags]);
        _http = new HttpClient { BaseAddress = _server.Http, Timeout = TimeSpan.FromMinutes(2) };
    }

    private async Task<JsonElement> DecideAsync(string payment, string? key)
    {
        using HttpResponseMessage answer = await PostAsync("/decide", payment, key);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        return await answer.Content.ReadFromJsonAsync<JsonElement>();
    }

    /// <summary>Repeats as a client does, until the workflow is there.</summary>
    private async Task<HttpResponseMessage> PostAsync(string what, string body, string? key)
    {
        for (int attempt = 1; ; attempt++)
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, Path + what)
            {
                Content = new StringContent(body, Encoding.UTF8, "application/json"),
            };
            if (key is not null)
            {
                request.Headers.Add("Idempotency-Key", key);
            }

            request.Headers.Add("X-Deadline-Ms", "60000");
            HttpResponseMessage answer = await _http!.SendAsync(request);
            if (answer.StatusCode != HttpStatusCode.ServiceUnavailable || attempt == 600)
            {
                return answer;
            }

            Assert.NotNull(answer.Headers.RetryAfter);
            answer.Dispose();
            await Task.Delay(100);
        }
    }

    private async Task<List<(string Position, string Data)>> FollowAsync(string query, string? lastEventId, int count)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, Path + "/decisions" + query);
        if (lastEventId is not null)
        {
            request.Headers.Add("Last-Event-ID", lastEventId);
        }

        using HttpResponseMessage answer = await _http!.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        Assert.Equal("text/event-stream", answer.Content.Headers.ContentType?.MediaType);
        using var reader = new StreamReader(await answer.Content.ReadAsStreamAsync());
        var events = new List<(string, string)>();
        string position = "";
        while (events.Count < count && await reader.ReadLineAsync() is { } line)
        {
            position = line.StartsWith("id: ", StringComparison.Ordinal) ? line[4..] : position;
            if (line.StartsWith("data: ", StringComparison.Ordinal))
            {
                events.Add((position, line[6..]));
            }
        }

        return events;
    }
}
