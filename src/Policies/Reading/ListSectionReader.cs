using System.Security.Cryptography;
using PipeRoll.Policies.Lists;

namespace PipeRoll.Policies.Reading;

/// <summary>Reads <c>lists:</c>, the names a policy looks up, from the policy itself or from files beside it.</summary>
internal static class ListSectionReader
{
    private const string Hint = "Write `NAME: { file: names.csv, column: name, match: name }` or `NAME: { values: [a, b] }`.";

    private static readonly Dictionary<string, ListMatch> Matches = new() { ["exact"] = ListMatch.Exact, ["name"] = ListMatch.Name };

    public static List<PolicyList> Read(
        YamlNode node,
        IReadOnlyDictionary<string, ReadOnlyMemory<byte>> files,
        ProblemList problems)
    {
        var lists = new List<PolicyList>();
        if (YamlSection.Of(node, "`lists`", problems, Hint) is not { } section)
        {
            return lists;
        }
        foreach (YamlEntry entry in section.Map.Entries)
        {
            if (Names.Check(entry.Key, "list", problems)
                && YamlSection.Of(entry.Value, $"list '{entry.Key.Text}'", problems, Hint) is { } list
                && ReadList(entry.Key.Text, list, files) is { } read)
            {
                lists.Add(read);
            }
        }
        return lists;
    }

    /// <summary>The list files that a policy names, found without judging the rest of it.</summary>
    public static IReadOnlyList<string> FileNames(YamlNode? root)
    {
        if (root is not YamlMap map || map.Entries.FirstOrDefault(entry => entry.Key.Text == "lists")?.Value is not YamlMap lists)
        {
            return [];
        }
        return
        [
            .. lists.Entries
                .Select(entry => entry.Value)
                .OfType<YamlMap>()
                .SelectMany(list => list.Entries)
                .Where(entry => entry.Key.Text == "file")
                .Select(entry => entry.Value)
                .OfType<YamlText>()
                .Select(text => text.Text)
                .Where(IsInside)
                .Distinct(),
        ];
    }

    private static PolicyList? ReadList(string name, YamlSection section, IReadOnlyDictionary<string, ReadOnlyMemory<byte>> files)
    {
        string version = section.Text("version");
        ListMatch match = section.Word("match", ListMatch.Exact, Matches);
        YamlText? file = section.Scalar("file");
        YamlText? column = section.Scalar("column");
        YamlText? pin = section.Scalar("sha256");
        bool hasValues = section.Find("values") is not null;
        IReadOnlyList<string> values = section.Texts("values");
        section.Close();
        if (hasValues == (file is not null))
        {
            section.Problems.Add(section.Map, $"list '{name}' needs either `file` or `values`", Hint);
            return null;
        }
        if (hasValues && (column ?? pin) is { } wrong)
        {
            section.Problems.Add(wrong, "`column` and `sha256` are only for a list with a `file`", "Remove it.");
        }
        IReadOnlyList<string>? entries = file is null ? values : ReadFile(file, column, pin, files, section.Problems);
        return entries is null ? null : new PolicyList(name, version.Length == 0 ? null : version, match, entries);
    }

    private static IReadOnlyList<string>? ReadFile(
        YamlText file,
        YamlText? column,
        YamlText? pin,
        IReadOnlyDictionary<string, ReadOnlyMemory<byte>> files,
        ProblemList problems)
    {
        if (!IsInside(file.Text))
        {
            const string Beside = "Put the file beside the policy or in a folder below, without `..`.";
            problems.Add(file, $"'{file.Text}' is not beside the policy", Beside);
            return null;
        }
        if (!files.TryGetValue(file.Text, out ReadOnlyMemory<byte> content))
        {
            problems.Add(file, $"there is no file '{file.Text}'", "Put the file beside the policy, or correct its name.");
            return null;
        }
        string actual = Convert.ToHexStringLower(SHA256.HashData(content.Span));
        if (pin is not null && !string.Equals(pin.Text, actual, StringComparison.OrdinalIgnoreCase))
        {
            problems.Add(
                pin,
                $"'{file.Text}' is not the file that the policy is pinned to: its SHA-256 is {actual}",
                "Bring back the right file, or, if the change is wanted, write the new SHA-256 here and give the policy a new version.");
            return null;
        }
        try
        {
            return ListFile.Read(content.Span, column?.Text);
        }
        catch (ListFileException e)
        {
            problems.AddIn(file.Text, e.Line, 1, e.Message, e.Hint);
            return null;
        }
    }

    private static bool IsInside(string file) =>
        file.Length > 0 && !Path.IsPathRooted(file) && !file.Contains('\\') && !file.Split('/').Any(part => part is ".." or "." or "");
}
