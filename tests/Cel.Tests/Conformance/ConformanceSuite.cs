using System.Text.Json;

namespace PipeRoll.Cel.Tests.Conformance;

/// <summary>One test of the CEL conformance suite (cel-spec, tests/simple). <c>Id</c> is file/section/name.</summary>
internal sealed record ConformanceCase(string Id, JsonElement Json)
{
    public string Expression => Json.GetProperty("expr").GetString()!;

    public string Container => Text("container");

    public bool IsUnchecked => Flag("disableCheck");

    public bool IsCheckOnly => Flag("checkOnly");

    private string Text(string name) => Json.TryGetProperty(name, out JsonElement value) ? value.GetString()! : "";

    private bool Flag(string name) => Json.TryGetProperty(name, out JsonElement value) && value.GetBoolean();
}

/// <summary>Finds and reads the suite, which lies beside the repository: <c>shared/data/cel-conformance/json</c>.</summary>
internal static class ConformanceSuite
{
    /// <summary>The folder of the suite, or null where there is none.</summary>
    public static string? Folder => FindUpwards(Path.Combine("shared", "data", "cel-conformance", "json"), Directory.Exists);

    /// <summary>The list of tests that pass, in the source tree.</summary>
    public static string? AllowList =>
        FindUpwards(Path.Combine("tests", "Cel.Tests", "Conformance", "passing.txt"), File.Exists);

    public static List<ConformanceCase> Read(string folder)
    {
        var cases = new List<ConformanceCase>();
        foreach (string file in Directory.EnumerateFiles(folder, "*.json").Order(StringComparer.Ordinal))
        {
            using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(file));
            JsonElement root = document.RootElement.Clone();
            if (!root.TryGetProperty("section", out JsonElement sections))
            {
                continue;
            }

            foreach (JsonElement section in sections.EnumerateArray())
            {
                string prefix = $"{Path.GetFileNameWithoutExtension(file)}/{section.GetProperty("name").GetString()}";
                cases.AddRange(section.GetProperty("test").EnumerateArray()
                    .Select(test => new ConformanceCase($"{prefix}/{test.GetProperty("name").GetString()}", test)));
            }
        }

        return WithUniqueIds(cases);
    }

    private static List<ConformanceCase> WithUniqueIds(List<ConformanceCase> cases)
    {
        var seen = new Dictionary<string, int>(StringComparer.Ordinal);
        return [.. cases.Select(test =>
        {
            int count = seen[test.Id] = seen.GetValueOrDefault(test.Id) + 1;
            return count == 1 ? test : test with { Id = $"{test.Id}#{count}" };
        })];
    }

    private static string? FindUpwards(string relative, Func<string, bool> exists)
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            string path = Path.Combine(folder.FullName, relative);
            if (exists(path))
            {
                return path;
            }
        }

        return null;
    }
}
