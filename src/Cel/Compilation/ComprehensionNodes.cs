namespace PipeRoll.Cel.Compilation;

/// <summary>What a macro iterates over, and where it puts the current entry.</summary>
/// <param name="Range">The list or map.</param>
/// <param name="First">Local of the element or key; with two variables of the index or key.</param>
/// <param name="Second">Local of the element or value; -1 with one variable.</param>
internal sealed record Loop(Node Range, int First, int Second)
{
    /// <summary>The list or map to iterate over, or the error.</summary>
    public CelValue Open(ref Frame frame)
    {
        CelValue range = Range.Evaluate(ref frame);
        return range.Kind is CelKind.List or CelKind.Map or CelKind.Error ? range : CelValue.Error(Errors.NotIterable);
    }

    public static int Count(in CelValue range) => range.Kind == CelKind.List ? range.ListValue.Count : range.MapValue.Count;

    /// <summary>Sets the variables for one iteration; false when the budget is spent.</summary>
    public bool Enter(ref Frame frame, in CelValue range, int index)
    {
        if (!frame.Spend(1))
        {
            return false;
        }

        if (Second < 0)
        {
            frame.Locals[First] = range.Kind == CelKind.List ? range.ListValue[index] : range.MapValue.KeyAt(index);
        }
        else
        {
            bool isList = range.Kind == CelKind.List;
            frame.Locals[First] = isList ? CelValue.Int(index) : range.MapValue.KeyAt(index);
            frame.Locals[Second] = isList ? range.ListValue[index] : range.MapValue.ValueAt(index);
        }

        return true;
    }
}

/// <summary>
/// <c>all</c> (stops at false) and <c>exists</c> (stops at true): like a chain of &amp;&amp; or ||, absorbing errors.
/// </summary>
internal sealed class QuantifierNode(Loop loop, Node body, bool isAll) : TestNode
{
    public override Truth Test(ref Frame frame)
    {
        CelValue range = loop.Open(ref frame);
        if (range.IsError)
        {
            frame.Error = range.ErrorValue;
            return Truth.Error;
        }

        Truth decisive = isAll ? Truth.False : Truth.True;
        CelError? first = null;
        int count = Loop.Count(range);
        for (int index = 0; index < count; index++)
        {
            if (!loop.Enter(ref frame, range, index))
            {
                frame.Error = Errors.Budget;
                return Truth.Error;
            }

            Truth truth = body.Test(ref frame);
            if (truth == decisive)
            {
                return decisive;
            }

            if (truth == Truth.Error)
            {
                first ??= frame.Error;
            }
        }

        frame.Error = first;
        return first is not null ? Truth.Error : isAll ? Truth.True : Truth.False;
    }
}

/// <summary><c>exists_one</c>: looks at all elements; any error is the result.</summary>
internal sealed class ExistsOneNode(Loop loop, Node body) : TestNode
{
    public override Truth Test(ref Frame frame)
    {
        CelValue range = loop.Open(ref frame);
        if (range.IsError)
        {
            frame.Error = range.ErrorValue;
            return Truth.Error;
        }

        int found = 0;
        int count = Loop.Count(range);
        for (int index = 0; index < count; index++)
        {
            if (!loop.Enter(ref frame, range, index))
            {
                frame.Error = Errors.Budget;
                return Truth.Error;
            }

            switch (body.Test(ref frame))
            {
                case Truth.Error:
                    return Truth.Error;
                case Truth.True:
                    found++;
                    break;
                default:
                    break;
            }
        }

        return found == 1 ? Truth.True : Truth.False;
    }
}

/// <summary><c>map</c>, <c>filter</c>, <c>transformList</c>: a list of the body's values, or of the elements themselves.</summary>
internal sealed class CollectNode(Loop loop, Node? filter, Node? body) : Node
{
    public override CelValue Evaluate(ref Frame frame)
    {
        CelValue range = loop.Open(ref frame);
        if (range.IsError)
        {
            return range;
        }

        int count = Loop.Count(range);
        var made = new List<CelValue>(Math.Min(count, 64));
        for (int index = 0; index < count; index++)
        {
            if (!loop.Enter(ref frame, range, index))
            {
                return CelValue.Error(Errors.Budget);
            }

            // The element is read before the filter or body can reuse its place.
            CelValue value = frame.Locals[loop.First];
            Truth keep = filter is null ? Truth.True : filter.Test(ref frame);
            if (keep == Truth.Error)
            {
                return CelValue.Error(frame.Error!);
            }

            if (keep == Truth.False)
            {
                continue;
            }

            value = body is null ? value : body.Evaluate(ref frame);
            if (value.IsError)
            {
                return value;
            }

            made.Add(value);
        }

        return frame.Paid(CelValue.List(CelList.Of(made)));
    }
}

/// <summary><c>transformMap</c> (new values for the keys) and <c>transformMapEntry</c> (new entries).</summary>
internal sealed class CollectMapNode(Loop loop, Node? filter, Node body, bool makesEntries) : Node
{
    public override CelValue Evaluate(ref Frame frame)
    {
        CelValue range = loop.Open(ref frame);
        if (range.IsError)
        {
            return range;
        }

        int count = Loop.Count(range);
        var made = new CelHashMap(Math.Min(count, 64));
        for (int index = 0; index < count; index++)
        {
            if (!loop.Enter(ref frame, range, index))
            {
                return CelValue.Error(Errors.Budget);
            }

            CelValue key = frame.Locals[loop.First];
            Truth keep = filter is null ? Truth.True : filter.Test(ref frame);
            if (keep == Truth.Error)
            {
                return CelValue.Error(frame.Error!);
            }

            if (keep == Truth.False)
            {
                continue;
            }

            CelValue value = body.Evaluate(ref frame);
            CelError? error = value.IsError ? value.ErrorValue : makesEntries ? AddEntries(made, value) : Add(made, key, value);
            if (error is not null)
            {
                return CelValue.Error(error);
            }
        }

        return frame.Paid(CelValue.Map(made));
    }

    private static CelError? AddEntries(CelHashMap map, in CelValue entries)
    {
        if (entries.Kind != CelKind.Map)
        {
            return Errors.NotIterable;
        }

        for (int index = 0; index < entries.MapValue.Count; index++)
        {
            CelError? error = Add(map, entries.MapValue.KeyAt(index), entries.MapValue.ValueAt(index));
            if (error is not null)
            {
                return error;
            }
        }

        return null;
    }

    private static CelError? Add(CelHashMap map, in CelValue key, in CelValue value) =>
        map.TryAdd(key, value) ? null : Errors.RepeatedKey(key);
}

/// <summary><c>sortBy</c>: the elements in the order of their keys; equal keys keep their order.</summary>
internal sealed class SortByNode(Loop loop, Node key) : Node
{
    public override CelValue Evaluate(ref Frame frame)
    {
        CelValue range = loop.Open(ref frame);
        if (range.IsError)
        {
            return range;
        }

        int count = Loop.Count(range);
        var keys = new CelValue[count];
        var elements = new CelValue[count];
        for (int index = 0; index < count; index++)
        {
            if (!loop.Enter(ref frame, range, index))
            {
                return CelValue.Error(Errors.Budget);
            }

            elements[index] = frame.Locals[loop.First];
            keys[index] = key.Evaluate(ref frame);
            if (keys[index].IsError)
            {
                return keys[index];
            }
        }

        return Functions.Sorting.Sorted(elements, keys);
    }
}

/// <summary><c>cel.bind</c>. An error of the value is an error only where the variable is used.</summary>
internal sealed class BindNode(int local, Node value, Node body) : Node
{
    public override CelValue Evaluate(ref Frame frame)
    {
        frame.Locals[local] = value.Evaluate(ref frame);
        return body.Evaluate(ref frame);
    }

    public override Truth Test(ref Frame frame)
    {
        frame.Locals[local] = value.Evaluate(ref frame);
        return body.Test(ref frame);
    }
}
