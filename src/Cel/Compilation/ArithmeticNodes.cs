namespace PipeRoll.Cel.Compilation;

/// <summary>An arithmetic operator as a type argument.</summary>
internal interface IArithmetic
{
    /// <summary>Null, or why there is no result.</summary>
    static abstract CelError? Apply(long left, long right, out long result);

    static abstract double Apply(double left, double right);
}

internal readonly struct Addition : IArithmetic
{
    public static CelError? Apply(long left, long right, out long result)
    {
        result = unchecked(left + right);
        return ((left ^ result) & (right ^ result)) < 0 ? Errors.IntOverflow : null;
    }

    public static double Apply(double left, double right) => left + right;
}

internal readonly struct Subtraction : IArithmetic
{
    public static CelError? Apply(long left, long right, out long result)
    {
        result = unchecked(left - right);
        return ((left ^ right) & (left ^ result)) < 0 ? Errors.IntOverflow : null;
    }

    public static double Apply(double left, double right) => left - right;
}

internal readonly struct Multiplication : IArithmetic
{
    public static CelError? Apply(long left, long right, out long result)
    {
        long high = Math.BigMul(left, right, out result);
        return high != result >> 63 ? Errors.IntOverflow : null;
    }

    public static double Apply(double left, double right) => left * right;
}

internal readonly struct Division : IArithmetic
{
    public static CelError? Apply(long left, long right, out long result)
    {
        result = 0;
        if (right == 0)
        {
            return Errors.DivideByZero;
        }

        if (left == long.MinValue && right == -1)
        {
            return Errors.IntOverflow;
        }

        result = left / right;
        return null;
    }

    public static double Apply(double left, double right) => left / right;
}

internal readonly struct Remainder : IArithmetic
{
    public static CelError? Apply(long left, long right, out long result)
    {
        result = 0;
        if (right == 0)
        {
            return Errors.ModuloByZero;
        }

        if (left == long.MinValue && right == -1)
        {
            return Errors.IntOverflow;
        }

        result = left % right;
        return null;
    }

    public static double Apply(double left, double right) => throw new InvalidOperationException("Doubles have no remainder.");
}

internal sealed class IntArithmeticNode<TOperator>(Node left, Node right) : Node
    where TOperator : struct, IArithmetic
{
    public override CelValue Evaluate(ref Frame frame) =>
        TryInt(ref frame, out long result) ? CelValue.Int(result) : CelValue.Error(frame.Error!);

    public override bool TryInt(ref Frame frame, out long result)
    {
        result = 0;
        if (!left.TryInt(ref frame, out long a) || !right.TryInt(ref frame, out long b))
        {
            return false;
        }

        frame.Error = TOperator.Apply(a, b, out result);
        return frame.Error is null;
    }
}

internal sealed class DoubleArithmeticNode<TOperator>(Node left, Node right) : Node
    where TOperator : struct, IArithmetic
{
    public override CelValue Evaluate(ref Frame frame) =>
        TryDouble(ref frame, out double result) ? CelValue.Double(result) : CelValue.Error(frame.Error!);

    public override bool TryDouble(ref Frame frame, out double result)
    {
        if (!left.TryDouble(ref frame, out double a) || !right.TryDouble(ref frame, out double b))
        {
            result = 0;
            return false;
        }

        result = TOperator.Apply(a, b);
        return true;
    }
}
