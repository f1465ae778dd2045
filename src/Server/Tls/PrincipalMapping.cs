using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.RegularExpressions;

namespace PipeRoll.Server.Tls;

/// <summary>
/// Kafka's <c>ssl.principal.mapping.rules</c> (KIP-371): <c>RULE:pattern/replacement/[LU]</c> or <c>DEFAULT</c>, with commas; the first rule
/// whose pattern is the whole subject names the principal.
/// </summary>
internal sealed class PrincipalMapping
{
    private static readonly TimeSpan MatchTimeout = TimeSpan.FromSeconds(1);

    private static readonly Dictionary<string, string> AttributeNames = new(StringComparer.Ordinal)
    {
        ["2.5.4.3"] = "CN",
        ["2.5.4.6"] = "C",
        ["2.5.4.7"] = "L",
        ["2.5.4.8"] = "ST",
        ["2.5.4.9"] = "STREET",
        ["2.5.4.10"] = "O",
        ["2.5.4.11"] = "OU",
        ["0.9.2342.19200300.100.1.1"] = "UID",
        ["0.9.2342.19200300.100.1.25"] = "DC",
    };

    private readonly List<Rule> _rules;

    private PrincipalMapping(List<Rule> rules) => _rules = rules;

    /// <returns>Null when the rules are good, else what is wrong with them.</returns>
    public static string? TryParse(string text, out PrincipalMapping mapping)
    {
        var rules = new List<Rule>();
        mapping = new PrincipalMapping(rules);
        int at = 0;
        while (at < text.Length)
        {
            if (char.IsWhiteSpace(text[at]) || text[at] == ',')
            {
                at++;
                continue;
            }

            if (text.AsSpan(at).StartsWith("DEFAULT", StringComparison.Ordinal))
            {
                rules.Add(new Rule(null, "", ' '));
                at += "DEFAULT".Length;
            }
            else if (!text.AsSpan(at).StartsWith("RULE:", StringComparison.Ordinal)
                || !TryTake(text, at + "RULE:".Length, out string pattern, out int second) || !TryTake(text, second, out string replacement, out int end))
            {
                return $"'{text[at..]}' is neither DEFAULT nor RULE:pattern/replacement/[LU]";
            }
            else
            {
                char letters = end < text.Length && text[end] is 'L' or 'U' ? text[end] : ' ';
                try
                {
                    rules.Add(new Rule(
                        new Regex($"^(?:{pattern})$", RegexOptions.CultureInvariant, MatchTimeout), replacement, letters));
                }
                catch (ArgumentException wrong)
                {
                    return $"the pattern '{pattern}' is no regular expression: {wrong.Message}";
                }

                at = letters == ' ' ? end : end + 1;
            }

            if (at < text.Length && text[at] != ',' && !char.IsWhiteSpace(text[at]))
            {
                return $"after a rule comes a comma, not '{text[at..]}'";
            }
        }

        return rules.Count == 0 ? "there is no rule; DEFAULT takes the subject as it is" : null;
    }

    /// <returns>The principal, such as <c>User:alice</c>; null when no rule fits.</returns>
    public string? PrincipalOf(X500DistinguishedName subject) => PrincipalOf(SubjectOf(subject));

    public string? PrincipalOf(string subject)
    {
        foreach (Rule rule in _rules)
        {
            if (rule.Pattern is null)
            {
                return "User:" + subject;
            }

            if (rule.Pattern.IsMatch(subject))
            {
                string name = rule.Pattern.Replace(subject, rule.Replacement);
                return "User:" + (rule.Letters == 'L' ? name.ToLowerInvariant() : rule.Letters == 'U' ? name.ToUpperInvariant() : name);
            }
        }

        return null;
    }

    /// <summary>A subject as RFC 2253 writes it: the last attribute first, commas without spaces.</summary>
    public static string SubjectOf(X500DistinguishedName subject) => string.Join(
        ',', subject.EnumerateRelativeDistinguishedNames(reversed: true).Select(static part => part.HasMultipleElements
            ? "#" + Convert.ToHexString(part.RawData.Span)
            : $"{AttributeOf(part.GetSingleElementType().Value ?? "")}={Escape(part.GetSingleElementValue() ?? "")}"));

    private static string AttributeOf(string identifier) => AttributeNames.GetValueOrDefault(identifier, identifier);

    private static string Escape(string value)
    {
        var text = new StringBuilder();
        for (int at = 0; at < value.Length; at++)
        {
            bool isEdge = (at == 0 && value[at] is ' ' or '#') || (at == value.Length - 1 && value[at] == ' ');
            if (value[at] is ',' or '+' or '"' or '\\' or '<' or '>' or ';' || isEdge)
            {
                text.Append('\\');
            }

            text.Append(value[at]);
        }

        return text.ToString();
    }

    /// <summary>Up to the next slash that no backslash is before.</summary>
    private static bool TryTake(string text, int from, out string taken, out int next)
    {
        var found = new StringBuilder();
        for (int at = from; at < text.Length; at++)
        {
            if (text[at] == '\\' && at + 1 < text.Length)
            {
                // An escaped slash is a slash; what else is escaped is the pattern's business.
                found.Append(text[at + 1] == '/' ? "" : "\\").Append(text[++at]);
            }
            else if (text[at] == '/')
            {
                taken = found.ToString();
                next = at + 1;
                return true;
            }
            else
            {
                found.Append(text[at]);
            }
        }

        taken = "";
        next = text.Length;
        return false;
    }

    private sealed record Rule(Regex? Pattern, string Replacement, char Letters);
}
