using System.Buffers;
using System.Globalization;

namespace PipeRoll.Schemas;

/// <summary>What a sample says about one column: kinds seen, how many different values, range and order of its numbers.</summary>
/// <remarks>Owner: one inference. Different values are counted by 64-bit hashes, so that long texts cost nothing.</remarks>
internal sealed class ColumnProfile(string name, int index)
{
    private static readonly SearchValues<char> DecimalCharacters = SearchValues.Create("0123456789.eE+-");

    private readonly HashSet<ulong> _distinct = [];
    private FieldKind? _kind;
    private double _last = double.NegativeInfinity;

    public string Name { get; } = name;

    public int Index { get; } = index;

    public IReadOnlyList<string> Words { get; } = NameWords.Split(name);

    /// <summary>Records that have a value here.</summary>
    public int Present { get; private set; }

    public int Distinct => _distinct.Count;

    public double Min { get; private set; } = double.PositiveInfinity;

    public double Max { get; private set; } = double.NegativeInfinity;

    /// <summary>No number was smaller than the one before.</summary>
    public bool IsAscending { get; private set; } = true;

    /// <summary>A column without any value is text.</summary>
    public FieldKind Kind => _kind ?? FieldKind.String;

    public bool IsNumber => Kind is FieldKind.Long or FieldKind.Double;

    public void AddText(string? cell)
    {
        if (string.IsNullOrEmpty(cell))
        {
            return;
        }

        if (IsWholeNumber(cell) && long.TryParse(cell, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long whole))
        {
            Add(FieldKind.Long, cell, whole);
        }
        else if (IsDecimal(cell) && double.TryParse(cell, NumberStyles.Float, CultureInfo.InvariantCulture, out double number))
        {
            Add(FieldKind.Double, cell, number);
        }
        else if (bool.TryParse(cell, out _) && cell.Length <= 5)
        {
            Add(FieldKind.Boolean, cell, null);
        }
        else
        {
            Add(Iso8601.IsTimestamp(cell) ? FieldKind.Timestamp : FieldKind.String, cell, null);
        }
    }

    public void Add(FieldKind kind, string text, double? number)
    {
        Present++;
        _distinct.Add(Hash(text));
        _kind = _kind is null ? kind : Widen(_kind.Value, kind);
        if (number is { } value)
        {
            Min = Math.Min(Min, value);
            Max = Math.Max(Max, value);
            IsAscending &= value >= _last;
            _last = value;
        }
    }

    private static FieldKind Widen(FieldKind one, FieldKind other) => (one, other) switch
    {
        _ when one == other => one,
        (FieldKind.Long, FieldKind.Double) or (FieldKind.Double, FieldKind.Long) => FieldKind.Double,
        (FieldKind.Json, _) or (_, FieldKind.Json) => FieldKind.Json,
        _ => FieldKind.String,
    };

    /// <summary>Digits with a leading zero are a code (a postcode, a branch), which a number would destroy.</summary>
    private static bool IsWholeNumber(string cell)
    {
        ReadOnlySpan<char> digits = cell[0] == '-' ? cell.AsSpan(1) : cell;
        return digits.Length is > 0 and < 20
            && digits.IndexOfAnyExceptInRange('0', '9') < 0
            && (digits.Length == 1 || digits[0] != '0');
    }

    private static bool IsDecimal(string cell)
    {
        ReadOnlySpan<char> rest = cell[0] == '-' ? cell.AsSpan(1) : cell;
        bool codeLike = rest.Length > 1 && rest[0] == '0' && char.IsAsciiDigit(rest[1]);
        return rest.Length is > 0 and < 40 && !codeLike && char.IsAsciiDigit(rest[0]) && char.IsAsciiDigit(rest[^1])
            && rest.IndexOfAnyExcept(DecimalCharacters) < 0;
    }

    private static ulong Hash(string text)
    {
        // FNV-1a: the same in every process, unlike string.GetHashCode.
        ulong hash = 14695981039346656037;
        foreach (char letter in text)
        {
            hash = (hash ^ letter) * 1099511628211;
        }

        return hash;
    }
}
