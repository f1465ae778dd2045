namespace PipeRoll.Policies.Reading;

/// <summary>What can be used as a name in expressions and in topics.</summary>
internal static class Names
{
    private static readonly HashSet<string> Reserved =
        ["true", "false", "null", "in", "as", "break", "const", "continue", "else", "for", "function", "if", "import", "let", "loop",
            "package", "namespace", "return", "var", "void", "while"];

    /// <summary>Whether a key can be selected with a dot in CEL; if not, it is reported.</summary>
    public static bool Check(YamlText key, string what, ProblemList problems)
    {
        string name = key.Text;
        if (Reserved.Contains(name))
        {
            problems.Add(key, $"'{name}' is a word of the expression language", $"Give the {what} another name.");
            return false;
        }
        bool valid = name.Length is > 0 and <= 64
            && (char.IsAsciiLetter(name[0]) || name[0] == '_')
            && name.All(c => char.IsAsciiLetterOrDigit(c) || c == '_');
        if (!valid)
        {
            problems.Add(
                key,
                $"'{name}' cannot be the name of a {what}",
                "Use letters, digits and `_`, beginning with a letter, at most 64.");
        }
        return valid;
    }

    /// <summary>Whether a text can be a topic's name or a part of one; if not, it is reported.</summary>
    public static bool CheckTopic(YamlText text, ProblemList problems)
    {
        string name = text.Text;
        bool valid = name.Length is > 0 and <= 200
            && name is not ("." or "..")
            && name.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '_' or '-');
        if (!valid)
        {
            problems.Add(text, $"'{name}' cannot be a topic", "Use letters, digits, `.`, `_` and `-`, at most 200.");
        }
        return valid;
    }
}
