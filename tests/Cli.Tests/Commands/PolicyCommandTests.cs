using System.Text.Json;

namespace PipeRoll.Cli.Tests.Commands;

public sealed class PolicyCommandTests : IDisposable
{
    private const string Policy = """
        name: p
        version: "1"
        event:
          key: account
          time: { field: time, format: iso8601 }
          fields: { account: string, amount: double, time: timestamp }
        windows:
          spent: { key: event.account, value: event.amount, aggregate: sum, over: 1h }
        rules:
          - id: big
            when: windows.spent > 100.0
            outcome: block
            reason: "${windows.spent}"
        fallback: { outcome: hold }
        """;

    private readonly string _folder = Directory.CreateTempSubdirectory("policy").FullName;
    private readonly string _first;
    private readonly string _second;
    private readonly string _events;

    public PolicyCommandTests()
    {
        _first = Write("a.yaml", Policy);
        _second = Write("b.yaml", Policy.Replace("> 100.0", "> 60.0").Replace("\"1\"", "\"2\""));
        _events = Write(
            "e.csv",
            """
            account,amount,time,label
            A,50,2026-01-01T00:00:00Z,0
            A,40,2026-01-01T00:00:01Z,0
            A,30,2026-01-01T00:00:02Z,1
            B,5,2026-01-01T00:00:03Z,0
            B
            """);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Test_decides_a_file_of_events()
    {
        CliResult result = await Cli.RunAsync($"policy test {_first} -i {_events} --output json");
        Assert.Equal(0, result.ExitCode);
        using JsonDocument json = JsonDocument.Parse(result.Output);
        JsonElement report = json.RootElement.GetProperty("report");
        Assert.Equal((4, 1), (report.GetProperty("events").GetInt64(), report.GetProperty("brokenRows").GetInt64()));
        Assert.Equal(1, report.GetProperty("outcomes").GetProperty("block").GetInt64());
        Assert.Equal(1, report.GetProperty("rules").GetProperty("big").GetInt64());
    }

    [Fact]
    public async Task A_policy_about_the_records_time_is_told_which_column_that_is()
    {
        string timeless = Write("r.yaml", Policy.Replace("{ field: time, format: iso8601 }", "record").Replace(", time: timestamp", ""));
        CliResult refused = await Cli.RunAsync($"policy test {timeless} -i {_events}");
        Assert.NotEqual(0, refused.ExitCode);
        Assert.Contains("--time (account, amount, time, label)", refused.Error);
        string days = Write("days.csv", "account,amount,at\nA,60,2026-01-01\nA,60,2026-01-02\nA,60,2026-01-02\n");
        CliResult result = await Cli.RunAsync($"policy test {timeless} -i {days} --time at --output json");
        Assert.Equal(0, result.ExitCode);
        using JsonDocument json = JsonDocument.Parse(result.Output);
        Assert.Equal(1, json.RootElement.GetProperty("report").GetProperty("outcomes").GetProperty("block").GetInt64());
        Assert.Contains("0 of 3 outcomes change", (await Cli.RunAsync($"policy diff {timeless} {timeless} -i {days} --time at")).Output);
    }

    [Fact]
    public async Task Diff_says_what_changed_in_the_text_and_in_the_decisions()
    {
        CliResult result = await Cli.RunAsync($"policy diff {_first} {_second} -i {_events}");
        Assert.Equal(0, result.ExitCode);
        Assert.Contains("rule ~big", result.Output);
        Assert.Contains("1 of 4 outcomes change", result.Output);
        Assert.Contains("allow → block", result.Output);
        Assert.Contains("+big", result.Output);
        Assert.Contains("the same policy", (await Cli.RunAsync($"policy diff {_first} {_first}")).Output);
    }

    [Fact]
    public async Task Show_and_check_name_the_hash()
    {
        CliResult check = await Cli.RunAsync($"policy check {_first} --output json");
        using JsonDocument json = JsonDocument.Parse(check.Output);
        string hash = json.RootElement.GetProperty("hash").GetString()!;
        Assert.Matches("^[0-9a-f]{64}$", hash);
        CliResult show = await Cli.RunAsync($"policy show {_first}");
        Assert.Contains(hash, show.Output);
        Assert.Contains("windows.spent > 100.0", show.Output);
        CliResult costs = await Cli.RunAsync($"policy show {_first} --output json");
        using JsonDocument shown = JsonDocument.Parse(costs.Output);
        Assert.All(shown.RootElement.GetProperty("ruleCosts").EnumerateObject(), cost => Assert.True(cost.Value.GetInt64() > 0));
    }

    private string Write(string name, string text)
    {
        string file = Path.Combine(_folder, name);
        File.WriteAllText(file, text);
        return file;
    }
}
