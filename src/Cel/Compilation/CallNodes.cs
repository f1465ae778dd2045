namespace PipeRoll.Cel.Compilation;

/// <summary>A call of one argument; the first overload that accepts its kind runs.</summary>
internal sealed class UnaryCallNode(string function, CelOverload[] overloads, Node argument) : Node
{
    private readonly bool _isSize = function == "size";

    public override CelValue Evaluate(ref Frame frame)
    {
        CelValue value = argument.Evaluate(ref frame);
        if (value.IsError)
        {
            return value;
        }

        // The size of a list or map is known without looking into it.
        if (!(_isSize && (value.Kind is CelKind.List or CelKind.Map)) && !frame.SpendReading(value))
        {
            return CelValue.Error(Errors.Budget);
        }

        foreach (CelOverload overload in overloads)
        {
            if (overload.Accepts([value]))
            {
                return frame.Paid(overload.Unary is not null ? overload.Unary(value) : overload.Invoke([value]));
            }
        }

        return CelValue.Error(Errors.NoOverload(function, [value]));
    }
}

/// <summary>A call of two arguments; the first overload that accepts their kinds runs.</summary>
internal sealed class BinaryCallNode(string function, CelOverload[] overloads, Node first, Node second) : Node
{
    public override CelValue Evaluate(ref Frame frame)
    {
        CelValue a = first.Evaluate(ref frame);
        if (a.IsError)
        {
            return a;
        }

        CelValue b = second.Evaluate(ref frame);
        if (b.IsError)
        {
            return b;
        }

        if (!frame.SpendReading(a) || !frame.SpendReading(b))
        {
            return CelValue.Error(Errors.Budget);
        }

        foreach (CelOverload overload in overloads)
        {
            if (overload.Accepts([a, b]))
            {
                return frame.Paid(overload.Binary is not null ? overload.Binary(a, b) : overload.Invoke([a, b]));
            }
        }

        return CelValue.Error(Errors.NoOverload(function, [a, b]));
    }
}

/// <summary>A call of any number of arguments.</summary>
internal sealed class CallNode(string function, CelOverload[] overloads, Node[] arguments) : Node
{
    private const int InlineCount = 4;

    public override CelValue Evaluate(ref Frame frame)
    {
        ArgumentBuffer buffer = default;
        Span<CelValue> values = arguments.Length <= InlineCount ? buffer : new CelValue[arguments.Length];
        values = values[..arguments.Length];
        for (int index = 0; index < arguments.Length; index++)
        {
            values[index] = arguments[index].Evaluate(ref frame);
            if (values[index].IsError)
            {
                return values[index];
            }

            if (!frame.SpendReading(values[index]))
            {
                return CelValue.Error(Errors.Budget);
            }
        }

        foreach (CelOverload overload in overloads)
        {
            if (overload.Accepts(values))
            {
                return frame.Paid(overload.Invoke(values));
            }
        }

        return CelValue.Error(Errors.NoOverload(function, values));
    }

    [System.Runtime.CompilerServices.InlineArray(InlineCount)]
    private struct ArgumentBuffer
    {
        private CelValue _first;
    }
}
