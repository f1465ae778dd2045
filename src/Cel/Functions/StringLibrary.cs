using System.Globalization;
using System.Text;
using PipeRoll.Cel.Compilation;
using static PipeRoll.Cel.CelOverload;

namespace PipeRoll.Cel.Functions;

/// <summary>More functions on strings (cel-go ext: strings). All positions count code points.</summary>
internal static class StringLibrary
{
    private const int LengthMax = 64 * 1024 * 1024;

    public static void AddTo(Library library)
    {
        AddPositions(library);
        AddCases(library);
        AddParts(library);
    }

    private static void AddPositions(Library library)
    {
        library.Add("charAt", Receiver(CelType.String, CelType.Int, CelType.String, CharAt));
        library.Add(
            "indexOf",
            Receiver(CelType.String, CelType.String, CelType.Int, (in a, in b) => IndexOf(a.StringValue, b.StringValue, 0)),
            Receiver(CelType.String, CelType.String, CelType.Int, CelType.Int, (in a, in b, in from) =>
                IndexOf(a.StringValue, b.StringValue, from.IntValue)));
        library.Add(
            "lastIndexOf",
            Receiver(CelType.String, CelType.String, CelType.Int, (in a, in b) =>
                LastIndexOf(a.StringValue, b.StringValue, CodePoints.Count(a.StringValue))),
            Receiver(CelType.String, CelType.String, CelType.Int, CelType.Int, (in a, in b, in from) =>
                LastIndexOf(a.StringValue, b.StringValue, from.IntValue)));
        library.Add(
            "substring",
            Receiver(CelType.String, CelType.Int, CelType.String, (in a, in from) =>
                Substring(a.StringValue, from.IntValue, CodePoints.Count(a.StringValue))),
            Receiver(CelType.String, CelType.Int, CelType.Int, CelType.String, (in a, in from, in to) =>
                Substring(a.StringValue, from.IntValue, to.IntValue)));
    }

    private static void AddCases(Library library)
    {
        Add("lowerAscii", text => Mapped(text, char.IsAsciiLetterUpper, 'a' - 'A'));
        Add("upperAscii", text => Mapped(text, char.IsAsciiLetterLower, 'A' - 'a'));
        Add("trim", text => text.Trim());
        Add("reverse", Reversed);
        library.Add("strings.quote", Static(CelType.String, CelType.String, (in a) => CelValue.String(Quoted(a.StringValue))));

        void Add(string name, Func<string, string> apply) =>
            library.Add(name, Receiver(CelType.String, CelType.String, (in a) => CelValue.String(apply(a.StringValue))));
    }

    private static void AddParts(Library library)
    {
        library.Add(
            "replace",
            Receiver(CelType.String, CelType.String, CelType.String, CelType.String, (in a, in b, in c) =>
                Replace(a.StringValue, b.StringValue, c.StringValue, -1)),
            Receiver([CelType.String, CelType.String, CelType.String, CelType.Int], CelType.String, arguments =>
                Replace(arguments[0].StringValue, arguments[1].StringValue, arguments[2].StringValue, arguments[3].IntValue)));
        CelType strings = CelType.List(CelType.String);
        library.Add(
            "split",
            Receiver(CelType.String, CelType.String, strings, (in a, in b) => Split(a.StringValue, b.StringValue, -1)),
            Receiver(CelType.String, CelType.String, CelType.Int, strings, (in a, in b, in count) =>
                Split(a.StringValue, b.StringValue, count.IntValue)));
        library.Add(
            "join",
            Receiver(strings, CelType.String, (in a) => Join(a.ListValue, "")),
            Receiver(strings, CelType.String, CelType.String, (in a, in b) => Join(a.ListValue, b.StringValue)));
    }

    private static CelValue OutOfRange(long index) =>
        CelValue.Error(CelErrorCode.IndexOutOfRange, string.Create(CultureInfo.InvariantCulture, $"index out of range: {index}"));

    private static CelValue CharAt(in CelValue text, in CelValue index)
    {
        string value = text.StringValue;
        int offset = index.IntValue < 0 ? -1 : CodePoints.OffsetOf(value, index.IntValue);
        if (offset < 0)
        {
            return OutOfRange(index.IntValue);
        }

        int length = offset == value.Length ? 0 : char.IsHighSurrogate(value[offset]) ? 2 : 1;
        return CelValue.String(value.Substring(offset, Math.Min(length, value.Length - offset)));
    }

    private static CelValue IndexOf(string text, string part, long from)
    {
        int start = from < 0 ? -1 : CodePoints.OffsetOf(text, from);
        if (start < 0)
        {
            return OutOfRange(from);
        }

        int found = text.IndexOf(part, start, StringComparison.Ordinal);
        return CelValue.Int(found < 0 ? -1 : CodePoints.Count(text[..found]));
    }

    // The last occurrence that starts at or before a position.
    private static CelValue LastIndexOf(string text, string part, long from)
    {
        int last = from < 0 ? -1 : CodePoints.OffsetOf(text, from);
        if (last < 0)
        {
            return OutOfRange(from);
        }

        int end = Math.Min(text.Length, last + part.Length);
        int found = text.AsSpan(0, end).LastIndexOf(part);
        found = part.Length == 0 ? last : found;
        return CelValue.Int(found < 0 ? -1 : CodePoints.Count(text[..found]));
    }

    private static CelValue Substring(string text, long from, long to)
    {
        int start = from < 0 ? -1 : CodePoints.OffsetOf(text, from);
        int end = to < 0 ? -1 : CodePoints.OffsetOf(text, to);
        if (start < 0 || end < 0)
        {
            return OutOfRange(start < 0 ? from : to);
        }

        return start <= end
            ? CelValue.String(text[start..end])
            : CelValue.Error(CelErrorCode.IndexOutOfRange, string.Create(CultureInfo.InvariantCulture, $"invalid substring range: start {from}, end {to}"));
    }

    private static string Mapped(string text, Func<char, bool> applies, int shift) =>
        string.Create(text.Length, (text, applies, shift), static (span, state) =>
        {
            for (int index = 0; index < span.Length; index++)
            {
                char unit = state.text[index];
                span[index] = state.applies(unit) ? (char)(unit + state.shift) : unit;
            }
        });

    private static string Reversed(string text)
    {
        var reversed = new StringBuilder(text.Length);
        for (int index = text.Length - 1; index >= 0; index--)
        {
            if (char.IsLowSurrogate(text[index]) && index > 0)
            {
                reversed.Append(text, --index, 2);
            }
            else
            {
                reversed.Append(text[index]);
            }
        }

        return reversed.ToString();
    }

    private static string Quoted(string text)
    {
        var quoted = new StringBuilder(text.Length + 2).Append('"');
        foreach (char unit in text)
        {
            string? escape = unit switch
            {
                '\a' => "\\a",
                '\b' => "\\b",
                '\f' => "\\f",
                '\n' => "\\n",
                '\r' => "\\r",
                '\t' => "\\t",
                '\v' => "\\v",
                '\\' => "\\\\",
                '"' => "\\\"",
                _ => null,
            };
            quoted.Append(escape ?? unit.ToString());
        }

        return quoted.Append('"').ToString();
    }

    private static CelValue TooLong() =>
        CelValue.Error(CelErrorCode.LimitExceeded, string.Create(CultureInfo.InvariantCulture, $"the string would be longer than {LengthMax} characters"));

    // A negative count replaces all. An empty text occurs before each code point and at the end.
    private static CelValue Replace(string text, string old, string with, long count)
    {
        if (count == 0)
        {
            return CelValue.String(text);
        }

        var made = new StringBuilder(text.Length);
        int position = 0;
        long left = count < 0 ? long.MaxValue : count;
        while (left > 0)
        {
            int found = text.IndexOf(old, position, StringComparison.Ordinal);
            if (found < 0)
            {
                break;
            }

            made.Append(text, position, found - position).Append(with);
            position = found + old.Length;
            left--;
            if (made.Length > LengthMax)
            {
                return TooLong();
            }

            if (old.Length == 0)
            {
                if (position == text.Length)
                {
                    break;
                }

                int step = char.IsHighSurrogate(text[position]) && position + 1 < text.Length ? 2 : 1;
                made.Append(text, position, step);
                position += step;
            }
        }

        return CelValue.String(made.Append(text, position, text.Length - position).ToString());
    }

    private static CelValue Split(string text, string separator, long count)
    {
        if (count == 0)
        {
            return CelValue.List(CelList.Empty);
        }

        int limit = (int)Math.Min(count < 0 ? int.MaxValue : count, int.MaxValue);
        IEnumerable<string> parts = separator.Length == 0
            ? Characters(text, limit)
            : text.Split(separator, limit, StringSplitOptions.None);
        return CelValue.List([.. parts.Select(part => CelValue.String(part))]);
    }

    private static IEnumerable<string> Characters(string text, int limit)
    {
        int position = 0;
        while (position < text.Length)
        {
            int length = --limit == 0 ? text.Length - position
                : char.IsHighSurrogate(text[position]) && position + 1 < text.Length ? 2 : 1;
            yield return text.Substring(position, length);
            position += length;
        }
    }

    private static CelValue Join(CelList list, string separator)
    {
        var made = new StringBuilder();
        for (int index = 0; index < list.Count; index++)
        {
            CelValue part = list[index];
            if (part.Kind != CelKind.String)
            {
                return CelValue.Error(Errors.NoOverload("join", [part]));
            }

            made.Append(index > 0 ? separator : "").Append(part.StringValue);
            if (made.Length > LengthMax)
            {
                return TooLong();
            }
        }

        return CelValue.String(made.ToString());
    }
}
