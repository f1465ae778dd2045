namespace PipeRoll.Cel.Compilation;

/// <summary>
/// A compiled expression: an immutable object with one virtual method per shape of result. Callers that know the type ask by
/// the typed method, which passes no <see cref="CelValue"/> around where the node overrides it.
/// </summary>
internal abstract class Node
{
    public abstract CelValue Evaluate(ref Frame frame);

    /// <summary>Evaluates a condition.</summary>
    public virtual Truth Test(ref Frame frame)
    {
        CelValue value = Evaluate(ref frame);
        if (value.Kind == CelKind.Bool)
        {
            return value.RawBits != 0 ? Truth.True : Truth.False;
        }

        frame.Error = value.IsError ? value.ErrorValue : Errors.NotBool;
        return Truth.Error;
    }

    /// <summary>A text that can be had as valid UTF-8; false if it must be asked for by <see cref="Evaluate"/>.</summary>
    public virtual bool TryUtf8(scoped ref Frame frame, out ReadOnlySpan<byte> utf8)
    {
        utf8 = default;
        return false;
    }

    /// <summary>Evaluates to an int; false with <see cref="Frame.Error"/> otherwise.</summary>
    public virtual bool TryInt(ref Frame frame, out long result)
    {
        CelValue value = Evaluate(ref frame);
        result = value.RawBits;
        if (value.Kind == CelKind.Int)
        {
            return true;
        }

        frame.Error = value.IsError ? value.ErrorValue : Errors.NotInt;
        return false;
    }

    /// <summary>Evaluates to a double; false with <see cref="Frame.Error"/> otherwise.</summary>
    public virtual bool TryDouble(ref Frame frame, out double result)
    {
        CelValue value = Evaluate(ref frame);
        result = BitConverter.Int64BitsToDouble(value.RawBits);
        if (value.Kind == CelKind.Double)
        {
            return true;
        }

        frame.Error = value.IsError ? value.ErrorValue : Errors.NotDouble;
        return false;
    }
}

/// <summary>A node whose own shape is a condition.</summary>
internal abstract class TestNode : Node
{
    public sealed override CelValue Evaluate(ref Frame frame) => Test(ref frame) switch
    {
        Truth.True => CelValue.True,
        Truth.False => CelValue.False,
        _ => CelValue.Error(frame.Error!),
    };

    public abstract override Truth Test(ref Frame frame);
}
