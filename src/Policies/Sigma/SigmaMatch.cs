using System.Globalization;
using System.Text;
using System.Text.Json;
using PipeRoll.Policies.Reading;

namespace PipeRoll.Policies.Sigma;

/// <summary>
/// Compiles one line of a selection, <c>field|modifier|…: values</c>, into a condition (sigma-specification 2.0, appendix modifiers).
/// Owner: one compilation.
/// </summary>
internal sealed class SigmaMatch(SigmaFields fields, ProblemList problems)
{
    private const string Number = "'^-?[0-9]+([.][0-9]+)?$'";
    private const string Dashes = "[-/\u2013\u2014\u2015]";

    private static readonly string[] Known =
    [
        "contains", "startswith", "endswith", "all", "cased", "re", "i", "m", "s", "cidr", "base64", "base64offset", "wide", "utf16le", "utf16be", "utf16",
        "windash", "exists", "lt", "lte", "gt", "gte", "fieldref", "neq",
    ];

    /// <summary>The condition for a field.</summary>
    public string Compile(YamlText key, IReadOnlyList<YamlText> values)
    {
        string[] parts = key.Text.Split('|');
        HashSet<string> modifiers = [.. parts.Skip(1)];
        if (modifiers.FirstOrDefault(each => !Known.Contains(each)) is { } unknown)
        {
            problems.Add(key, $"the modifier '{unknown}' is not supported", $"Supported are: {string.Join(", ", Known)}.");
            return "false";
        }
        string name = fields.NameOf(parts[0]);
        string field = $"event.{name}";
        if (modifiers.Contains("exists"))
        {
            return values is [{ Text: "false" or "no" }] ? $"!has({field})" : $"has({field})";
        }
        List<string> terms = [.. values.Select(value => Term(key, field, value, modifiers))];
        string joined = modifiers.Contains("all") ? CelText.And(terms) : CelText.Or(terms);
        bool usesText = joined.Contains("v.", StringComparison.Ordinal) || joined.Contains("v ==", StringComparison.Ordinal);
        string bound = usesText
            ? $"cel.bind(v, {(modifiers.Contains("cased") ? field : $"{field}.lowerAscii()")}, {joined})"
            : joined;
        bool mayBeNull = values.Any(IsNull);
        string present = mayBeNull ? $"(!has({field}) || {bound})" : $"(has({field}) && {bound})";
        return modifiers.Contains("neq") ? CelText.Not(present) : present;
    }

    /// <summary>The condition for words that may stand anywhere in the event.</summary>
    public string CompileKeyword(YamlText value)
    {
        string whole = $"event.{fields.NameOfPath(EventField.WholeEvent, "whole_event")}";
        // The event is searched as it is written, so what is escaped there has to be escaped here.
        var parts = SigmaPattern.Parse(value.Text).Parts.Select(part => string.IsNullOrEmpty(part) ? part : AsInJson(part));
        var pattern = new SigmaPattern([.. parts]);
        return $"cel.bind(v, {whole}.lowerAscii(), {Text(whole, pattern.Around(true, true), cased: false)})";
    }

    private static string AsInJson(string text) =>
        JsonEncodedText.Encode(text, System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping).ToString();

    private static bool IsNull(YamlText value) => value is { Style: YamlStyle.Plain, Text: "null" or "~" or "" };

    private string Term(YamlText key, string field, YamlText value, HashSet<string> modifiers)
    {
        if (IsNull(value))
        {
            // A field that is not there was found out before; one that is there is not null.
            return "false";
        }
        if (modifiers.Contains("re"))
        {
            string flags = string.Concat(modifiers.Where(each => each is "i" or "m" or "s").Order(StringComparer.Ordinal));
            return $"{field}.matches({CelText.Quote(flags.Length > 0 ? $"(?{flags}){value.Text}" : value.Text)})";
        }
        if (modifiers.Contains("cidr"))
        {
            return $"(isIP({field}) && cidr({CelText.Quote(value.Text)}).containsIP({field}))";
        }
        if (modifiers.Contains("fieldref"))
        {
            return FieldReference(field, value.Text, modifiers);
        }
        foreach ((string modifier, string comparison) in new[] { ("lt", "<"), ("lte", "<="), ("gt", ">"), ("gte", ">=") })
        {
            if (modifiers.Contains(modifier))
            {
                return Comparison(key, field, value, comparison);
            }
        }
        return CelText.Or([.. Texts(value.Text, modifiers).Select(pattern => TextTerm(field, pattern, modifiers))]);
    }

    private static string TextTerm(string field, SigmaPattern pattern, HashSet<string> modifiers) =>
        modifiers.Contains("windash") && pattern.Plain is { } plain && DashAt(plain) >= 0
            ? Dashed(field, pattern, modifiers)
            : Text(field, Placed(pattern, modifiers), modifiers.Contains("cased"));

    private string Comparison(YamlText key, string field, YamlText value, string comparison)
    {
        if (!double.TryParse(value.Text, NumberStyles.Float, CultureInfo.InvariantCulture, out double number))
        {
            problems.Add(value, $"'{value.Text}' is no number, which '{key.Text}' needs", "Write a number.");
        }
        string text = number.ToString("0.0################", CultureInfo.InvariantCulture);
        return $"({field}.matches({Number}) && double({field}) {comparison} {text})";
    }

    private string FieldReference(string field, string other, HashSet<string> modifiers)
    {
        string reference = $"event.{fields.NameOf(other)}";
        (string left, string right) = modifiers.Contains("cased") ? (field, reference) : ($"{field}.lowerAscii()", $"{reference}.lowerAscii()");
        string compared = modifiers switch
        {
            _ when modifiers.Contains("contains") => $"{left}.contains({right})",
            _ when modifiers.Contains("startswith") => $"{left}.startsWith({right})",
            _ when modifiers.Contains("endswith") => $"{left}.endsWith({right})",
            _ => $"{left} == {right}",
        };
        return $"(has({reference}) && {compared})";
    }

    private static IEnumerable<SigmaPattern> Texts(string text, HashSet<string> modifiers)
    {
        if (!modifiers.Overlaps(["base64", "base64offset", "wide", "utf16le", "utf16be", "utf16"]))
        {
            return [SigmaPattern.Parse(text)];
        }
        Encoding encoding = modifiers switch
        {
            _ when modifiers.Overlaps(["wide", "utf16le", "utf16"]) => Encoding.Unicode,
            _ when modifiers.Contains("utf16be") => Encoding.BigEndianUnicode,
            _ => Encoding.UTF8,
        };
        byte[] bytes = [.. modifiers.Contains("utf16") ? Encoding.Unicode.GetPreamble() : [], .. encoding.GetBytes(text)];
        if (modifiers.Contains("base64offset"))
        {
            return [.. Enumerable.Range(0, 3).Select(offset => SigmaPattern.Literal(Base64At(bytes, offset)))];
        }
        return [SigmaPattern.Literal(modifiers.Contains("base64") ? Convert.ToBase64String(bytes) : Encoding.Latin1.GetString(bytes))];
    }

    /// <summary>
    /// The digits that bytes have in base64 when so many bytes stand before them, without those that depend on their neighbours.
    /// </summary>
    private static string Base64At(byte[] bytes, int offset)
    {
        string encoded = Convert.ToBase64String([.. new byte[offset], .. bytes]);
        int start = offset switch
        {
            0 => 0,
            1 => 2,
            _ => 3,
        };
        int end = ((offset + bytes.Length) % 3) switch
        {
            0 => encoded.Length,
            1 => encoded.Length - 3,
            _ => encoded.Length - 2,
        };
        return encoded[start..Math.Max(start, end)];
    }

    private static SigmaPattern Placed(SigmaPattern pattern, HashSet<string> modifiers) => pattern.Around(
        modifiers.Contains("contains") || modifiers.Contains("endswith"), modifiers.Contains("contains") || modifiers.Contains("startswith"));

    /// <summary>The first dash that begins a parameter: nothing of a word before it, a word behind it.</summary>
    private static int DashAt(string text)
    {
        for (int i = 0; i + 1 < text.Length; i++)
        {
            bool isWordBefore = i > 0 && (char.IsLetterOrDigit(text[i - 1]) || text[i - 1] == '_');
            if (text[i] is '-' or '/' && !isWordBefore && (char.IsLetterOrDigit(text[i + 1]) || text[i + 1] == '_'))
            {
                return i;
            }
        }
        return -1;
    }

    private static string Dashed(string field, SigmaPattern pattern, HashSet<string> modifiers)
    {
        string rest = pattern.Plain!;
        var regex = new StringBuilder(modifiers.Contains("contains") || modifiers.Contains("endswith") ? "" : "^");
        while (DashAt(rest) is var at and >= 0)
        {
            regex.Append(CelText.Escape(rest[..at])).Append(Dashes);
            rest = rest[(at + 1)..];
        }
        regex.Append(CelText.Escape(rest)).Append(modifiers.Contains("contains") || modifiers.Contains("startswith") ? "" : "$");
        return $"{field}.matches({CelText.Quote($"(?{(modifiers.Contains("cased") ? "" : "i")}s){regex}")})";
    }

    /// <summary>A pattern as the cheapest condition that says it; <c>v</c> is the field, in lower case unless case matters.</summary>
    private static string Text(string field, SigmaPattern pattern, bool cased)
    {
        bool before = pattern.Parts is [null, ..];
        bool after = pattern.Parts.Count > 1 && pattern.Parts[^1] is null;
        var inner = new SigmaPattern([.. pattern.Parts.Skip(before ? 1 : 0).SkipLast(after ? 1 : 0)]);
        if (pattern.Parts.Count > 0 && pattern.Parts.All(part => part is null))
        {
            return "true";
        }
        if (inner.Plain is not { } plain || (!cased && plain.Any(c => c > '\u007F')))
        {
            string regex = string.Concat(pattern.Parts.Select(part => part switch
            {
                null => ".*",
                "" => ".",
                _ => CelText.Escape(part),
            }));
            return $"{field}.matches({CelText.Quote($"(?{(cased ? "" : "i")}s)^{regex}$")})";
        }
        string literal = CelText.Quote(cased ? plain : plain.ToLowerInvariant());
        return (before, after) switch
        {
            (true, true) => $"v.contains({literal})",
            (true, false) => $"v.endsWith({literal})",
            (false, true) => $"v.startsWith({literal})",
            _ => $"v == {literal}",
        };
    }
}
