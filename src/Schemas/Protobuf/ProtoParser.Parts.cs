using System.Globalization;
using System.Text;

namespace PipeRoll.Schemas.Protobuf;

/// <summary>Names, numbers, ranges and options.</summary>
internal sealed partial class ProtoParser
{
    private void Reserved(List<ProtoRange> ranges, List<string> names, int max)
    {
        if (Current.Kind is ProtoTokenKind.Text or ProtoTokenKind.Word)
        {
            do
            {
                // Editions write the names without quotes.
                names.Add(Take().Text);
            }
            while (TakeIf(","));
        }
        else
        {
            Ranges(ranges, max);
        }

        Expect(";");
    }

    private void Ranges(List<ProtoRange> ranges, int max)
    {
        do
        {
            int from = Number(int.MinValue, max);
            int to = !TakeIf("to") ? from : TakeIf("max") ? max : Number(int.MinValue, max);
            if (to < from)
            {
                throw Wrong(Current, $"the range from {from} to {to} is empty");
            }

            ranges.Add(new ProtoRange(from, to));
        }
        while (TakeIf(","));
    }

    /// <summary>Behind the word "option".</summary>
    private ProtoOption Option()
    {
        ProtoOption option = NamedOption();
        Expect(";");
        return option;
    }

    private List<ProtoOption> FieldOptions()
    {
        List<ProtoOption> options = [];
        if (!TakeIf("["))
        {
            return options;
        }

        do
        {
            options.Add(NamedOption());
        }
        while (TakeIf(","));
        Expect("]");
        return options;
    }

    private ProtoOption NamedOption()
    {
        var name = new StringBuilder();
        while (!Current.Is("="))
        {
            ProtoToken part = Take();
            if (part.Kind != ProtoTokenKind.Word && !part.Is("(") && !part.Is(")") && !part.Is("."))
            {
                throw Wrong(part, "an option has a name");
            }

            name.Append(part.Text);
        }

        Expect("=");
        return new ProtoOption(name.ToString(), Value(0));
    }

    private string Value(int depth)
    {
        if (depth > DepthMax)
        {
            throw Wrong(Current, "the option lies too deep");
        }

        if (Current.Kind == ProtoTokenKind.Text)
        {
            return Quote(Text());
        }

        if (Current.Is("{") || Current.Is("["))
        {
            return Aggregate(depth);
        }

        string sign = TakeIf("-") ? "-" : TakeIf("+") ? "+" : "";
        ProtoToken value = Take();
        return value.Kind is ProtoTokenKind.Word or ProtoTokenKind.Number ? sign + value.Text : throw Wrong(value, "an option has a value");
    }

    /// <summary>Text format, token by token: what it means is for whoever defined the option.</summary>
    private string Aggregate(int depth)
    {
        var text = new StringBuilder(Take().Text);
        while (true)
        {
            if (Current.Kind == ProtoTokenKind.End)
            {
                throw Wrong(Current, "the option's value does not end");
            }

            if (Current.Is("}") || Current.Is("]"))
            {
                return text.Append(' ').Append(Take().Text).ToString();
            }

            bool isNested = Current.Is("{") || Current.Is("[");
            text.Append(' ').Append(isNested ? Value(depth + 1) : Current.Kind == ProtoTokenKind.Text ? Quote(Text()) : Take().Text);
        }
    }

    private static string Quote(string text)
    {
        string escaped = text.Replace("\\", "\\\\").Replace("\"", "\\\"").Replace("\n", "\\n").Replace("\r", "\\r").Replace("\t", "\\t");
        return $"\"{escaped}\"";
    }

    /// <summary>A full or partial name, with a dot before it or not.</summary>
    private string Name()
    {
        string dot = TakeIf(".") ? "." : "";
        ProtoToken name = Take();
        return name.Kind == ProtoTokenKind.Word && !name.Text.EndsWith('.') ? dot + name.Text : throw Wrong(name, $"expected a name, not '{name.Text}'");
    }

    private string Identifier()
    {
        ProtoToken name = Take();
        return name.Kind == ProtoTokenKind.Word && !name.Text.Contains('.') ? name.Text : throw Wrong(name, $"expected a name, not '{name.Text}'");
    }

    /// <summary>Texts behind each other are one.</summary>
    private string Text()
    {
        if (Current.Kind != ProtoTokenKind.Text)
        {
            throw Wrong(Current, $"expected a text in quotes, not '{Current.Text}'");
        }

        var text = new StringBuilder();
        while (Current.Kind == ProtoTokenKind.Text)
        {
            text.Append(Take().Text);
        }

        return text.ToString();
    }

    private int Number(int min, int max)
    {
        bool isNegative = TakeIf("-");
        ProtoToken token = Take();
        string digits = token.Text;
        bool isHex = digits.StartsWith("0x", StringComparison.OrdinalIgnoreCase);
        bool isOctal = !isHex && digits.Length > 1 && digits[0] == '0' && digits.All(static digit => digit is >= '0' and <= '7');
        long value = 0;
        bool isGood = token.Kind == ProtoTokenKind.Number && (isHex
            ? long.TryParse(digits.AsSpan(2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out value)
            : isOctal ? digits.Length < 20 && (value = Convert.ToInt64(digits, 8)) >= 0
            : long.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out value));
        value = isNegative ? -value : value;
        return isGood && value >= min && value <= max
            ? (int)value
            : throw Wrong(token, $"expected a number from {min} to {max}, not '{(isNegative ? "-" : "")}{token.Text}'");
    }

    private ProtoToken Take()
    {
        ProtoToken token = Current;
        if (token.Kind != ProtoTokenKind.End)
        {
            _at++;
        }

        return token;
    }

    private bool TakeIf(string symbol)
    {
        if (!Current.Is(symbol))
        {
            return false;
        }

        _at++;
        return true;
    }

    private void Expect(string symbol)
    {
        if (!TakeIf(symbol))
        {
            throw Wrong(Current, $"expected '{symbol}', not '{(Current.Kind == ProtoTokenKind.End ? "the end" : Current.Text)}'");
        }
    }

    private static SchemaSyntaxException Wrong(ProtoToken token, string what) => new($"line {token.Line}: {what}");
}
