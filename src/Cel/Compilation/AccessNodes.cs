using System.Runtime.CompilerServices;

namespace PipeRoll.Cel.Compilation;

internal sealed class ConstantNode(CelValue value) : Node
{
    public CelValue Value { get; } = value;

    public override CelValue Evaluate(ref Frame frame) => Value;
}

internal sealed class VariableNode(int slot) : Node
{
    public int Slot { get; } = slot;

    public override CelValue Evaluate(ref Frame frame) => frame.Variables[Slot];
}

internal sealed class LocalNode(int index) : Node
{
    public override CelValue Evaluate(ref Frame frame) => frame.Locals[index];
}

/// <summary>A field whose index is known: one virtual call on the host's object.</summary>
internal sealed class FieldNode(Node operand, CelStructType type, int index) : Node
{
    private readonly CelError _missing = Errors.NoSuchField(type.Fields[index].Name);

    public override CelValue Evaluate(ref Frame frame) => Access.KnownField(operand.Evaluate(ref frame), type, index, _missing);
}

/// <summary><c>variable.field</c>, the most frequent expression of all, without the detour over the operand's node.</summary>
internal sealed class VariableFieldNode(int slot, CelStructType type, int index) : Node
{
    private readonly CelError _missing = Errors.NoSuchField(type.Fields[index].Name);

    public override CelValue Evaluate(ref Frame frame) => Access.KnownField(in frame.Variables[slot], type, index, _missing);

    public override bool TryUtf8(scoped ref Frame frame, out ReadOnlySpan<byte> utf8)
    {
        if (Known(ref frame) is { } known)
        {
            return known.TryGetUtf8(index, out utf8);
        }

        utf8 = default;
        return false;
    }

    public override bool TryInt(ref Frame frame, out long result)
    {
        if (Known(ref frame) is { } known && known.TryGetInt(index, out result))
        {
            return true;
        }

        CelValue value = Access.KnownField(in frame.Variables[slot], type, index, _missing);
        result = value.RawBits;
        return value.Kind == CelKind.Int || Fail(ref frame, value, Errors.NotInt);
    }

    public override bool TryDouble(ref Frame frame, out double result)
    {
        if (Known(ref frame) is { } known && known.TryGetDouble(index, out result))
        {
            return true;
        }

        CelValue value = Access.KnownField(in frame.Variables[slot], type, index, _missing);
        result = BitConverter.Int64BitsToDouble(value.RawBits);
        return value.Kind == CelKind.Double || Fail(ref frame, value, Errors.NotDouble);
    }

    /// <summary>The variable's struct if it is of the type that the index belongs to.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private CelStruct? Known(scoped ref Frame frame)
    {
        ref readonly CelValue value = ref frame.Variables[slot];
        if (value.Kind != CelKind.Struct)
        {
            return null;
        }

        CelStruct instance = Unsafe.As<CelStruct>(value.RawReference!);
        return ReferenceEquals(instance.StructType, type) ? instance : null;
    }

    private static bool Fail(ref Frame frame, in CelValue value, CelError otherwise)
    {
        frame.Error = value.IsError ? value.ErrorValue : otherwise;
        return false;
    }
}

/// <summary>A field of something that is only known when it is there.</summary>
internal sealed class SelectNode(Node operand, string name) : Node
{
    private readonly CelError _missing = Errors.NoSuchField(name);

    public override CelValue Evaluate(ref Frame frame) => Access.Field(operand.Evaluate(ref frame), name, _missing);
}

/// <summary><c>has(operand.field)</c>.</summary>
internal sealed class HasNode(Node operand, string name) : TestNode
{
    private readonly CelError _missing = Errors.NoSuchField(name);

    public override Truth Test(ref Frame frame)
    {
        CelValue has = Access.Has(operand.Evaluate(ref frame), name, _missing);
        if (has.IsError)
        {
            frame.Error = has.ErrorValue;
            return Truth.Error;
        }

        return has.BoolValue ? Truth.True : Truth.False;
    }
}

/// <summary><c>operand.?field</c>.</summary>
internal sealed class OptionalSelectNode(Node operand, string name) : Node
{
    private readonly CelError _missing = Errors.NoSuchField(name);

    public override CelValue Evaluate(ref Frame frame) => Access.OptionalField(operand.Evaluate(ref frame), name, _missing);
}

internal sealed class IndexNode(Node operand, Node index) : Node
{
    public override CelValue Evaluate(ref Frame frame)
    {
        CelValue value = operand.Evaluate(ref frame);
        if (value.IsError)
        {
            return value;
        }

        CelValue at = index.Evaluate(ref frame);
        return at.IsError ? at : Access.Element(value, at);
    }
}

/// <summary><c>operand[?index]</c>.</summary>
internal sealed class OptionalIndexNode(Node operand, Node index) : Node
{
    public override CelValue Evaluate(ref Frame frame)
    {
        CelValue value = operand.Evaluate(ref frame);
        if (value.IsError)
        {
            return value;
        }

        CelValue at = index.Evaluate(ref frame);
        return at.IsError ? at : Access.OptionalElement(value, at);
    }
}

/// <summary>Reading fields and elements of values whose kind is only known at run time.</summary>
internal static class Access
{
    /// <summary>A field of a struct of a known type; of any other value, what <see cref="Field"/> says.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static CelValue KnownField(in CelValue value, CelStructType type, int index, CelError missing)
    {
        if (value.Kind == CelKind.Struct)
        {
            CelStruct instance = Unsafe.As<CelStruct>(value.RawReference!);
            if (ReferenceEquals(instance.StructType, type))
            {
                return instance.GetField(index);
            }
        }

        return Field(value, type.Fields[index].Name, missing);
    }

    public static CelValue Field(in CelValue value, string name, CelError missing)
    {
        switch (value.Kind)
        {
            case CelKind.Map:
                return value.MapValue.TryGet(CelValue.String(name), out CelValue found)
                    ? found
                    : CelValue.Error(Errors.NoSuchKey(CelValue.String(name)));
            case CelKind.Struct:
                int index = value.StructValue.StructType.IndexOf(name);
                return index >= 0 ? value.StructValue.GetField(index) : CelValue.Error(missing);
            case CelKind.Optional:
                return value.HasOptionalValue ? OptionalField(value.OptionalValue, name, missing) : value;
            case CelKind.Error:
                return value;
            default:
                return CelValue.Error(missing);
        }
    }

    public static CelValue Has(in CelValue value, string name, CelError missing)
    {
        switch (value.Kind)
        {
            case CelKind.Map:
                return CelValue.Bool(value.MapValue.TryGet(CelValue.String(name), out _));
            case CelKind.Struct:
                int index = value.StructValue.StructType.IndexOf(name);
                return index >= 0 ? CelValue.Bool(value.StructValue.HasField(index)) : CelValue.Error(missing);
            case CelKind.Optional:
                return value.HasOptionalValue ? Has(value.OptionalValue, name, missing) : CelValue.False;
            case CelKind.Error:
                return value;
            default:
                return CelValue.Error(missing);
        }
    }

    public static CelValue OptionalField(in CelValue value, string name, CelError missing)
    {
        if (value.Kind == CelKind.Optional)
        {
            return value.HasOptionalValue ? OptionalField(value.OptionalValue, name, missing) : value;
        }

        CelValue has = Has(value, name, missing);
        if (has.IsError)
        {
            return has;
        }

        return has.BoolValue ? CelValue.OptionalOf(Field(value, name, missing)) : CelValue.OptionalNone;
    }

    public static CelValue Element(in CelValue value, in CelValue index)
    {
        switch (value.Kind)
        {
            case CelKind.List:
                CelList list = value.ListValue;
                return TryPosition(index, out long position) switch
                {
                    false => CelValue.Error(Errors.NoOverload(Operators.Index, [value, index])),
                    _ when position < 0 || position >= list.Count => CelValue.Error(Errors.OutOfRange(index, list.Count)),
                    _ => list[(int)position],
                };
            case CelKind.Map:
                return value.MapValue.TryGet(index, out CelValue found)
                    ? found
                    : CelValue.Error(CelMap.IsKey(index) || index.Kind == CelKind.Double
                        ? Errors.NoSuchKey(index)
                        : Errors.NoOverload(Operators.Index, [value, index]));
            case CelKind.Optional:
                return value.HasOptionalValue ? OptionalElement(value.OptionalValue, index) : value;
            default:
                return CelValue.Error(Errors.NoOverload(Operators.Index, [value, index]));
        }
    }

    public static CelValue OptionalElement(in CelValue value, in CelValue index)
    {
        if (value.Kind == CelKind.Optional)
        {
            return value.HasOptionalValue ? OptionalElement(value.OptionalValue, index) : value;
        }

        CelValue element = Element(value, index);
        return element.Kind == CelKind.Error
            ? element.ErrorValue.Code is CelErrorCode.NoSuchKey or CelErrorCode.IndexOutOfRange ? CelValue.OptionalNone : element
            : CelValue.OptionalOf(element);
    }

    // An index of another numeric kind counts when it is a whole number.
    private static bool TryPosition(in CelValue index, out long position)
    {
        switch (index.Kind)
        {
            case CelKind.Int:
                position = index.IntValue;
                return true;
            case CelKind.Uint:
                position = (long)Math.Min(index.UintValue, long.MaxValue);
                return true;
            case CelKind.Double when Math.Truncate(index.DoubleValue) == index.DoubleValue:
                position = (long)Math.Clamp(index.DoubleValue, -1.0, int.MaxValue);
                return true;
            default:
                position = 0;
                return false;
        }
    }
}
