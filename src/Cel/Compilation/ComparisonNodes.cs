using System.Collections.Frozen;
using System.Runtime.CompilerServices;
using System.Text;

namespace PipeRoll.Cel.Compilation;

/// <summary>A comparison operator as a type argument, so that each node is specialised for it.</summary>
internal interface IComparison
{
    static abstract bool Holds(long left, long right);

    static abstract bool Holds(double left, double right);

    /// <summary>For an order that exists and is not that of NaN.</summary>
    static abstract bool Holds(CelOrder order);
}

internal readonly struct EqualTo : IComparison
{
    public static bool Holds(long left, long right) => left == right;

    public static bool Holds(double left, double right) => left == right;

    public static bool Holds(CelOrder order) => order == CelOrder.Equal;
}

internal readonly struct NotEqualTo : IComparison
{
    public static bool Holds(long left, long right) => left != right;

    public static bool Holds(double left, double right) => left != right;

    public static bool Holds(CelOrder order) => order != CelOrder.Equal;
}

internal readonly struct LessThan : IComparison
{
    public static bool Holds(long left, long right) => left < right;

    public static bool Holds(double left, double right) => left < right;

    public static bool Holds(CelOrder order) => order == CelOrder.Less;
}

internal readonly struct LessOrEqualTo : IComparison
{
    public static bool Holds(long left, long right) => left <= right;

    public static bool Holds(double left, double right) => left <= right;

    public static bool Holds(CelOrder order) => order is CelOrder.Less or CelOrder.Equal;
}

internal readonly struct GreaterThan : IComparison
{
    public static bool Holds(long left, long right) => left > right;

    public static bool Holds(double left, double right) => left > right;

    public static bool Holds(CelOrder order) => order == CelOrder.Greater;
}

internal readonly struct GreaterOrEqualTo : IComparison
{
    public static bool Holds(long left, long right) => left >= right;

    public static bool Holds(double left, double right) => left >= right;

    public static bool Holds(CelOrder order) => order is CelOrder.Greater or CelOrder.Equal;
}

internal sealed class IntComparisonNode<TComparison>(Node left, Node right) : TestNode
    where TComparison : struct, IComparison
{
    public override Truth Test(ref Frame frame)
    {
        if (!left.TryInt(ref frame, out long a) || !right.TryInt(ref frame, out long b))
        {
            return Truth.Error;
        }

        return TComparison.Holds(a, b) ? Truth.True : Truth.False;
    }
}

internal sealed class IntConstantComparisonNode<TComparison>(Node left, long right) : TestNode
    where TComparison : struct, IComparison
{
    public override Truth Test(ref Frame frame)
    {
        if (!left.TryInt(ref frame, out long a))
        {
            return Truth.Error;
        }

        return TComparison.Holds(a, right) ? Truth.True : Truth.False;
    }
}

internal sealed class DoubleComparisonNode<TComparison>(Node left, Node right) : TestNode
    where TComparison : struct, IComparison
{
    public override Truth Test(ref Frame frame)
    {
        if (!left.TryDouble(ref frame, out double a) || !right.TryDouble(ref frame, out double b))
        {
            return Truth.Error;
        }

        return TComparison.Holds(a, b) ? Truth.True : Truth.False;
    }
}

internal sealed class DoubleConstantComparisonNode<TComparison>(Node left, double right) : TestNode
    where TComparison : struct, IComparison
{
    public override Truth Test(ref Frame frame)
    {
        if (!left.TryDouble(ref frame, out double a))
        {
            return Truth.Error;
        }

        return TComparison.Holds(a, right) ? Truth.True : Truth.False;
    }
}

/// <summary>Order of values of any kinds.</summary>
internal sealed class OrderNode<TComparison>(Node left, Node right, string function) : TestNode
    where TComparison : struct, IComparison
{
    public override Truth Test(ref Frame frame)
    {
        CelValue a = left.Evaluate(ref frame);
        if (a.IsError)
        {
            frame.Error = a.ErrorValue;
            return Truth.Error;
        }

        CelValue b = right.Evaluate(ref frame);
        if (b.IsError)
        {
            frame.Error = b.ErrorValue;
            return Truth.Error;
        }

        if (!frame.SpendReading(a))
        {
            frame.Error = Errors.Budget;
            return Truth.Error;
        }

        CelOrder order = CelValue.Compare(a, b);
        if (order == CelOrder.None)
        {
            frame.Error = Errors.NoOverload(function, [a, b]);
            return Truth.Error;
        }

        return TComparison.Holds(order) ? Truth.True : Truth.False;
    }
}

/// <summary>Equality of values of any kinds, or its opposite.</summary>
internal sealed class EqualityNode(Node left, Node right, bool wanted) : TestNode
{
    public override Truth Test(ref Frame frame)
    {
        CelValue a = left.Evaluate(ref frame);
        if (a.IsError)
        {
            frame.Error = a.ErrorValue;
            return Truth.Error;
        }

        CelValue b = right.Evaluate(ref frame);
        if (b.IsError)
        {
            frame.Error = b.ErrorValue;
            return Truth.Error;
        }

        if (!frame.SpendReading(a))
        {
            frame.Error = Errors.Budget;
            return Truth.Error;
        }

        return CelValue.AreEqual(a, b) == wanted ? Truth.True : Truth.False;
    }
}

/// <summary><c>text == 'constant'</c> or its opposite.</summary>
internal sealed class StringConstantEqualityNode(Node left, string right, bool wanted) : TestNode
{
    private readonly byte[]? _utf8 = Utf8Constant.Of(right);

    public override Truth Test(ref Frame frame)
    {
        if (_utf8 is not null && left.TryUtf8(ref frame, out ReadOnlySpan<byte> text))
        {
            return text.SequenceEqual(_utf8) == wanted ? Truth.True : Truth.False;
        }

        CelValue a = left.Evaluate(ref frame);
        if (a.IsError)
        {
            frame.Error = a.ErrorValue;
            return Truth.Error;
        }

        bool equal = a.Kind == CelKind.String && string.Equals(a.StringValue, right);
        return equal == wanted ? Truth.True : Truth.False;
    }
}

/// <summary>Membership in a list or among the keys of a map.</summary>
internal sealed class InNode(Node element, Node container) : TestNode
{
    public override Truth Test(ref Frame frame)
    {
        CelValue wanted = element.Evaluate(ref frame);
        if (wanted.IsError)
        {
            frame.Error = wanted.ErrorValue;
            return Truth.Error;
        }

        CelValue among = container.Evaluate(ref frame);
        if (among.Kind == CelKind.List && !frame.SpendReading(among))
        {
            frame.Error = Errors.Budget;
            return Truth.Error;
        }

        switch (among.Kind)
        {
            case CelKind.List:
                CelList list = among.ListValue;
                for (int index = 0; index < list.Count; index++)
                {
                    if (CelValue.AreEqual(list[index], wanted))
                    {
                        return Truth.True;
                    }
                }

                return Truth.False;
            case CelKind.Map:
                return among.MapValue.TryGet(wanted, out _) ? Truth.True : Truth.False;
            default:
                frame.Error = among.IsError ? among.ErrorValue : Errors.NoOverload(Operators.In, [wanted, among]);
                return Truth.Error;
        }
    }
}

/// <summary>Membership in a constant list of strings.</summary>
internal sealed class InStringsNode : TestNode
{
    /// <summary>Up to here comparing with each is as fast as a hash.</summary>
    private const int FewMax = 8;

    private readonly Node _element;
    private readonly FrozenSet<string> _elements;

    /// <summary>Null if there are more than a few.</summary>
    private readonly byte[][]? _few;

    public InStringsNode(Node element, IEnumerable<string> elements)
    {
        _element = element;
        _elements = elements.ToFrozenSet(StringComparer.Ordinal);
        byte[]?[] utf8 = [.. _elements.Take(FewMax + 1).Select(Utf8Constant.Of)];
        _few = utf8.Length <= FewMax && !utf8.Contains(null) ? [.. utf8.OfType<byte[]>()] : null;
    }

    public override Truth Test(ref Frame frame)
    {
        if (_few is not null && _element.TryUtf8(ref frame, out ReadOnlySpan<byte> text))
        {
            foreach (byte[] one in _few)
            {
                if (text.SequenceEqual(one))
                {
                    return Truth.True;
                }
            }

            return Truth.False;
        }

        CelValue wanted = _element.Evaluate(ref frame);
        switch (wanted.Kind)
        {
            case CelKind.String:
                return _elements.Contains(Unsafe.As<string>(wanted.RawReference!)) ? Truth.True : Truth.False;
            case CelKind.Error:
                frame.Error = wanted.ErrorValue;
                return Truth.Error;
            default:
                return Truth.False;
        }
    }
}

/// <summary>Membership in a constant list: a hash look-up, without allocation.</summary>
internal sealed class InConstantNode(Node element, IEnumerable<CelValue> elements) : TestNode
{
    // NaN equals nothing, itself included, so it is not among the elements.
    private readonly HashSet<CelValue> _elements = [.. elements.Where(value => CelValue.AreEqual(value, value))];

    public override Truth Test(ref Frame frame)
    {
        CelValue wanted = element.Evaluate(ref frame);
        if (wanted.IsError)
        {
            frame.Error = wanted.ErrorValue;
            return Truth.Error;
        }

        return _elements.Contains(wanted) ? Truth.True : Truth.False;
    }
}

/// <summary>A constant text as UTF-8.</summary>
internal static class Utf8Constant
{
    /// <summary>Null for half of a surrogate pair: it has no UTF-8, and so equals none.</summary>
    public static byte[]? Of(string text)
    {
        byte[] utf8 = Encoding.UTF8.GetBytes(text);
        return Encoding.UTF8.GetString(utf8) == text ? utf8 : null;
    }
}
