using System.Text.Json;

namespace PipeRoll.Cli.Tests.Commands;

public sealed class ListCommandTests : IDisposable
{
    private const string Before = """[{"id":"1","name":"MOROZOV, Viktor","kind":"individual"},{"id":"2","name":"Castellan Partners","kind":"entity"}]""";
    private const string After = """[{"id":"1","name":"MOROZOV, Viktor","kind":"individual"},{"id":"3","name":"Norvik Shipping","kind":"entity"}]""";

    private const string Policy = """
        name: p
        version: "1"
        event:
          key: account
          time: { field: time, format: iso8601 }
          fields: { account: string, to: string, time: timestamp }
        lists:
          names: { file: before.json, format: json, match: fuzzy }
        rules:
          - { id: hit, when: "listed('names', event.to)", outcome: block, reason: "${screen('names', event.to).explanation}" }
        fallback: { outcome: hold }
        """;

    private readonly string _folder = Directory.CreateTempSubdirectory("list").FullName;
    private readonly string _before;
    private readonly string _after;

    public ListCommandTests()
    {
        _before = Write("before.json", Before);
        _after = Write("after.json", After);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Screen_says_why_and_its_exit_code_says_whether()
    {
        CliResult listed = await Cli.RunAsync($"list screen {_before} 'Виктор Морозов' 'Ann Lee'");
        Assert.Equal(1, listed.ExitCode);
        Assert.Contains("Виктор Морозов: 100.0 of 100 like 'MOROZOV, Viktor' (entry 1): VIKTOR", listed.Output);
        Assert.Contains("Ann Lee: not listed", listed.Output);
        CliResult none = await Cli.RunAsync($"list screen {_before} --output json", "Ann Lee\n");
        Assert.Equal(0, none.ExitCode);
        Assert.False(JsonDocument.Parse(none.Output).RootElement.GetProperty("listed").GetBoolean());
    }

    [Fact]
    public async Task Diff_names_entries_and_past_decisions_that_would_change()
    {
        string policy = Write("p.yaml", Policy);
        string events = Write(
            "e.csv",
            "account,to,time\nA,Castellan & Partners,2026-01-01T00:00:00Z\nA,Norvik Shiping,2026-01-01T00:00:01Z\nA,V. Morozov,2026-01-01T00:00:02Z\n"
            + "A,Ann Lee,2026-01-01T00:00:03Z\n");
        CliResult result = await Cli.RunAsync($"list diff {_before} {_after} --policy {policy} --events {events} --output json");
        Assert.Equal(0, result.ExitCode);
        JsonElement json = JsonDocument.Parse(result.Output).RootElement;
        Assert.Equal("3", json.GetProperty("added")[0].GetProperty("id").GetString());
        Assert.Equal("2", json.GetProperty("removed")[0].GetProperty("id").GetString());
        JsonElement decisions = json.GetProperty("decisions");
        Assert.Equal(4, decisions.GetProperty("events").GetInt64());
        Assert.Equal(2, decisions.GetProperty("changed").GetInt64());
        Assert.Equal(1, decisions.GetProperty("byOutcome").GetProperty("block → allow").GetInt64());
        Assert.Equal(1, decisions.GetProperty("byOutcome").GetProperty("allow → block").GetInt64());
        CliResult text = await Cli.RunAsync($"list diff {_before} {_after}");
        Assert.Contains("1 added, 1 removed, 0 altered", text.Output);
    }

    [Fact]
    public async Task Wrong_files_are_refused_in_words()
    {
        Assert.Equal(2, (await Cli.RunAsync($"list show {_before}.not")).ExitCode);
        Assert.Equal(2, (await Cli.RunAsync($"list show {_before} --format other")).ExitCode);
        CliResult broken = await Cli.RunAsync($"list show {Write("x.xml", "<html/>")}");
        Assert.Equal(1, broken.ExitCode);
        Assert.Contains("<html>", broken.Error);
        CliResult shown = await Cli.RunAsync($"list show {_before}");
        Assert.Contains("2 entries, 2 names", shown.Output);
    }

    private string Write(string name, string text)
    {
        string path = Path.Combine(_folder, name);
        File.WriteAllText(path, text);
        return path;
    }
}
