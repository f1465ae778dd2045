namespace PipeRoll.Cel.Compilation;

/// <summary>
/// <c>a &amp;&amp; b &amp;&amp; …</c>: false if any term is, whatever the others; else the first error; else true
/// (cel-spec, langdef: "Logical Operators").
/// </summary>
internal sealed class AndNode(Node[] terms) : TestNode
{
    public override Truth Test(ref Frame frame)
    {
        CelError? first = null;
        foreach (Node term in terms)
        {
            switch (term.Test(ref frame))
            {
                case Truth.False:
                    return Truth.False;
                case Truth.Error:
                    first ??= frame.Error;
                    break;
                default:
                    break;
            }
        }

        frame.Error = first;
        return first is null ? Truth.True : Truth.Error;
    }
}

/// <summary><c>a || b || …</c>: true if any term is, whatever the others; else the first error; else false.</summary>
internal sealed class OrNode(Node[] terms) : TestNode
{
    public override Truth Test(ref Frame frame)
    {
        CelError? first = null;
        foreach (Node term in terms)
        {
            switch (term.Test(ref frame))
            {
                case Truth.True:
                    return Truth.True;
                case Truth.Error:
                    first ??= frame.Error;
                    break;
                default:
                    break;
            }
        }

        frame.Error = first;
        return first is null ? Truth.False : Truth.Error;
    }
}

internal sealed class NotNode(Node operand) : TestNode
{
    public override Truth Test(ref Frame frame) => operand.Test(ref frame) switch
    {
        Truth.True => Truth.False,
        Truth.False => Truth.True,
        _ => Truth.Error,
    };
}

/// <summary><c>condition ? a : b</c>: only the chosen side is evaluated.</summary>
internal sealed class ConditionalNode(Node condition, Node whenTrue, Node whenFalse) : Node
{
    public override CelValue Evaluate(ref Frame frame) => condition.Test(ref frame) switch
    {
        Truth.True => whenTrue.Evaluate(ref frame),
        Truth.False => whenFalse.Evaluate(ref frame),
        _ => CelValue.Error(frame.Error!),
    };

    public override Truth Test(ref Frame frame) => condition.Test(ref frame) switch
    {
        Truth.True => whenTrue.Test(ref frame),
        Truth.False => whenFalse.Test(ref frame),
        _ => Truth.Error,
    };

    public override bool TryInt(ref Frame frame, out long result)
    {
        Truth truth = condition.Test(ref frame);
        result = 0;
        return truth switch
        {
            Truth.True => whenTrue.TryInt(ref frame, out result),
            Truth.False => whenFalse.TryInt(ref frame, out result),
            _ => false,
        };
    }

    public override bool TryDouble(ref Frame frame, out double result)
    {
        Truth truth = condition.Test(ref frame);
        result = 0;
        return truth switch
        {
            Truth.True => whenTrue.TryDouble(ref frame, out result),
            Truth.False => whenFalse.TryDouble(ref frame, out result),
            _ => false,
        };
    }
}
