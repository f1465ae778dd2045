using System.Security.Cryptography;

namespace PipeRoll.Policies.Reading;

/// <summary>Reads <c>lists:</c>, the names a policy looks up, from the policy itself or from files beside it.</summary>
internal static class ListSectionReader
{
    private const string Hint = "Write `NAME: { file: names.csv, column: name, match: name }` or `NAME: { values: [a, b] }`.";

    private static readonly string[] FileKeys = ["column", "idColumn", "aliasColumn", "aliases", "format", "sha256"];

    private static readonly Dictionary<string, ListMatch> Matches = new()
    {
        ["exact"] = ListMatch.Exact,
        ["name"] = ListMatch.Name,
        ["prefix"] = ListMatch.Prefix,
        ["fuzzy"] = ListMatch.Fuzzy,
    };

    public static List<PolicyList> Read(
        YamlNode node,
        PolicySource source,
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
                && ReadList(entry.Key.Text, list, source) is { } read)
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
                .Where(entry => entry.Key.Text is "file" or "aliases")
                .Select(entry => entry.Value)
                .OfType<YamlText>()
                .Select(text => text.Text)
                .Where(IsInside)
                .Distinct(),
        ];
    }

    private static PolicyList? ReadList(string name, YamlSection section, PolicySource source)
    {
        string version = section.Text("version");
        ListMatch match = section.Word("match", ListMatch.Exact, Matches);
        YamlText? file = section.Scalar("file");
        bool hasValues = section.Find("values") is not null;
        IReadOnlyList<string> values = section.Texts("values");
        int threshold = section.Int("threshold", PolicyList.ThresholdDefault, 1, 100);
        if (match != ListMatch.Fuzzy && section.Find("threshold") is { } unused)
        {
            section.Problems.Add(unused, "`threshold` is only for `match: fuzzy`", "Remove it, or write `match: fuzzy`.");
        }
        if (hasValues == (file is not null))
        {
            section.Problems.Add(section.Map, $"list '{name}' needs either `file` or `values`", Hint);
        }
        foreach (string key in FileKeys)
        {
            if (section.Scalar(key) is { } wrong && hasValues)
            {
                section.Problems.Add(wrong, $"`{key}` is only for a list with a `file`", "Remove it.");
            }
        }
        section.Close();
        if (source.ListDocuments.TryGetValue(name, out ListDocument? given))
        {
            return new PolicyList(name, null, match, given, threshold);
        }
        ListDocument? document = file is null ? new ListDocument(values.Select(ListEntry.Of)) : ReadFile(file, section, source.ListFiles);
        return document is null || hasValues == (file is not null)
            ? null
            : new PolicyList(name, version.Length == 0 ? null : version, match, document, threshold);
    }

    private static ListDocument? ReadFile(YamlText file, YamlSection section, IReadOnlyDictionary<string, ReadOnlyMemory<byte>> files)
    {
        YamlText? aliases = section.Scalar("aliases");
        ListFormat otherwise = section.Scalar("column") is null ? ListFormat.Lines : ListFormat.Csv;
        ListFormat format = section.Word("format", otherwise, ListFormats.ByName);
        if (aliases is not null && format != ListFormat.OfacCsv)
        {
            section.Problems.Add(aliases, "`aliases` names a second file of `format: ofac-csv` only", "For CSV write `aliasColumn`.");
        }
        if (FindFile(file, section.Problems, files) is not { } content || IsOtherThanPinned(file, content, section))
        {
            return null;
        }
        ReadOnlyMemory<byte>? others = aliases is null ? null : FindFile(aliases, section.Problems, files);
        if (aliases is not null && others is null)
        {
            return null;
        }
        var options = new ListFileOptions(format)
        {
            NameColumn = section.Scalar("column")?.Text ?? "name",
            IdColumn = section.Scalar("idColumn")?.Text ?? "",
            AliasColumn = section.Scalar("aliasColumn")?.Text ?? "",
        };
        try
        {
            return ListFile.Read(StreamOf(content), others is { } bytes ? StreamOf(bytes) : null, options);
        }
        catch (ListFileException e)
        {
            section.Problems.AddIn(file.Text, Math.Max(1, e.Line), 1, e.Message, e.Hint);
            return null;
        }
    }

    private static MemoryStream StreamOf(ReadOnlyMemory<byte> bytes) => new(bytes.ToArray(), writable: false);

    private static ReadOnlyMemory<byte>? FindFile(YamlText file, ProblemList problems, IReadOnlyDictionary<string, ReadOnlyMemory<byte>> files)
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
        return content;
    }

    private static bool IsOtherThanPinned(YamlText file, ReadOnlyMemory<byte> content, YamlSection section)
    {
        string actual = Convert.ToHexStringLower(SHA256.HashData(content.Span));
        if (section.Scalar("sha256") is not { } pin || string.Equals(pin.Text, actual, StringComparison.OrdinalIgnoreCase))
        {
            return false;
        }
        section.Problems.Add(
            pin,
            $"'{file.Text}' is not the file that the policy is pinned to: its SHA-256 is {actual}",
            "Bring back the right file, or, if the change is wanted, write the new SHA-256 here and give the policy a new version.");
        return true;
    }

    private static bool IsInside(string file) =>
        file.Length > 0 && !Path.IsPathRooted(file) && !file.Contains('\\') && !file.Split('/').Any(part => part is ".." or "." or "");
}
