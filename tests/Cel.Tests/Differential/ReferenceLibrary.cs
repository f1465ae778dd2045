using System.Text;

namespace PipeRoll.Cel.Tests.Differential;

/// <summary>An optional of the reference.</summary>
internal sealed record Optional(bool Has, object? Value)
{
    public static readonly Optional None = new(false, null);
}

/// <summary>The functions of the extensions, written down as simply as possible: on lists of code points, without regard to speed.</summary>
internal static class ReferenceLibrary
{
    /// <summary>Null when it is none of the extensions'; the value in an array otherwise.</summary>
    public static object?[]? Call(string function, List<object?> a) =>
        Texts(function, a) ?? Numbers(function, a) ?? Lists(function, a) ?? Optionals(function, a);

    private static ReferenceInterpreter.Failure Bad() => new("bad argument");

    private static object?[]? Made(object? value) => [value];

    private static List<string> Points(string text) => [.. text.EnumerateRunes().Select(rune => rune.ToString())];

    private static object?[]? Texts(string function, List<object?> a)
    {
        if (a.Count == 0 || a[0] is not string text)
        {
            return function == "join" && a is [List<object?> parts, string separator] && parts.All(part => part is string)
                ? Made(string.Join(separator, parts))
                : null;
        }

        List<string> points = Points(text);
        switch (function, a.Count)
        {
            case ("charAt", 2) when a[1] is long at:
                return at < 0 || at > points.Count ? throw Bad() : Made(at == points.Count ? "" : points[(int)at]);
            case ("substring", 2) when a[1] is long from:
                return from < 0 || from > points.Count ? throw Bad() : Made(string.Concat(points.Skip((int)from)));
            case ("substring", 3) when a is [_, long from, long to]:
                return from < 0 || to > points.Count || from > to ? throw Bad() : Made(string.Concat(points.Skip((int)from).Take((int)(to - from))));
            case ("lowerAscii", 1):
                return Made(string.Concat(points.Select(point => point.Length == 1 && point[0] < 128 ? point.ToLowerInvariant() : point)));
            case ("upperAscii", 1):
                return Made(string.Concat(points.Select(point => point.Length == 1 && point[0] < 128 ? point.ToUpperInvariant() : point)));
            case ("reverse", 1):
                return Made(string.Concat(points.AsEnumerable().Reverse()));
            case ("indexOf", 2) when a[1] is string part:
                return Made((long)Positions(points, Points(part)).FirstOrDefault(-1));
            case ("lastIndexOf", 2) when a[1] is string part:
                return Made((long)Positions(points, Points(part)).LastOrDefault(-1));
            case ("split", 2) when a[1] is string separator:
                return Made(separator.Length == 0 ? [.. points] : text.Split(separator).Cast<object?>().ToList());
            case ("replace", 3) when a is [_, string { Length: > 0 } old, string made]:
                return Made(text.Replace(old, made));
            case ("base64.encode", _):
                return null;
            default:
                return function == "bytes" ? Made(Encoding.UTF8.GetBytes(text)) : function == "base64.decode" ? Made(Convert.FromBase64String(text)) : null;
        }
    }

    private static IEnumerable<int> Positions(List<string> points, List<string> part) =>
        Enumerable.Range(0, Math.Max(0, points.Count - part.Count + 1)).Where(at => points.Skip(at).Take(part.Count).SequenceEqual(part));

    private static object?[]? Numbers(string function, List<object?> a) => (function, a) switch
    {
        ("base64.encode", [byte[] bytes]) => Made(Convert.ToBase64String(bytes)),
        ("math.@max", [List<object?> list]) => Made(Extreme(list, 1)),
        ("math.@min", [List<object?> list]) => Made(Extreme(list, -1)),
        ("math.@max", [_, _]) => Made(Extreme(a, 1)),
        ("math.@min", [_, _]) => Made(Extreme(a, -1)),
        ("math.@max" or "math.@min", [_]) => Made(a[0]),
        ("math.abs", [long number]) => number == long.MinValue ? throw Bad() : Made(Math.Abs(number)),
        ("math.abs", [double number]) => Made(Math.Abs(number)),
        ("math.sign", [long number]) => Made((long)Math.Sign(number)),
        ("math.floor", [double number]) => Made(Math.Floor(number)),
        ("math.ceil", [double number]) => Made(Math.Ceiling(number)),
        ("math.trunc", [double number]) => Made(Math.Truncate(number)),
        ("math.isNaN", [double number]) => Made(double.IsNaN(number)),
        ("math.isFinite", [double number]) => Made(double.IsFinite(number)),
        ("math.bitAnd", [long x, long y]) => Made(x & y),
        ("math.bitOr", [long x, long y]) => Made(x | y),
        ("math.bitXor", [long x, long y]) => Made(x ^ y),
        ("math.bitNot", [long x]) => Made(~x),
        ("math.bitShiftLeft", [long x, long by]) => by < 0 ? throw Bad() : Made(by >= 64 ? 0L : x << (int)by),
        _ => null,
    };

    private static object? Extreme(List<object?> values, int sign)
    {
        object? best = values[0];
        foreach (object? value in values.Skip(1))
        {
            best = Plain.Order(value, best) * sign > 0 ? value : best;
        }

        return best;
    }

    private static object?[]? Lists(string function, List<object?> a)
    {
        if (function == "lists.range" && a is [long count])
        {
            return count is < 0 or > 1_000_000 ? throw Bad() : Made(Enumerable.Range(0, (int)count).Select(number => (object?)(long)number).ToList());
        }

        if (a.Count == 0 || a[0] is not List<object?> list)
        {
            return null;
        }

        switch (function, a)
        {
            case ("slice", [_, long from, long to]):
                return from < 0 || to > list.Count || from > to ? throw Bad() : Made(list[(int)from..(int)to]);
            case ("reverse", [_]):
                return Made(list.AsEnumerable().Reverse().ToList());
            case ("distinct", [_]):
                var seen = new List<object?>();
                list.ForEach(element => seen.AddRange(seen.Any(other => Plain.Same(other, element)) ? [] : [element]));
                return Made(seen);
            case ("sort", [_]):
                return Made(list.OrderBy(element => (long)element!).Select(element => element).ToList());
            case ("first", [_]):
                return Made(list.Count == 0 ? Optional.None : new Optional(true, list[0]));
            case ("last", [_]):
                return Made(list.Count == 0 ? Optional.None : new Optional(true, list[^1]));
            case ("sets.contains", [_, List<object?> others]):
                return Made(others.All(other => list.Any(element => Plain.Same(element, other))));
            case ("sets.intersects", [_, List<object?> others]):
                return Made(others.Any(other => list.Any(element => Plain.Same(element, other))));
            case ("sets.equivalent", [_, List<object?> others]):
                return Made(others.All(other => list.Any(element => Plain.Same(element, other)))
                    && list.All(element => others.Any(other => Plain.Same(element, other))));
            default:
                return null;
        }
    }

    private static object?[]? Optionals(string function, List<object?> a) => (function, a) switch
    {
        ("optional.of", [_]) => Made(new Optional(true, a[0])),
        ("optional.none", []) => Made(Optional.None),
        ("hasValue", [Optional optional]) => Made(optional.Has),
        ("value", [Optional optional]) => optional.Has ? Made(optional.Value) : throw Bad(),
        ("or", [Optional first, Optional second]) => Made(first.Has ? first : second),
        ("orValue", [Optional first, _]) => Made(first.Has ? first.Value : a[1]),
        _ => null,
    };
}
