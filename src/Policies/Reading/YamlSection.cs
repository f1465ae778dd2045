using System.Globalization;

namespace PipeRoll.Policies.Reading;

/// <summary>
/// A mapping that is read key by key; what nobody asked for is reported at the end with the keys that exist.
/// Owner: the reader of that section, for as long as it reads.
/// </summary>
internal sealed class YamlSection(YamlMap map, string where, ProblemList problems)
{
    private readonly List<string> _known = [];

    public YamlMap Map { get; } = map;

    public ProblemList Problems { get; } = problems;

    /// <summary>The section under a node; null, with the problem reported, if it is no mapping.</summary>
    public static YamlSection? Of(YamlNode node, string where, ProblemList problems, string hint)
    {
        if (node is YamlMap map)
        {
            return new YamlSection(map, where, problems);
        }
        problems.Add(node, $"{where} must be `key: value` lines", hint);
        return null;
    }

    /// <summary>What stands under a key; null if it is not there.</summary>
    public YamlNode? Find(string key)
    {
        if (!_known.Contains(key))
        {
            _known.Add(key);
        }
        foreach (YamlEntry entry in Map.Entries)
        {
            if (entry.Key.Text == key)
            {
                return entry.Value;
            }
        }
        return null;
    }

    /// <summary>What stands under a key; null, with the problem reported, if it is not there.</summary>
    public YamlNode? Require(string key, string hint)
    {
        YamlNode? node = Find(key);
        if (node is null)
        {
            Problems.Add(Map, $"{where} has no `{key}`", hint);
        }
        return node;
    }

    /// <summary>A text; empty if it is not there, or, with the problem reported, if it is no text.</summary>
    public string Text(string key) => TextOf(key, Find(key));

    /// <summary>A text that must be there and not be empty.</summary>
    public string RequiredText(string key, string hint)
    {
        YamlNode? node = Require(key, hint);
        string text = TextOf(key, node);
        if (node is YamlText && string.IsNullOrWhiteSpace(text))
        {
            Problems.Add(node, $"`{key}` is empty", hint);
        }
        return text;
    }

    /// <summary>The scalar under a key; null if it is not there or is none.</summary>
    public YamlText? Scalar(string key)
    {
        YamlNode? node = Find(key);
        TextOf(key, node);
        return node as YamlText;
    }

    /// <summary><c>true</c> or <c>false</c>.</summary>
    public bool Bool(string key, bool otherwise)
    {
        YamlText? node = Scalar(key);
        switch (node?.Text)
        {
            case null:
                return otherwise;
            case "true":
                return true;
            case "false":
                return false;
            default:
                Problems.Add(node, $"`{key}` is '{node.Text}'", "Write `true` or `false`.");
                return otherwise;
        }
    }

    /// <summary>A whole number between two bounds.</summary>
    public int Int(string key, int otherwise, int min, int max)
    {
        YamlText? node = Scalar(key);
        if (node is null)
        {
            return otherwise;
        }
        bool isNumber = int.TryParse(node.Text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int value);
        if (isNumber && value >= min && value <= max)
        {
            return value;
        }
        Problems.Add(node, $"`{key}` is '{node.Text}'", $"Write a whole number from {min} to {max}.");
        return otherwise;
    }

    /// <summary>A number; null if it is not there.</summary>
    public double? Double(string key)
    {
        YamlText? node = Scalar(key);
        if (node is null)
        {
            return null;
        }
        if (double.TryParse(node.Text, NumberStyles.Float, CultureInfo.InvariantCulture, out double value) && double.IsFinite(value))
        {
            return value;
        }
        Problems.Add(node, $"`{key}` is '{node.Text}'", "Write a number, such as 0 or 12.5.");
        return null;
    }

    /// <summary>A length of time in milliseconds; null if it is not there.</summary>
    public long? DurationMs(string key)
    {
        YamlText? node = Scalar(key);
        if (node is null)
        {
            return null;
        }
        if (DurationText.TryParse(node.Text, out long durationMs))
        {
            return durationMs;
        }
        Problems.Add(node, $"`{key}` is '{node.Text}'", DurationText.Advice);
        return null;
    }

    /// <summary>A list of texts, or one text that stands for a list of one.</summary>
    public IReadOnlyList<string> Texts(string key)
    {
        YamlNode? node = Find(key);
        switch (node)
        {
            case null:
                return [];
            case YamlText one:
                return one.Text.Length == 0 ? [] : [one.Text];
            case YamlList list when list.Items.All(item => item is YamlText):
                return [.. list.Items.Select(item => ((YamlText)item).Text)];
            default:
                Problems.Add(node, $"`{key}` must be a list of texts", $"Write `{key}: [one, two]`.");
                return [];
        }
    }

    /// <summary>One of the words of a table.</summary>
    public T Word<T>(string key, T otherwise, IReadOnlyDictionary<string, T> words)
    {
        YamlText? node = Scalar(key);
        if (node is null)
        {
            return otherwise;
        }
        if (words.TryGetValue(node.Text, out T? value))
        {
            return value;
        }
        Problems.Add(node, $"`{key}` is '{node.Text}'", Suggestion.For(node.Text, [.. words.Keys], "values"));
        return otherwise;
    }

    /// <summary>Reports the keys that nobody asked for.</summary>
    public void Close()
    {
        foreach (YamlEntry entry in Map.Entries)
        {
            if (!_known.Contains(entry.Key.Text))
            {
                Problems.Add(entry.Key, $"{where} knows no `{entry.Key.Text}`", Suggestion.For(entry.Key.Text, _known, "keys"));
            }
        }
    }

    private string TextOf(string key, YamlNode? node)
    {
        if (node is null or YamlText)
        {
            return (node as YamlText)?.Text ?? "";
        }
        Problems.Add(node, $"`{key}` must be a single value", $"Write `{key}: …` in one line, or a block after `|`.");
        return "";
    }
}
