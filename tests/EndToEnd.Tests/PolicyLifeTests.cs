using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using PipeRoll.EndToEnd.Tests.Support;

namespace PipeRoll.EndToEnd.Tests;

/// <summary>A version's way to deciding and back, as people take it: git, the command line, users of a secured server, an application that asks.</summary>
public sealed class PolicyLifeTests : IAsyncDisposable
{
    private const string Policy = """
        name: payments
        version: "1"
        event:
          key: account
          time: { field: time, format: unix-ms }
          fields: { account: string, amount: double, time: timestamp }
        rules:
          - id: big
            when: event.amount > 200.0
            outcome: block
            reason: "${event.amount} is much"
          - id: watched
            when: event.account == 'w'
            outcome: hold
            case: "watch/${event.account}"
            reason: watched
        routes: { allow: passed }
        holds: { expireAfter: 1h, onExpiry: block }
        fallback: { outcome: hold }

        """;

    private const string Cases =
        """{"name":"small","events":[{"account":"a","amount":1,"time":1700000000000}],"expect":{"outcome":"allow","rules":[]}}""" + "\n";

    private readonly string _folder = Directory.CreateTempSubdirectory("life").FullName;
    private ServerProcess? _server;

    public async ValueTask DisposeAsync()
    {
        if (_server is not null)
        {
            await _server.DisposeAsync();
        }

        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task AVersionFromGitIsTestedApprovedByAnotherTriedActivatedAndRolledBack()
    {
        await StartAsync();
        await CommitAsync(Policy, "First rules");
        string first = await HandInAsync();
        Assert.Contains("\"decided\":false", await DecideAsync(300, deadlineMs: 1_000));

        // What is not tested is not approved, what is one's own neither, and what is not approved decides nothing.
        await RefusedAsync("ann", "has not been tested", "approve", first);
        await DoneAsync("ann", "try", first);
        await RefusedAsync("ann", "nobody approves what is his own", "approve", first);
        await RefusedAsync("ann", "only what is approved may decide", "activate", first);
        await DoneAsync("ben", "approve", first);
        await DoneAsync("ann", "activate", first);
        Assert.Contains("\"outcome\":\"block\"", await DecideAsync(300));
        Assert.Contains("\"outcome\":\"allow\"", await DecideAsync(100));

        // A second one, stricter; a change that is not committed stands for nothing.
        string stricter = Policy.Replace("\"1\"", "\"2\"", StringComparison.Ordinal).Replace("200.0", "50.0", StringComparison.Ordinal);
        await File.WriteAllTextAsync(Path.Combine(_folder, "policies", "payments", "policy.yaml"), stricter);
        CommandResult uncommitted = await CliAsync("ann", "policy", "sync", Path.Combine(_folder, "policies"));
        Assert.Equal(2, uncommitted.ExitCode);
        Assert.Contains("commit first", uncommitted.Error);
        await CommitAsync(stricter, "Stricter");
        string second = await HandInAsync();
        await DoneAsync("ann", "try", second);
        await DoneAsync("ann", "try", second, "--traffic");
        await DoneAsync("ben", "approve", second);
        await DoneAsync("ann", "canary", second, "--share", "0.5");
        await TakenUpAsync();
        await DoneAsync("ann", "activate", second);
        await TakenUpAsync();
        Assert.Contains("\"outcome\":\"block\"", await DecideAsync(100));

        // Killed and back: it goes on with what was activated.
        await _server!.KillAsync();
        await _server.StartAgainAsync();
        Assert.Contains("\"outcome\":\"block\"", await DecideAsync(100));
        Assert.Equal(0, (await CliAsync("ben", "policy", "rollback", "-w", "payments", "-m", "too strict")).ExitCode);
        await TakenUpAsync();
        Assert.Contains("\"outcome\":\"allow\"", await DecideAsync(100));

        JsonElement history = JsonDocument.Parse((await CliAsync("ann", "policy", "history", "-w", "payments", "--output", "json")).Succeeded().Output).RootElement;
        Assert.Equal(
            ["submitted", "tested", "approved", "activated", "submitted", "tested", "tested", "approved", "canary-started", "activated", "rolled-back"],
            history.EnumerateArray().Select(static step => step.GetProperty("step").GetString()));
        Assert.Equal("First rules", history[0].GetProperty("reason").GetString());
        Assert.Equal("User:ben", history[10].GetProperty("by").GetString());

        await HoldAsync();

        // Every decision again, each under the version that made it.
        JsonElement replayed = JsonDocument.Parse((await CliAsync(
            "admin", "workflow", "replay", Path.Combine(_folder, "payments.yaml"), "--output", "json")).Succeeded().Output).RootElement;
        Assert.Equal(2, replayed.GetArrayLength());
        Assert.All(replayed.EnumerateArray(), static report => Assert.Equal(
            report.GetProperty("events").GetInt64(), report.GetProperty("equal").GetInt64()));

        // Every step is an audit event.
        string audit = (await CliAsync("admin", "record", "consume", "_piperoll.audit", "--exit")).Succeeded().Output;
        Assert.Contains("rolled-back #11: too strict", audit);
    }

    /// <summary>A held event that somebody releases, once, and that then goes where allowed events go.</summary>
    private async Task HoldAsync()
    {
        string decided = await DecideAsync(1, account: "w");
        Assert.Contains("\"outcome\":\"hold\"", decided);
        string id = JsonDocument.Parse(decided).RootElement.GetProperty("id").GetString()!;
        await Eventually.TrueAsync(
            async () => (await CliAsync("ann", "hold", "list", "-w", "payments")).Output.Contains(id, StringComparison.Ordinal), "it is listed");
        string listed = (await CliAsync("ann", "hold", "list", "-w", "payments")).Succeeded().Output;
        Assert.Contains("watch/w", listed);
        Assert.Contains("(block)", listed);
        string explained = (await CliAsync(
            "admin", "decision", "explain", id, "-w", Path.Combine(_folder, "payments.yaml"), "--recompute")).Succeeded().Output;
        Assert.Contains("watch/w (watched)", explained);
        Assert.Contains("until somebody releases or refuses it; blocked at", explained);
        Assert.Contains("equal, byte for byte", explained);
        CommandResult denied = await CliAsync("ben", "hold", "release", id, "-w", "payments", "-m", "fine");
        Assert.Contains("not allowed to Write Topic 'payments.decisions'", denied.Error);
        (await CliAsync("ann", "hold", "release", id, "-w", "payments", "-m", "fine")).Succeeded();
        CommandResult again = await CliAsync("ann", "hold", "refuse", id, "-w", "payments", "-m", "not fine");
        Assert.Contains("was released by User:ann", again.Error);
        string passed = (await CliAsync("admin", "record", "consume", "payments.passed", "--exit")).Succeeded().Output;
        Assert.Equal(1, passed.Split("\"w\"").Length - 1);
    }

    private async Task StartAsync()
    {
        Directory.CreateDirectory(Path.Combine(_folder, "policies", "payments"));
        await File.WriteAllTextAsync(Path.Combine(_folder, "policies", "payments", "policy.yaml"), Policy);
        await File.WriteAllTextAsync(Path.Combine(_folder, "policies", "payments", "policy.cases.jsonl"), Cases);
        string manifest = Path.Combine(_folder, "payments.yaml");
        await File.WriteAllTextAsync(
            manifest, "workflow: payments\nsource: { topic: payments, partitions: 2 }\npolicy: policies/payments/policy.yaml\ngoverned: true\n");
        _server = await ServerProcess.StartAsync(
            Path.Combine(_folder, "data"), "--set", "workflows/payments=" + manifest,
            "--set", "security/admin.user=admin", "--set", "security/admin.password=admin-pass",
            "--set", "workflow-client/security.protocol=sasl_plaintext", "--set", "workflow-client/sasl.mechanisms=SCRAM-SHA-256",
            "--set", "workflow-client/sasl.username=admin", "--set", "workflow-client/sasl.password=admin-pass");
        (await CliAsync("admin", "acl", "add", "User:ann", "-o", "write", "-o", "read", "--topic", "payments.decisions")).Succeeded();
        foreach (string user in new[] { "ann", "ben" })
        {
            (await TypeAsync("admin", user + "-pass\n", "user", "add", user)).Succeeded();
            (await CliAsync("admin", "acl", "add", "User:" + user, "-o", "alter", "-o", "describe", "--topic", "payments.decisions")).Succeeded();
        }

        await Eventually.TrueAsync(async () => (await CliAsync("ann", "policy", "status", "-w", "payments")).ExitCode == 0, "the workflow is there");
    }

    private async Task CommitAsync(string policy, string subject)
    {
        string folder = Path.Combine(_folder, "policies");
        await File.WriteAllTextAsync(Path.Combine(folder, "payments", "policy.yaml"), policy);
        foreach (string[] arguments in new[]
        {
            ["init", "-q", "."], ["add", "-A"],
            new[] { "-c", "user.name=Ann", "-c", "user.email=ann@example.org", "commit", "-q", "-m", subject },
        })
        {
            (await Command.RunAsync("git", ["-C", folder, .. arguments])).Succeeded();
        }
    }

    private async Task<string> HandInAsync()
    {
        string output = (await CliAsync("ann", "policy", "sync", Path.Combine(_folder, "policies"), "--output", "json")).Succeeded().Output;
        JsonElement handedIn = JsonDocument.Parse(output).RootElement[0];
        Assert.StartsWith("handed in from", handedIn.GetProperty("what").GetString());
        return handedIn.GetProperty("hash").GetString()!;
    }

    private async Task DoneAsync(string user, string verb, string hash, params string[] more) =>
        (await CliAsync(user, ["policy", verb, hash[..12], "-w", "payments", "-m", "because", .. more])).Succeeded();

    private async Task RefusedAsync(string user, string why, string verb, string hash)
    {
        CommandResult refused = await CliAsync(user, "policy", verb, hash, "-w", "payments", "-m", "because");
        Assert.NotEqual(0, refused.ExitCode);
        Assert.Contains(why, refused.Error);
    }

    private Task TakenUpAsync() => Eventually.TrueAsync(
        async () => JsonDocument.Parse((await CliAsync("ann", "policy", "status", "-w", "payments", "--output", "json")).Succeeded().Output)
            .RootElement.GetProperty("pending").GetInt32() == 0,
        "the newest order is taken up on every partition");

    private async Task<string> DecideAsync(int amount, int deadlineMs = 60_000, string account = "a")
    {
        using var http = new HttpClient { BaseAddress = _server!.Http, Timeout = TimeSpan.FromMinutes(2) };
        http.DefaultRequestHeaders.Authorization = new("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes("admin:admin-pass")));
        http.DefaultRequestHeaders.Add("X-Deadline-Ms", $"{deadlineMs}");
        for (int attempt = 1; ; attempt++)
        {
            using HttpResponseMessage answer = await http.PostAsJsonAsync(
                "/api/v1/workflows/payments/decide", new { account, amount, time = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds() });
            if (answer.IsSuccessStatusCode || attempt == 600)
            {
                return await answer.Content.ReadAsStringAsync();
            }

            await Task.Delay(100);
        }
    }

    private Task<CommandResult> CliAsync(string user, params string[] arguments) => TypeAsync(user, null, arguments);

    private Task<CommandResult> TypeAsync(string user, string? input, params string[] arguments)
    {
        string[] where = arguments[0] is "policy" or "hold" ? ["--http", _server!.Http.ToString()] : ["--bootstrap", _server!.Bootstrap];
        return Command.RunAsync(
            Checkout.Cli, [.. arguments, .. where, "--user", user], input: input is null ? null : Encoding.UTF8.GetBytes(input),
            environment: new Dictionary<string, string> { ["PIPEROLL_PASSWORD"] = user + "-pass" });
    }
}
