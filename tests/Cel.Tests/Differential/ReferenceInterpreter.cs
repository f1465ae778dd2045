using System.Globalization;
using System.Numerics;

namespace PipeRoll.Cel.Tests.Differential;

/// <summary>
/// A plain walk over the syntax tree with everything decided at run time: the specification written down as simply as possible,
/// to compare the compiled programs with. Knows no types, no slots, no constants; shares only values and the parser.
/// </summary>
internal sealed class ReferenceInterpreter(IReadOnlyDictionary<string, object?> variables)
{
    private readonly Dictionary<string, object?> _variables = new(variables, StringComparer.Ordinal);

    /// <summary>An evaluation error.</summary>
    internal sealed class Failure(string message) : Exception(message);

    /// <summary>The value: null, bool, long, ulong, double, string, byte[], Optional, List or Dictionary in a list of pairs.</summary>
    public object? Evaluate(CelExpr node) => node switch
    {
        CelExpr.Literal literal => Plain.Of(literal.Value),
        CelExpr.Ident ident => Read(_variables, ident.Name),
        CelExpr.Select select => Select(select),
        CelExpr.Call { Function: "_&&_" } call => Logic(call, decisive: false),
        CelExpr.Call { Function: "_||_" } call => Logic(call, decisive: true),
        CelExpr.Call { Function: "_?_:_" } call => Evaluate(Bool(call.Arguments[0]) ? call.Arguments[1] : call.Arguments[2]),
        CelExpr.Call call => Call(call),
        CelExpr.List list => List(list),
        CelExpr.Map map => Map(map),
        CelExpr.Comprehension comprehension => Comprehension(comprehension),
        CelExpr.Bind bind => Bind(bind),
        _ => throw new Failure("not in the reference"),
    };

    private static object? Read(Dictionary<string, object?> names, string name) =>
        names.TryGetValue(name, out object? value)
            ? value is Failure failure ? throw failure : value
            : throw new Failure("undeclared " + name);

    private bool Bool(CelExpr node) => Evaluate(node) is bool value ? value : throw new Failure("not bool");

    private List<object?> List(CelExpr.List list)
    {
        var made = new List<object?>();
        for (int index = 0; index < list.Elements.Length; index++)
        {
            object? element = Evaluate(list.Elements[index]);
            if (list.IsOptional[index])
            {
                var optional = element as Optional ?? throw new Failure("not optional");
                made.AddRange(optional.Has ? [optional.Value] : []);
                continue;
            }

            made.Add(element);
        }

        return made;
    }

    private object? Select(CelExpr.Select select)
    {
        if (select.IsOptional)
        {
            return Looked(Evaluate(select.Operand), select.Field);
        }

        if (Evaluate(select.Operand) is not List<KeyValuePair<object, object?>> map)
        {
            throw new Failure("no fields");
        }

        bool found = map.Any(entry => Plain.Same(entry.Key, select.Field));
        if (select.IsTest)
        {
            return found;
        }

        return found ? map.First(entry => Plain.Same(entry.Key, select.Field)).Value : throw new Failure("no such key");
    }

    private object Logic(CelExpr.Call call, bool decisive)
    {
        Failure? failure = null;
        foreach (CelExpr term in call.Arguments)
        {
            try
            {
                if (Bool(term) == decisive)
                {
                    return decisive;
                }
            }
            catch (Failure caught)
            {
                failure = caught;
            }
        }

        return failure is null ? !decisive : throw failure;
    }

    private List<KeyValuePair<object, object?>> Map(CelExpr.Map map)
    {
        var made = new List<KeyValuePair<object, object?>>();
        for (int index = 0; index < map.Keys.Length; index++)
        {
            object? key = Evaluate(map.Keys[index]);
            object? value = Evaluate(map.Values[index]);
            if (map.IsOptional[index])
            {
                var optional = value as Optional ?? throw new Failure("not optional");
                if (!optional.Has)
                {
                    continue;
                }

                value = optional.Value;
            }

            if (key is not (bool or long or ulong or string) || made.Any(entry => Plain.Same(entry.Key, key)))
            {
                throw new Failure("bad key");
            }

            made.Add(KeyValuePair.Create(key, value));
        }

        return made;
    }

    private object? Bind(CelExpr.Bind bind)
    {
        object? value;
        try
        {
            value = Evaluate(bind.Value);
        }
        catch (Failure failure)
        {
            value = failure;
        }

        return With(bind.Variable, value, () => Evaluate(bind.Body));
    }

    private T With<T>(string name, object? value, Func<T> body)
    {
        bool had = _variables.TryGetValue(name, out object? before);
        _variables[name] = value;
        try
        {
            return body();
        }
        finally
        {
            _variables.Remove(name);
            if (had)
            {
                _variables[name] = before;
            }
        }
    }

    // One or two variables: index and element of a list, key and value of a map.
    private T WithEntry<T>(CelExpr.Comprehension node, object? first, object? second, Func<T> body) => node.Variable2 is null
        ? With(node.Variable, first, body)
        : With(node.Variable, first, () => With(node.Variable2, second, body));

    private object TwoVariables(CelExpr.Comprehension node)
    {
        List<(object? First, object? Second)> entries = Evaluate(node.Range) switch
        {
            List<object?> list => [.. list.Select((element, index) => ((object?)(long)index, element))],
            List<KeyValuePair<object, object?>> map => [.. map.Select(entry => ((object?)entry.Key, entry.Value))],
            _ => throw new Failure("not iterable"),
        };
        bool Holds(CelExpr condition, (object? First, object? Second) entry) => WithEntry(node, entry.First, entry.Second, () => Bool(condition));
        object? Body((object? First, object? Second) entry) => WithEntry(node, entry.First, entry.Second, () => Evaluate(node.Body));
        switch (node.Macro)
        {
            case CelMacro.All or CelMacro.Exists:
                return Quantified([.. entries.Cast<object?>()], entry => Holds(node.Body, ((object?, object?))entry!), node.Macro == CelMacro.Exists);
            case CelMacro.ExistsOne:
                return entries.Where(entry => Holds(node.Body, entry)).ToList().Count == 1;
            case CelMacro.TransformList:
                return entries.Where(entry => node.Filter is null || Holds(node.Filter, entry)).Select(Body).ToList();
            default:
                var made = new List<KeyValuePair<object, object?>>();
                foreach ((object? First, object? Second) entry in entries.Where(entry => node.Filter is null || Holds(node.Filter, entry)))
                {
                    made.AddRange(node.Macro == CelMacro.TransformMap
                        ? [KeyValuePair.Create(entry.First!, Body(entry))]
                        : (List<KeyValuePair<object, object?>>)Body(entry)!);
                }

                return made.Any(entry => made.Count(other => Plain.Same(other.Key, entry.Key)) > 1) ? throw new Failure("repeated key") : made;
        }
    }

    private object Comprehension(CelExpr.Comprehension node)
    {
        if (node.Variable2 is not null)
        {
            return TwoVariables(node);
        }

        IEnumerable<object?> range = Evaluate(node.Range) switch
        {
            List<object?> list => list,
            List<KeyValuePair<object, object?>> map => map.Select(entry => (object?)entry.Key),
            _ => throw new Failure("not iterable"),
        };
        List<object?> elements = [.. range];
        bool Holds(CelExpr condition, object? element) => With(node.Variable, element, () => Bool(condition));
        switch (node.Macro)
        {
            case CelMacro.All:
                return Quantified(elements, element => Holds(node.Body, element), decisive: false);
            case CelMacro.Exists:
                return Quantified(elements, element => Holds(node.Body, element), decisive: true);
            case CelMacro.ExistsOne:
                return elements.Where(element => Holds(node.Body, element)).ToList().Count == 1;
            case CelMacro.Filter:
                return elements.Where(element => Holds(node.Body, element)).ToList();
            case CelMacro.Map:
                return elements.Where(element => node.Filter is null || Holds(node.Filter, element))
                    .Select(element => With(node.Variable, element, () => Evaluate(node.Body))).ToList();
            case CelMacro.SortBy:
                List<object?> keys = [.. elements.Select(element => With(node.Variable, element, () => Evaluate(node.Body)))];
                return Enumerable.Range(0, keys.Count).OrderBy(index => (long)keys[index]!).Select(index => elements[index]).ToList();
            default:
                throw new Failure("not in the reference");
        }
    }

    private static bool Quantified(List<object?> elements, Func<object?, bool> holds, bool decisive)
    {
        Failure? failure = null;
        foreach (object? element in elements)
        {
            try
            {
                if (holds(element) == decisive)
                {
                    return decisive;
                }
            }
            catch (Failure caught)
            {
                failure = caught;
            }
        }

        return failure is null ? !decisive : throw failure;
    }

    private object? Call(CelExpr.Call call)
    {
        // math.abs(x): the target is part of the name.
        bool isQualified = call.Target is CelExpr.Ident space && !_variables.ContainsKey(space.Name);
        string function = isQualified ? $"{((CelExpr.Ident)call.Target!).Name}.{call.Function}" : call.Function.TrimStart('.');
        List<object?> a = [.. (isQualified ? call.Arguments : call.Children).Select(Evaluate)];
        if (ReferenceLibrary.Call(function, a) is [object or null] made)
        {
            return made[0];
        }

        return (call.Function, a.Count) switch
        {
            ("_[?_]", 2) => Looked(a[0], a[1]),
            ("_==_", 2) => Plain.Same(a[0], a[1]),
            ("_!=_", 2) => !Plain.Same(a[0], a[1]),
            ("_<_", 2) => Plain.Order(a[0], a[1]) is < 0,
            ("_<=_", 2) => Plain.Order(a[0], a[1]) is <= 0,
            ("_>_", 2) => Plain.Order(a[0], a[1]) is > 0,
            ("_>=_", 2) => Plain.Order(a[0], a[1]) is >= 0,
            ("!_", 1) => a[0] is bool value ? !value : throw new Failure("not bool"),
            ("-_", 1) => Negated(a[0]),
            ("@in", 2) => In(a[0], a[1]),
            ("_[_]", 2) => Indexed(a[0], a[1]),
            ("_+_" or "_-_" or "_*_" or "_/_" or "_%_", 2) => Arithmetic(call.Function[1], a[0], a[1]),
            ("size", 1) => Size(a[0]),
            ("contains", 2) when a is [string text, string part] => text.Contains(part, StringComparison.Ordinal),
            ("startsWith", 2) when a is [string text, string part] => text.StartsWith(part, StringComparison.Ordinal),
            ("dyn", 1) => a[0],
            ("int", 1) when a[0] is long => a[0],
            ("string", 1) when a[0] is long number => number.ToString(CultureInfo.InvariantCulture),
            ("double", 1) when a[0] is long number => (double)number,
            _ => throw new Failure("no such overload"),
        };
    }

    private static object Negated(object? value) => value switch
    {
        long.MinValue => throw new Failure("overflow"),
        long number => (object)-number,
        double number => -number,
        _ => throw new Failure("no such overload"),
    };

    private static bool In(object? wanted, object? among) => among switch
    {
        List<object?> list => list.Any(element => Plain.Same(element, wanted)),
        List<KeyValuePair<object, object?>> map => map.Any(entry => Plain.Same(entry.Key, wanted)),
        _ => throw new Failure("no such overload"),
    };

    // The errors of looking up that mean "not there".
    private static Optional Looked(object? value, object? index)
    {
        if (value is Optional optional)
        {
            return optional.Has ? Looked(optional.Value, index) : Optional.None;
        }

        try
        {
            return new Optional(true, Indexed(value, index));
        }
        catch (Failure)
        {
            return Optional.None;
        }
    }

    private static object? Indexed(object? value, object? index)
    {
        switch (value)
        {
            case List<object?> list when index is long or ulong or double:
                int position = Enumerable.Range(0, list.Count).FirstOrDefault(candidate => Plain.Same((long)candidate, index), -1);
                return position >= 0 ? list[position] : throw new Failure("out of range");
            case List<KeyValuePair<object, object?>> map when map.Any(entry => Plain.Same(entry.Key, index)):
                return map.First(entry => Plain.Same(entry.Key, index)).Value;
            default:
                throw new Failure("no such key");
        }
    }

    private static long Size(object? value) => value switch
    {
        string text => text.EnumerateRunes().Count(),
        byte[] bytes => bytes.Length,
        List<object?> list => list.Count,
        List<KeyValuePair<object, object?>> map => map.Count,
        _ => throw new Failure("no such overload"),
    };

    private static object Arithmetic(char operation, object? left, object? right)
    {
        switch (left, right)
        {
            case (long a, long b):
                BigInteger wide = Whole(operation, a, b);
                return wide >= long.MinValue && wide <= long.MaxValue ? (long)wide : throw new Failure("overflow");
            case (ulong a, ulong b):
                BigInteger positive = Whole(operation, a, b);
                return positive >= 0 && positive <= ulong.MaxValue ? (ulong)positive : throw new Failure("overflow");
            case (double a, double b) when operation != '%':
                return operation switch { '+' => a + b, '-' => a - b, '*' => a * b, _ => a / b };
            case (string a, string b) when operation == '+':
                return a + b;
            case (List<object?> a, List<object?> b) when operation == '+':
                return a.Concat(b).ToList();
            default:
                throw new Failure("no such overload");
        }
    }

    private static BigInteger Whole(char operation, BigInteger a, BigInteger b)
    {
        if (operation is '/' or '%' && b == 0)
        {
            throw new Failure("division by zero");
        }

        // The remainder of the smallest int and -1 is 0, yet an overflow by the specification.
        BigInteger remainder = operation == '%' && a == long.MinValue && b == -1 ? BigInteger.Pow(2, 70) : 0;
        return operation switch
        {
            '+' => a + b,
            '-' => a - b,
            '*' => a * b,
            '/' => BigInteger.Divide(a, b),
            _ => remainder + BigInteger.Remainder(a, b),
        };
    }
}
