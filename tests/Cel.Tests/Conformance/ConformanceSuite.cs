using System.Text.Json;
using System.Text.Json.Nodes;

namespace PipeRoll.Cel.Tests.Conformance;

/// <summary>One test of the CEL conformance suite (cel-spec, tests/simple). <c>Id</c> is file/section/name.</summary>
internal sealed record ConformanceCase(string Id, JsonElement Json)
{
    public string Expression => Json.GetProperty("expr").GetString()!;

    public string Container => Text("container");

    public bool IsUnchecked => Flag("disableCheck");

    public bool IsCheckOnly => Flag("checkOnly");

    /// <summary>The suite has every test of enumerations twice: they are ints, or have types of their own.</summary>
    public bool HasStrongEnums => Id.StartsWith("enums/strong_", StringComparison.Ordinal);

    private string Text(string name) => Json.TryGetProperty(name, out JsonElement value) ? value.GetString()! : "";

    private bool Flag(string name) => Json.TryGetProperty(name, out JsonElement value) && value.GetBoolean();
}

/// <summary>Finds and reads the suite, which lies beside the repository: <c>shared/data/cel-conformance/json</c>.</summary>
internal static class ConformanceSuite
{
    /// <summary>The folder of the suite, or null where there is none.</summary>
    public static string? Folder => FindUpwards(Path.Combine("shared", "data", "cel-conformance", "json"), Directory.Exists);

    public static List<ConformanceCase> Read(string folder)
    {
        var cases = new List<ConformanceCase>();
        foreach (string file in Directory.EnumerateFiles(folder, "*.json").Order(StringComparer.Ordinal))
        {
            JsonElement root = Root(file);
            foreach (JsonElement section in root.TryGetProperty("section", out JsonElement sections) ? sections.EnumerateArray() : [])
            {
                string prefix = $"{Path.GetFileNameWithoutExtension(file)}/{section.GetProperty("name").GetString()}";
                cases.AddRange(section.GetProperty("test").EnumerateArray()
                    .Select(test => new ConformanceCase($"{prefix}/{test.GetProperty("name").GetString()}", test)));
            }
        }

        return WithUniqueIds(cases);
    }

    private static JsonElement Root(string file)
    {
        JsonNode root = JsonNode.Parse(File.ReadAllText(file))!;
        string text = Path.Combine(Path.GetDirectoryName(file)!, "..", "textproto", Path.GetFileNameWithoutExtension(file) + ".textproto");
        if (Path.GetFileName(file) is "proto2.json" or "proto2_ext.json" && File.Exists(text))
        {
            RestoreExtensions(root, TextFormat.Read(File.ReadAllText(text)));
        }

        using JsonDocument document = JsonDocument.Parse(root.ToJsonString());
        return document.RootElement.Clone();
    }

    // The JSON lost the extension fields of the messages that tests bind.
    private static void RestoreExtensions(JsonNode root, JsonObject text)
    {
        Dictionary<string, JsonNode> complete = Tests(text).Where(test => test.Test["bindings"] is not null)
            .ToDictionary(test => test.Id, test => test.Test, StringComparer.Ordinal);
        foreach ((_, JsonNode test) in Tests(root).Where(test => test.Id.Contains("ext", StringComparison.Ordinal) && complete.ContainsKey(test.Id)))
        {
            JsonNode binding = complete[$"{test.Parent!.Parent!["name"]}/{test["name"]}"]["bindings"]!;
            test["bindings"]![binding["key"]!.GetValue<string>()]!["value"]!["objectValue"] =
                binding["value"]!["value"]!["object_value"]!.DeepClone();
        }
    }

    private static IEnumerable<(string Id, JsonNode Test)> Tests(JsonNode root) =>
        from section in root["section"]?.AsArray() ?? []
        from test in section!["test"] is JsonArray tests ? tests : new JsonArray(section["test"]!.DeepClone())
        select ($"{section["name"]}/{test["name"]}", test);

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
