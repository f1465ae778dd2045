using System.Text;

namespace PipeRoll.Policies.Sigma;

/// <summary>The fields that the rules of a compilation read, each with a name that expressions can use. Owner: one compilation.</summary>
internal sealed class SigmaFields(SigmaMapping mapping)
{
    private readonly Dictionary<string, string> _names = new(StringComparer.Ordinal);
    private readonly Dictionary<string, IReadOnlyList<string>> _paths = new(StringComparer.Ordinal);

    /// <summary>Names in expressions with the paths they stand for.</summary>
    public IEnumerable<KeyValuePair<string, IReadOnlyList<string>>> Declared => _paths.OrderBy(each => each.Key, StringComparer.Ordinal);

    /// <summary>The name in expressions of a field of Sigma's.</summary>
    public string NameOf(string field) => NameOfPaths(mapping.PathsOf(field), field);

    /// <summary>The name for what stands at a path; <c>$</c> is the whole event.</summary>
    public string NameOfPath(string path, string suggested) => NameOfPaths([path], suggested);

    private string NameOfPaths(IReadOnlyList<string> paths, string suggested)
    {
        string together = string.Join('\n', paths);
        if (_names.TryGetValue(together, out string? known))
        {
            return known;
        }
        var name = new StringBuilder();
        foreach (char c in suggested)
        {
            name.Append(char.IsAsciiLetterOrDigit(c) ? c : '_');
        }
        string plain = name.Length == 0 || !char.IsAsciiLetter(name[0]) ? $"f_{name}" : name.ToString();
        plain = plain.Length > 50 ? plain[..50] : plain;
        plain = plain is "in" or "as" or "true" or "false" or "null" or "break" or "const" or "continue" or "else" or "for" or "function" or "if"
            or "import" or "let" or "loop" or "package" or "namespace" or "return" or "var" or "void" or "while" ? $"{plain}_" : plain;
        string unique = plain;
        for (int i = 2; _paths.ContainsKey(unique); i++)
        {
            unique = $"{plain}_{i}";
        }
        _names[together] = unique;
        _paths[unique] = paths;
        return unique;
    }
}
