using PipeRoll.Cel.Checking;

namespace PipeRoll.Cel.Costs;

/// <summary>
/// The most that an evaluation can spend of its budget, from the expression alone and the sizes that its variables are declared or
/// assumed to have. Follows what the nodes of the compiler spend (an iteration 1, what is made its weight, what is read a part of it), and
/// counts every node that is visited besides, so that it is never less. One use, one thread.
/// </summary>
internal sealed class CostEstimator
{
    private const int ReadPerUnit = 32;

    // Of an IP address or network, and of values of enumerations.
    private const int AddressLength = 64;
    private readonly CelEnvironment _environment;
    private readonly CheckedTree _tree;
    private readonly Dictionary<int, Bound> _locals = [];
    private readonly Dictionary<CelExpr, long> _costs = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<CelExpr, long> _times = new(ReferenceEqualityComparer.Instance);
    private readonly Bound _inner;
    private readonly Bound _unknown;

    private CostEstimator(CelEnvironment environment, CheckedTree tree)
    {
        _environment = environment;
        _tree = tree;
        CelLimits limits = environment.Limits;

        // A value of unknown type inside another one: all of it together is an element.
        _inner = new Bound(limits.AssumedElementLength, Math.Min(limits.AssumedCount, limits.AssumedElementLength));
        _unknown = Bound.Map(limits.AssumedCount, _inner, _inner);
    }

    /// <summary>The most that the expression can spend, and where most of it goes.</summary>
    public static CelCost Estimate(CelEnvironment environment, CheckedTree tree)
    {
        var estimator = new CostEstimator(environment, tree);
        estimator.Visit(tree.Root);
        return estimator.Explain();
    }

    private Bound Visit(CelExpr node)
    {
        (long cost, Bound bound) = _tree.Resolved(node) switch
        {
            Resolution.Failure => (1, Bound.Scalar),
            Resolution.Constant constant => (1, Bound.Of(constant.Value)),
            Resolution.Variable variable => (1, OfField(_environment.Variables[variable.Slot])),
            Resolution.Local local => (1, _locals.GetValueOrDefault(local.Index, _unknown)),
            _ => node switch
            {
                CelExpr.Literal literal => (1, Bound.Of(literal.Value)),
                CelExpr.Select select => VisitSelect(select),
                CelExpr.Call call => VisitCall(call),
                CelExpr.List list => VisitList(list),
                CelExpr.Map map => VisitMap(map),
                CelExpr.Struct made => VisitStruct(made),
                CelExpr.Comprehension comprehension => VisitComprehension(comprehension),
                CelExpr.Bind bind => VisitBind(bind),
                _ => (1L, _unknown),
            },
        };
        _costs[node] = cost;
        return bound;
    }

    private long CostOf(CelExpr node) => _costs[node];

    private static long Read(Bound bound) => bound.Weight / ReadPerUnit;

    private Bound OfField(CelField field) => OfType(field.Type, inside: false, field.SizeMax);

    private Bound OfType(CelType type, bool inside, long? sizeMax = null)
    {
        CelLimits limits = _environment.Limits;
        switch (type.Kind)
        {
            case CelTypeKind.String or CelTypeKind.Bytes:
                return Bound.Text(sizeMax ?? (inside ? limits.AssumedElementLength : limits.AssumedLength));
            case CelTypeKind.List:
                return Bound.List(sizeMax ?? limits.AssumedCount, OfType(type.Parameters[0], inside: true));
            case CelTypeKind.Map:
                return Bound.Map(
                    sizeMax ?? limits.AssumedCount, OfType(type.Parameters[0], inside: true), OfType(type.Parameters[1], inside: true));
            case CelTypeKind.Optional:
                Bound value = OfType(type.Parameters[0], inside);
                return new Bound(Bound.Add(1, value.Weight), 1, value);
            case CelTypeKind.Nullable:
                return OfType(type.Parameters[0], inside, sizeMax);
            case CelTypeKind.Struct when type.StructType is { CanBeBuilt: false }:
                return Bound.Text(AddressLength);
            default:
                return FunctionBounds.IsScalar(type) ? Bound.Scalar : inside ? _inner : _unknown;
        }
    }

    private (long Cost, Bound Bound) VisitSelect(CelExpr.Select select)
    {
        Bound operand = Visit(select.Operand);
        long cost = Bound.Add(1, CostOf(select.Operand));
        Bound field = _tree.Resolved(select) is Resolution.Field known ? OfField(known.Type.Fields[known.Index])
            : _tree.TypeOf(select.Operand).Kind == CelTypeKind.Optional ? operand.Inside.Inside
            : operand.Inside;
        if (select.IsTest)
        {
            return (cost, Bound.Scalar);
        }

        return _tree.TypeOf(select).Kind == CelTypeKind.Optional ? (cost, new Bound(Bound.Add(1, field.Weight), 1, field)) : (cost, field);
    }

    private (long Cost, Bound Bound) VisitCall(CelExpr.Call call)
    {
        if (call.Function is Operators.And or Operators.Or)
        {
            return (Sum(call.Arguments, 1), Bound.Scalar);
        }

        if (_tree.Resolved(call) is not Resolution.Function function)
        {
            return (1, _unknown);
        }

        CelExpr[] expressions = [.. function.UsesTarget ? call.Arguments.Insert(0, call.Target!) : call.Arguments];
        Bound[] arguments = [.. expressions.Select(Visit)];
        if (call.Function == Operators.Conditional)
        {
            long branch = Math.Max(CostOf(expressions[1]), CostOf(expressions[2]));
            return (Bound.Add(Bound.Add(1, CostOf(expressions[0])), branch), arguments[1].Or(arguments[2]));
        }

        bool readsAll = call.Function is not (Operators.Index or Operators.OptionalIndex)
            && !(call.Function == "size" && (_tree.TypeOf(expressions[0]).Kind is CelTypeKind.List or CelTypeKind.Map));
        long cost = 1;
        for (int index = 0; index < arguments.Length; index++)
        {
            cost = Bound.Add(cost, Bound.Add(CostOf(expressions[index]), readsAll ? Read(arguments[index]) : 0));
        }

        Bound result = FunctionBounds.Of(function.Name, arguments, expressions, _tree.TypeOf(call), OfType(_tree.TypeOf(call), inside: false));
        return (Bound.Add(cost, Own(function.Name, arguments, result)), result);
    }

    // What a function does beyond reading its arguments.
    private static long Own(string name, Bound[] arguments, Bound result) => name switch
    {
        Operators.Index or Operators.OptionalIndex => 0,
        Operators.In => arguments[1].Key is { } key && !ReferenceEquals(key, Bound.Scalar) ? 1 : arguments[1].Count,
        "matches" => arguments[0].Count,
        "sets.contains" or "sets.equivalent" or "sets.intersects" => Bound.Multiply(2, Bound.Multiply(arguments[0].Count, arguments[1].Count)),
        "distinct" => Bound.Add(result.Weight, Bound.Multiply(arguments[0].Count, arguments[0].Count)),
        _ => result.Weight,
    };

    private long Sum(IEnumerable<CelExpr> nodes, long own)
    {
        foreach (CelExpr node in nodes)
        {
            Visit(node);
            own = Bound.Add(own, CostOf(node));
        }

        return own;
    }

    private (long Cost, Bound Bound) VisitList(CelExpr.List list)
    {
        Bound element = Bound.Scalar with { Number = 0 };
        long weight = 0;
        long cost = 1;
        foreach (CelExpr each in list.Elements)
        {
            Bound bound = Visit(each);
            element = element.Or(bound);
            weight = Bound.Add(weight, Bound.Add(1, bound.Weight));
            cost = Bound.Add(cost, CostOf(each));
        }

        return (Bound.Add(cost, weight), Bound.List(list.Elements.Length, element) with { Weight = weight });
    }

    private (long Cost, Bound Bound) VisitMap(CelExpr.Map map)
    {
        Bound key = Bound.Scalar with { Number = 0 };
        Bound value = key;
        long weight = 0;
        long cost = 1;
        for (int index = 0; index < map.Keys.Length; index++)
        {
            Bound keyBound = Visit(map.Keys[index]);
            Bound valueBound = Visit(map.Values[index]);
            key = key.Or(keyBound);
            value = value.Or(valueBound);
            weight = Bound.Add(weight, Bound.Add(1, Bound.Add(keyBound.Weight, valueBound.Weight)));
            cost = Bound.Add(cost, Bound.Add(CostOf(map.Keys[index]), CostOf(map.Values[index])));
        }

        return (Bound.Add(cost, weight), Bound.Map(map.Keys.Length, key, value) with { Weight = weight });
    }

    private (long Cost, Bound Bound) VisitStruct(CelExpr.Struct made)
    {
        int fields = _tree.Resolved(made) is Resolution.Struct resolved ? resolved.Type.Fields.Count : made.Fields.Length;
        long weight = Bound.Add(1, fields);
        long cost = 1;
        Bound inside = Bound.Scalar;
        foreach (CelExpr value in made.Values)
        {
            Bound bound = Visit(value);
            inside = inside.Or(bound);
            weight = Bound.Add(weight, Bound.Add(1, bound.Weight));
            cost = Bound.Add(cost, CostOf(value));
        }

        return (Bound.Add(cost, weight), new Bound(weight, Math.Max(fields, inside.Count), inside, inside));
    }

    private (long Cost, Bound Bound) VisitBind(CelExpr.Bind bind)
    {
        Bound value = Visit(bind.Value);
        _locals[((Resolution.Locals)_tree.Resolved(bind)!).First] = value;
        Bound body = Visit(bind.Body);
        return (Bound.Add(1, Bound.Add(CostOf(bind.Value), CostOf(bind.Body))), body);
    }

    private (long Cost, Bound Bound) VisitComprehension(CelExpr.Comprehension node)
    {
        Bound range = Visit(node.Range);
        Enter(node, range);
        Bound filter = node.Filter is null ? Bound.Scalar : Visit(node.Filter);
        Bound body = Visit(node.Body);
        long times = range.Count;
        _times[node] = times;
        long each = Bound.Add(1, Bound.Add(node.Filter is null ? 0 : CostOf(node.Filter), CostOf(node.Body)));
        long cost = Bound.Add(1, Bound.Add(CostOf(node.Range), Bound.Multiply(times, each)));
        Bound result = node.Macro switch
        {
            CelMacro.All or CelMacro.Exists or CelMacro.ExistsOne => Bound.Scalar,
            CelMacro.Filter => range with { Element = Elements(node, range) },
            CelMacro.Map or CelMacro.TransformList => Bound.List(times, body),
            CelMacro.TransformMap => Bound.Map(times, range.Key ?? range.Inside, body),
            CelMacro.TransformMapEntry => Bound.Map(Bound.Multiply(times, body.Count), body.Key ?? body.Inside, body.Inside),
            _ => range,
        };
        long sorting = node.Macro == CelMacro.SortBy ? Bound.Multiply(times, 64) : 0;
        return (Bound.Add(Bound.Add(cost, sorting), result.Weight), result);
    }

    // What a filtered list has: elements, or the keys of a map.
    private Bound Elements(CelExpr.Comprehension node, Bound range) =>
        _tree.TypeOf(node.Range).Kind == CelTypeKind.List ? range.Inside : range.Inside.Or(range.Key ?? range.Inside);

    // With one variable: the element of a list, the key of a map. With two: index and element, or key and value.
    private void Enter(CelExpr.Comprehension node, Bound range)
    {
        var locals = (Resolution.Locals)_tree.Resolved(node)!;
        CelTypeKind kind = _tree.TypeOf(node.Range).Kind;
        Bound key = range.Key ?? range.Inside;
        Bound index = Bound.Scalar with { Number = range.Count };
        if (node.Variable2 is null)
        {
            _locals[locals.First] = kind switch
            {
                CelTypeKind.List => range.Inside,
                CelTypeKind.Map => key,
                _ => range.Inside.Or(key),
            };
            return;
        }

        _locals[locals.First] = kind switch
        {
            CelTypeKind.List => index,
            CelTypeKind.Map => key,
            _ => key.Or(index),
        };
        _locals[locals.Second] = range.Inside;
    }

    // Goes down to the node in which most of the cost arises.
    private CelCost Explain()
    {
        CelExpr at = _tree.Root;
        CelExpr shown = at;
        long times = 1;
        long shownTimes = 1;
        while (true)
        {
            if (at is CelExpr.Comprehension loop)
            {
                shown = at;
                shownTimes = times = Bound.Multiply(times, _times[loop]);
            }

            CelExpr? next = at.Children.Where(_costs.ContainsKey).MaxBy(child => Share(at, child));
            if (next is null || Share(at, next) <= _costs[at] / 2)
            {
                break;
            }

            if (at is CelExpr.Comprehension && next == ((CelExpr.Comprehension)at).Range)
            {
                times /= Math.Max(1, _times[at]);
            }

            at = next;
        }

        if (shown is not CelExpr.Comprehension)
        {
            shown = at;
        }

        return new CelCost(_costs[_tree.Root], shown.Offset, shown.Length, shownTimes);
    }

    private long Share(CelExpr parent, CelExpr child) => parent is CelExpr.Comprehension loop && child != loop.Range
        ? Bound.Multiply(_times[loop], _costs[child])
        : _costs[child];
}
