using System.Globalization;
using System.Text;
using System.Text.Json;
using PipeRoll.Policies.Reading;

namespace PipeRoll.Policies.Sigma;

/// <summary>What was compiled.</summary>
/// <param name="Yaml">The policy file.</param>
/// <param name="Rules">How many rules it has.</param>
/// <param name="Windows">How many windows its counts and correlations need.</param>
public sealed record SigmaCompilation(string Yaml, int Rules, int Windows);

/// <summary>
/// Compiles Sigma rules and correlations into one policy (docs/SIGMA.md): selections become conditions over text fields, correlations
/// and counts become windows. Owner: one call.
/// </summary>
public sealed class SigmaCompiler
{
    private readonly SigmaMapping _mapping;
    private readonly SigmaFields _fields;
    private readonly ProblemList _problems;
    private readonly SigmaMatch _match;
    private readonly StringBuilder _windows = new();
    private readonly StringBuilder _rules = new();
    private readonly Dictionary<string, string> _conditions = new(StringComparer.Ordinal);
    private int _ruleCount;
    private int _windowCount;

    private SigmaCompiler(SigmaMapping mapping, ProblemList problems)
    {
        _mapping = mapping;
        _fields = new SigmaFields(mapping);
        _problems = problems;
        _match = new SigmaMatch(_fields, problems);
    }

    /// <summary>Compiles files into one policy.</summary>
    /// <param name="name">The policy's name.</param>
    /// <param name="version">Its version.</param>
    /// <param name="files">Names and texts.</param>
    /// <param name="mapping">Where fields are in the events.</param>
    /// <exception cref="PolicyException">Everything that is wrong or not supported, with file, line and column.</exception>
    public static SigmaCompilation Compile(
        string name, string version, IReadOnlyList<(string File, string Text)> files, SigmaMapping mapping)
    {
        var readers = new List<SigmaReader>();
        var all = new List<PolicyProblem>();
        var compilers = new ProblemList(files.Count > 0 ? files[0].File : "sigma");
        var compiler = new SigmaCompiler(mapping, compilers);
        foreach ((string file, string text) in files)
        {
            var problems = new ProblemList(file);
            var reader = new SigmaReader(problems);
            reader.Read(text);
            readers.Add(reader);
            new SigmaFile(file, reader, problems).CollectInto(all, compiler);
        }
        // Rules of correlations are their parts, and rules of their own only where one of their correlations says so.
        ILookup<bool, string> named = readers.SelectMany(reader => reader.Correlations)
            .SelectMany(correlation => correlation.Rules.Select(rule => (correlation.Generates, rule))).ToLookup(each => each.Generates, each => each.rule);
        HashSet<string> correlated = [.. named[false].Except(named[true])];
        foreach ((SigmaReader reader, (string file, _)) in readers.Zip(files))
        {
            compiler.Write(reader, correlated);
        }
        if (compiler._ruleCount == 0 && all.Count == 0 && !compilers.Any)
        {
            compilers.Add(1, 1, "there is no Sigma rule in it", "Give files with `detection:`.");
        }
        if (all.Count > 0)
        {
            throw new PolicyException(all);
        }
        compilers.ThrowIfAny();
        return new SigmaCompilation(compiler.Policy(name, version), compiler._ruleCount, compiler._windowCount);
    }

    private void CompileConditions(SigmaReader reader, ProblemList problems)
    {
        var match = new SigmaMatch(_fields, problems);
        foreach (SigmaRule rule in reader.Rules)
        {
            try
            {
                CompileCondition(rule, match);
            }
            catch (SigmaException e)
            {
                problems.Add(e.Place, e.Message, "Correct the condition; docs/SIGMA.md says what is supported.");
            }
        }
    }

    private void CompileCondition(SigmaRule rule, SigmaMatch match)
    {
        var selections = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (YamlEntry entry in rule.Selections)
        {
            selections[entry.Key.Text] = Selection(entry.Value, match, all: false);
        }
        var alternatives = new List<string>();
        SigmaAggregation? counted = null;
        foreach (YamlText condition in rule.Conditions)
        {
            (string expression, SigmaAggregation? aggregation) = SigmaCondition.Compile(condition, selections);
            alternatives.Add(expression);
            counted ??= aggregation;
        }
        List<string> source = [.. _mapping.SourceOf(rule).Select(each => SourceCondition(each.Field, each.Values))];
        string whole = CelText.And([.. source, CelText.Or(alternatives)]);
        if (counted is not null)
        {
            whole = Counted(rule, whole, counted);
        }
        foreach (string known in rule.Head.Names)
        {
            _conditions.TryAdd(known, whole);
        }
    }

    private string SourceCondition(string field, string[] values)
    {
        string name = $"event.{_fields.NameOf(field)}";
        return $"(has({name}) && {name} in [{string.Join(", ", values.Select(CelText.Quote))}])";
    }

    private static string Selection(YamlNode node, SigmaMatch match, bool all)
    {
        switch (node)
        {
            case YamlMap map:
                return CelText.And([.. map.Entries.Select(entry => Line(entry, match))]);
            case YamlList list:
                List<string> terms = [.. list.Items.Select(item => Selection(item, match, all: false))];
                return all ? CelText.And(terms) : CelText.Or(terms);
            default:
                return match.CompileKeyword((YamlText)node);
        }
    }

    private static string Line(YamlEntry entry, SigmaMatch match)
    {
        // Keywords that must all be there are written under an empty field name.
        if (entry.Key.Text is "|all" or "")
        {
            return Selection(entry.Value, match, entry.Key.Text == "|all");
        }
        return match.Compile(entry.Key, entry.Value switch
        {
            YamlText one => [one],
            YamlList list => [.. list.Items.OfType<YamlText>()],
            _ => throw new SigmaException(entry.Value, $"'{entry.Key.Text}' has keys below it, not values"),
        });
    }

    /// <summary>The older way to count: <c>selection | count() by User &gt; 5</c> within <c>timeframe</c>.</summary>
    private string Counted(SigmaRule rule, string condition, SigmaAggregation counted)
    {
        if (rule.TimeframeMs is not { } timeframeMs)
        {
            throw new SigmaException(rule.Conditions[0], "a condition that counts needs a `timeframe`");
        }
        string[] group = counted.By.Length == 0 ? [] : [.. counted.By.Split(',').Select(each => each.Trim())];
        bool distinct = counted is { Function: "count", Field.Length: > 0 };
        string aggregate = distinct ? "distinct" : counted.Function;
        string value = counted.Field.Length == 0 ? "" : FieldText(counted.Field);
        string where = counted.Field.Length == 0 ? condition : $"{condition} && has({value})";
        string window = AddWindow(
            Key(group), Where(where, group), aggregate, distinct || value.Length == 0 ? value : $"double({value})", timeframeMs);
        string number = aggregate is "count" or "distinct"
            ? counted.Number.ToString(CultureInfo.InvariantCulture)
            : $"{counted.Number.ToString(CultureInfo.InvariantCulture)}.0";
        return $"({Where(where, group)} && windows.{window} {counted.Comparison} {number})";
    }

    private string? TimeText => _mapping.TimePath is { } path ? $"event.{_fields.NameOfPath(path, "time")}" : null;

    private string FieldText(string field) => $"event.{_fields.NameOf(field)}";

    private string Key(string[] group) =>
        group.Length == 0 ? "''" : string.Join(" + '\\x1f' + ", group.Select(FieldText));

    private string Where(string condition, string[] group) =>
        CelText.And([.. group.Select(field => $"has({FieldText(field)})"), condition]);

    private string AddWindow(string key, string where, string aggregate, string value, long overMs)
    {
        string name = $"w{++_windowCount}";
        _windows.Append(CultureInfo.InvariantCulture, $"  {name}:\n    key: {Quoted(key)}\n    where: {Quoted(where)}\n    aggregate: {aggregate}\n");
        if (value.Length > 0)
        {
            _windows.Append(CultureInfo.InvariantCulture, $"    value: {Quoted(value)}\n");
        }
        _windows.Append(CultureInfo.InvariantCulture, $"    over: {overMs}ms\n");
        return name;
    }

    private void Write(SigmaReader reader, HashSet<string> correlated)
    {
        foreach (SigmaRule rule in reader.Rules)
        {
            if (!rule.Head.Names.Any(correlated.Contains) && _conditions.TryGetValue(rule.Head.Id, out string? condition))
            {
                WriteRule(rule.Head, condition);
            }
        }
        foreach (SigmaCorrelation correlation in reader.Correlations)
        {
            try
            {
                WriteRule(correlation.Head, new SigmaCorrelator(_conditions, FieldText, TimeText, AddWindow).Compile(correlation));
            }
            catch (SigmaException e)
            {
                _problems.Add(e.Place, e.Message, "Correct the correlation; docs/SIGMA.md says what is supported.");
            }
        }
    }

    private void WriteRule(SigmaHead head, string condition)
    {
        _ruleCount++;
        string description = head.Author.Length == 0 ? head.Description : $"{head.Description.TrimEnd()} (Sigma rule by {head.Author})";
        string labels = string.Join(", ", head.Tags.Where(tag => tag.Length <= 100).Select(Quoted));
        _rules.Append(CultureInfo.InvariantCulture, $"  - id: {Quoted(head.Id.Length <= 100 ? head.Id : head.Id[..100])}\n")
            .Append(CultureInfo.InvariantCulture, $"    description: {Quoted(description)}\n")
            .Append(CultureInfo.InvariantCulture, $"    when: {Quoted(condition)}\n")
            .Append(CultureInfo.InvariantCulture, $"    outcome: alert\n    severity: {head.Severity.ToText()}\n    labels: [{labels}]\n")
            .Append(CultureInfo.InvariantCulture, $"    reason: {Quoted(head.Title.Replace("${", "$ {", StringComparison.Ordinal))}\n");
    }

    private string Policy(string name, string version)
    {
        string key = _fields.NameOfPath(_mapping.KeyPath, _mapping.KeyPath.Split('.')[^1]);
        string? time = _mapping.TimePath is { } path ? _fields.NameOfPath(path, "time") : null;
        var policy = new StringBuilder("# Compiled from Sigma rules; change those, not this.\n");
        policy.Append(CultureInfo.InvariantCulture, $"name: {Quoted(name)}\nversion: {Quoted(version)}\nevent:\n  key: {key}\n")
            .Append(time is null ? "  time: record\n" : $"  time: {{ field: {time}, format: iso8601 }}\n")
            .Append("  fields:\n");
        foreach ((string field, IReadOnlyList<string> paths) in _fields.Declared)
        {
            string type = field == time ? "timestamp" : "text";
            string optional = field == key || field == time ? "" : ", optional: true";
            string where = paths switch
            {
                [var at] when at == field => "",
                [var at] => $", path: {Quoted(at)}",
                _ => $", paths: [{string.Join(", ", paths.Select(Quoted))}]",
            };
            policy.Append(CultureInfo.InvariantCulture, $"    {field}: {{ type: {type}{optional}{where} }}\n");
        }
        policy.Append(_windowCount > 0 ? $"windows:\n{_windows}" : "").Append(CultureInfo.InvariantCulture, $"rules:\n{_rules}");
        return policy.Append("fallback: { outcome: alert, labels: [unreadable] }\n").ToString();
    }

    /// <summary>A text as YAML in double quotes, which JSON's quotes are.</summary>
    private static string Quoted(string text) =>
        $"\"{JsonEncodedText.Encode(text, System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping)}\"";

    /// <summary>A file with its own problems.</summary>
    private sealed record SigmaFile(string Name, SigmaReader Reader, ProblemList Problems)
    {
        public void CollectInto(List<PolicyProblem> all, SigmaCompiler compiler)
        {
            compiler.CompileConditions(Reader, Problems);
            try
            {
                Problems.ThrowIfAny();
            }
            catch (PolicyException e)
            {
                all.AddRange(e.Problems);
            }
        }
    }
}
