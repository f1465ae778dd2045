using System.Text.Json;
using PipeRoll.Policies.Sigma;
using PipeRoll.Policies.Tests.Support;

namespace PipeRoll.Policies.Tests.Sigma;

/// <summary>163 published rules, each with events that must match it.</summary>
public class SigmaRegressionTests
{
    [Fact]
    public void EveryRuleMatchesItsEvents()
    {
        var failures = new List<string>();
        int events = 0;
        int rules = 0;
        string[] folders = [.. Directory.EnumerateDirectories(SharedData.Folder("sigma-regression")).Order(StringComparer.Ordinal)];
        foreach (string folder in folders)
        {
            string id = Path.GetFileName(folder);
            rules++;
            try
            {
                var engine = new DecisionEngine(Compile(id, [Path.Combine(folder, "rule.yml")]), "t", 0);
                DecisionRecord[] records = [.. EventsOf(folder).Select(json => engine.Decide(json))];
                int matches = records.Count(record => record.Rules is [{ Held: true }]);
                events += records.Length;
                if (matches < MatchesWanted(folder) || records.Any(record => (record.Error ?? record.Rules[0].Error) is not null))
                {
                    failures.Add($"{id}: {matches} of {records.Length} match; {records[0].Error ?? records[0].Rules[0].Error}");
                }
            }
            catch (PolicyException e)
            {
                failures.Add($"{id}: {e.Message}");
            }
        }
        Assert.True(failures.Count == 0, string.Join('\n', failures));
        Assert.Equal(163, rules);
        Assert.Equal(191, events);
    }

    [Fact]
    public void AllRulesInOnePolicyFindEachOthersEventsOnlyWhereTheyAgree()
    {
        string[] folders = [.. Directory.EnumerateDirectories(SharedData.Folder("sigma-regression")).Order(StringComparer.Ordinal)];
        PolicyBundle policy = Compile("all", [.. folders.Select(folder => Path.Combine(folder, "rule.yml"))]);
        Assert.Equal(163, policy.Rules.Count);
        var engine = new DecisionEngine(policy, "t", 0);
        int held = 0;
        int events = 0;
        foreach (string folder in folders)
        {
            foreach (byte[] json in EventsOf(folder))
            {
                DecisionRecord record = engine.Decide(json);
                held += record.Rules.Count(rule => rule.Held == true);
                events++;
            }
        }
        // An event may well be of several rules' kinds, but not of most.
        Assert.InRange(held, 163, events * 3);
    }

    private static PolicyBundle Compile(string name, IReadOnlyList<string> files)
    {
        SigmaCompilation compiled = SigmaCompiler.Compile(
            name, "1", [.. files.Select(file => (file, File.ReadAllText(file)))], SigmaMapping.WindowsJson);
        return PolicyBundle.Parse(new PolicySource("compiled.yaml", compiled.Yaml));
    }

    /// <summary>Some files hold the events around the one that must match; how many must is said beside them, or it is one.</summary>
    private static int MatchesWanted(string folder)
    {
        string? line = File.ReadLines(Path.Combine(folder, "info.yml")).FirstOrDefault(each => each.Contains("match_count:", StringComparison.Ordinal));
        return line is null ? 1 : int.Parse(line.Split(':')[1], System.Globalization.CultureInfo.InvariantCulture);
    }

    /// <summary>Some files hold several events one after the other.</summary>
    private static List<byte[]> EventsOf(string folder)
    {
        var events = new List<byte[]>();
        foreach (string file in Directory.EnumerateFiles(folder, "*.json").Order(StringComparer.Ordinal))
        {
            ReadOnlySpan<byte> rest = File.ReadAllBytes(file);
            rest = rest.StartsWith("\uFEFF"u8) ? rest[3..] : rest;
            while (rest.Trim(" \t\r\n"u8).Length > 0)
            {
                var reader = new Utf8JsonReader(rest, new JsonReaderOptions { AllowMultipleValues = true });
                JsonElement element = JsonElement.ParseValue(ref reader);
                events.Add(JsonSerializer.SerializeToUtf8Bytes(element));
                rest = rest[(int)reader.BytesConsumed..];
            }
        }
        return events;
    }
}
