using System.Text.Json;

namespace PipeRoll.Cli.Tests.Commands;

public sealed class AgreementTests : IDisposable
{
    private const string Policy = """
        name: p
        version: "1"
        event:
          key: who
          time: record
          fields: { who: string, n: { type: int, default: 0 } }
        windows:
          seen: { key: event.who, aggregate: count, over: 1h }
        rules:
          - { id: many, when: event.n > 3 && windows.seen == 1, outcome: alert }
          - { id: odd, when: 10 / event.n > 2, outcome: alert }
        fallback: { outcome: hold }
        """;

    private readonly string _folder = Directory.CreateTempSubdirectory("agree").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Agree_counts_what_is_right_missed_and_wrong()
    {
        string policy = Write("p.yaml", Policy);
        string cases = Write(
            "cases.jsonl",
            """
            {"ruleId":"many","expected":true,"testName":"a","event":{"who":"x","n":5}}
            {"ruleId":"many","expected":true,"testName":"again: nothing is left of the case before","event":{"who":"x","n":5}}
            {"ruleId":"many","expected":true,"testName":"missed","event":{"who":"x"}}
            {"ruleId":"many","expected":false,"testName":"wrong","event":{"who":"x","n":9}}
            {"ruleId":"odd","expected":false,"testName":"error","event":{"who":"x"}}
            {"ruleId":"none","expected":true,"testName":"no rule","event":{"who":"x"}}
            {"ruleId":"many","expected":false,"usesMocks":true,"event":{"who":"x","n":9}}
            """);
        CliResult result = await Cli.RunAsync($"policy agree {policy} --cases {cases} --output json");
        Assert.Equal(0, result.ExitCode);
        JsonElement total = JsonDocument.Parse(result.Output).RootElement.GetProperty("total");
        Assert.Equal(
            [6, 3, 2, 1, 1, 1],
            new[] { "cases", "right", "missed", "wrong", "unruled", "errors" }.Select(name => total.GetProperty(name).GetInt32()));
        Assert.Equal(1, (await Cli.RunAsync($"policy agree {policy} --cases {cases} --floor 0.6")).ExitCode);
        CliResult broken = await Cli.RunAsync($"policy agree {policy} --cases {Write("x.jsonl", "{}")}");
        Assert.Contains("line 1: this is no case", broken.Error);
    }

    [Fact]
    public async Task Samples_agree_with_the_labelled_audit_events()
    {
        string samples = Find(Path.Combine("samples", "audit")) ?? throw new DirectoryNotFoundException("samples/audit");
        string? data = Find(Path.Combine("shared", "data", "panther-labelled-audit"));
        if (data is null)
        {
            Assert.Skip("There is no shared/data/panther-labelled-audit beside the repository.");
        }

        string policies = string.Join(' ', Directory.EnumerateFiles(samples, "*.yaml").Order(StringComparer.Ordinal));
        string cases = string.Join(' ', Directory.EnumerateFiles(data, "*.jsonl").Order(StringComparer.Ordinal));
        CliResult result = await Cli.RunAsync($"policy agree {policies} --cases {cases} --floor 0.98 --output json");
        Assert.Equal(0, result.ExitCode);
        JsonElement total = JsonDocument.Parse(result.Output).RootElement.GetProperty("total");
        Assert.Equal(1_281, total.GetProperty("cases").GetInt32());
        Assert.Equal(0, total.GetProperty("errors").GetInt32());
    }

    [Fact]
    public async Task Sigma_compile_writes_a_policy_that_checks()
    {
        string rule = Write("r.yml", "title: Tool\nid: tool\nlevel: high\ndetection:\n  s: { Image|endswith: '\\tool.exe' }\n  condition: s\n");
        string into = Path.Combine(_folder, "out.yaml");
        CliResult compiled = await Cli.RunAsync($"sigma compile {rule} --name tools --into {into}");
        Assert.Equal(0, compiled.ExitCode);
        Assert.Contains("1 rules, 0 windows from 1 files", compiled.Output);
        string events = Write(
            "e.jsonl",
            """{"Event":{"System":{"EventID":1,"Computer":"c","TimeCreated":{"#attributes":{"SystemTime":"2026-01-01T00:00:00Z"}}},"EventData":{"Image":"C:\\TOOL.EXE"}}}"""
            + "\n");
        CliResult tested = await Cli.RunAsync($"policy test {into} --events {events} --output json");
        Assert.Equal(1, JsonDocument.Parse(tested.Output).RootElement.GetProperty("report").GetProperty("outcomes").GetProperty("alert").GetInt32());
        Assert.Equal(0, JsonDocument.Parse(tested.Output).RootElement.GetProperty("report").GetProperty("brokenRows").GetInt32());
        Assert.Equal(2, (await Cli.RunAsync($"sigma compile {rule} --mapping nowhere")).ExitCode);
        CliResult wrong = await Cli.RunAsync($"sigma compile {Write("w.yml", "title: T\ndetection: { s: { A|odd: x }, condition: s }\n")}");
        Assert.Equal(1, wrong.ExitCode);
        Assert.Contains("w.yml:2:", wrong.Error);
    }

    private static string? Find(string relative)
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            string path = Path.Combine(folder.FullName, relative);
            if (Directory.Exists(path))
            {
                return path;
            }
        }

        return null;
    }

    private string Write(string name, string text)
    {
        string path = Path.Combine(_folder, name);
        File.WriteAllText(path, text);
        return path;
    }
}
