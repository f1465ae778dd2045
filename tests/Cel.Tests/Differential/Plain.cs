namespace PipeRoll.Cel.Tests.Differential;

/// <summary>Values as plain .NET objects, with the language's equality and order written a second time.</summary>
internal static class Plain
{
    public static object? Of(CelValue value) => value.Kind switch
    {
        CelKind.Null => null,
        CelKind.Bool => value.BoolValue,
        CelKind.Int => value.IntValue,
        CelKind.Uint => value.UintValue,
        CelKind.Double => value.DoubleValue,
        CelKind.String => value.StringValue,
        CelKind.Bytes => value.BytesValue,
        CelKind.List => Enumerable.Range(0, value.ListValue.Count).Select(index => Of(value.ListValue[index])).ToList(),
        CelKind.Map => Enumerable.Range(0, value.MapValue.Count)
            .Select(index => KeyValuePair.Create(Of(value.MapValue.KeyAt(index))!, Of(value.MapValue.ValueAt(index)))).ToList(),
        CelKind.Optional => value.HasOptionalValue ? new Optional(true, Of(value.OptionalValue)) : Optional.None,
        _ => throw new NotSupportedException(value.ToString()),
    };

    /// <summary>The language's equality.</summary>
    public static bool Same(object? left, object? right) => (left, right) switch
    {
        (null, null) => true,
        (long a, long b) => a == b,
        (ulong a, ulong b) => a == b,
        (long a, ulong b) => (Int128)a == b,
        (ulong a, long b) => a == (Int128)b,
        (long or ulong or double, long or ulong or double) => AsDouble(left) == AsDouble(right),
        (bool a, bool b) => a == b,
        (string a, string b) => a == b,
        (byte[] a, byte[] b) => a.SequenceEqual(b),
        (List<object?> a, List<object?> b) => a.Count == b.Count && a.Zip(b).All(pair => Same(pair.First, pair.Second)),
        (List<KeyValuePair<object, object?>> a, List<KeyValuePair<object, object?>> b) =>
            a.Count == b.Count && a.All(entry => b.Any(other => Same(entry.Key, other.Key) && Same(entry.Value, other.Value))),
        _ => false,
    };

    /// <summary>Negative, zero or positive; null with NaN.</summary>
    public static int? Order(object? left, object? right) => (left, right) switch
    {
        (long a, long b) => a.CompareTo(b),
        (ulong a, ulong b) => a.CompareTo(b),
        (long a, ulong b) => ((Int128)a).CompareTo(b),
        (ulong a, long b) => ((Int128)a).CompareTo(b),
        (long or ulong or double, long or ulong or double) => double.IsNaN(AsDouble(left)) || double.IsNaN(AsDouble(right))
            ? null
            : AsDouble(left).CompareTo(AsDouble(right)),
        (bool a, bool b) => a.CompareTo(b),
        (string a, string b) => CompareRunes(a, b),
        (byte[] a, byte[] b) => a.AsSpan().SequenceCompareTo(b),
        _ => throw new ReferenceInterpreter.Failure("no such overload"),
    };

    /// <summary>Like <see cref="Same"/>, but of the same kinds, and NaN is NaN.</summary>
    public static bool Identical(object? left, object? right) => (left, right) switch
    {
        (double a, double b) => (double.IsNaN(a) && double.IsNaN(b)) || (a == b && double.IsNegative(a) == double.IsNegative(b)),
        (List<object?> a, List<object?> b) => a.Count == b.Count && a.Zip(b).All(pair => Identical(pair.First, pair.Second)),
        (List<KeyValuePair<object, object?>> a, List<KeyValuePair<object, object?>> b) => a.Count == b.Count
            && a.Zip(b).All(pair => Identical(pair.First.Key, pair.Second.Key) && Identical(pair.First.Value, pair.Second.Value)),
        _ => left?.GetType() == right?.GetType() && Same(left, right),
    };

    private static double AsDouble(object? value) => value switch
    {
        long number => number,
        ulong number => number,
        _ => (double)value!,
    };

    private static int CompareRunes(string left, string right)
    {
        int[] a = [.. left.EnumerateRunes().Select(rune => rune.Value)];
        int[] b = [.. right.EnumerateRunes().Select(rune => rune.Value)];
        return a.AsSpan().SequenceCompareTo(b);
    }
}
