using System.Collections.Immutable;

namespace PipeRoll.Cel;

/// <summary>
/// A function of any arity. Arguments are never errors (those are passed on before the call); failures are returned as
/// <see cref="CelValue.Error(string)"/>. Must be pure: the same arguments give the same value, always.
/// </summary>
public delegate CelValue CelFunction(ReadOnlySpan<CelValue> arguments);

/// <summary>A function of one argument; see <see cref="CelFunction"/>.</summary>
public delegate CelValue CelFunction1(in CelValue argument);

/// <summary>A function of two arguments; see <see cref="CelFunction"/>.</summary>
public delegate CelValue CelFunction2(in CelValue first, in CelValue second);

/// <summary>A function of three arguments; see <see cref="CelFunction"/>.</summary>
public delegate CelValue CelFunction3(in CelValue first, in CelValue second, in CelValue third);

/// <summary>One signature of a function with its implementation. Immutable.</summary>
public sealed class CelOverload
{
    private CelOverload(bool isReceiver, ImmutableArray<CelType> arguments, CelType result)
    {
        IsReceiver = isReceiver;
        Arguments = arguments;
        Result = result;
    }

    /// <summary>Called as <c>first.name(others)</c> instead of <c>name(all)</c>.</summary>
    public bool IsReceiver { get; }

    /// <summary>The types of the arguments, the receiver first.</summary>
    public ImmutableArray<CelType> Arguments { get; }

    public CelType Result { get; }

    internal CelFunction1? Unary { get; private init; }

    internal CelFunction2? Binary { get; private init; }

    internal CelFunction3? Ternary { get; private init; }

    internal CelFunction? Any { get; private init; }

    public static CelOverload Static(CelType argument, CelType result, CelFunction1 function) =>
        new(false, [argument], result) { Unary = function };

    public static CelOverload Static(CelType first, CelType second, CelType result, CelFunction2 function) =>
        new(false, [first, second], result) { Binary = function };

    public static CelOverload Static(CelType first, CelType second, CelType third, CelType result, CelFunction3 function) =>
        new(false, [first, second, third], result) { Ternary = function };

    /// <summary>Of any number of arguments.</summary>
    public static CelOverload Static(ImmutableArray<CelType> arguments, CelType result, CelFunction function) =>
        new(false, arguments, result) { Any = function };

    public static CelOverload Receiver(CelType receiver, CelType result, CelFunction1 function) =>
        new(true, [receiver], result) { Unary = function };

    public static CelOverload Receiver(CelType receiver, CelType argument, CelType result, CelFunction2 function) =>
        new(true, [receiver, argument], result) { Binary = function };

    public static CelOverload Receiver(CelType receiver, CelType second, CelType third, CelType result, CelFunction3 function) =>
        new(true, [receiver, second, third], result) { Ternary = function };

    /// <summary>Of any number of arguments, the receiver first.</summary>
    public static CelOverload Receiver(ImmutableArray<CelType> arguments, CelType result, CelFunction function) =>
        new(true, arguments, result) { Any = function };

    /// <summary>The signature as shown in diagnostics: <c>string.contains(string)</c> or <c>size(list(A))</c>.</summary>
    internal string Signature(string name) => IsReceiver
        ? $"{Arguments[0]}.{name}({string.Join(", ", Arguments.Skip(1))})"
        : $"{name}({string.Join(", ", Arguments)})";

    internal CelValue Invoke(ReadOnlySpan<CelValue> arguments)
    {
        return (arguments.Length, Unary, Binary, Ternary) switch
        {
            (1, CelFunction1 unary, _, _) => unary(arguments[0]),
            (2, _, CelFunction2 binary, _) => binary(arguments[0], arguments[1]),
            (3, _, _, CelFunction3 ternary) => ternary(arguments[0], arguments[1], arguments[2]),
            _ => Any!(arguments),
        };
    }

    /// <summary>Whether values of these kinds may be passed; the elements of lists and maps are not looked at.</summary>
    internal bool Accepts(ReadOnlySpan<CelValue> arguments)
    {
        for (int index = 0; index < arguments.Length; index++)
        {
            if (!Accepts(Arguments[index], arguments[index]))
            {
                return false;
            }
        }

        return true;
    }

    private static bool Accepts(CelType type, in CelValue value) => type.Kind switch
    {
        CelTypeKind.Dyn or CelTypeKind.TypeParameter or CelTypeKind.Error => true,
        CelTypeKind.Null => value.Kind == CelKind.Null,
        CelTypeKind.Bool => value.Kind == CelKind.Bool,
        CelTypeKind.Int => value.Kind == CelKind.Int,
        CelTypeKind.Uint => value.Kind == CelKind.Uint,
        CelTypeKind.Double => value.Kind == CelKind.Double,
        CelTypeKind.String => value.Kind == CelKind.String,
        CelTypeKind.Bytes => value.Kind == CelKind.Bytes,
        CelTypeKind.Timestamp => value.Kind == CelKind.Timestamp,
        CelTypeKind.Duration => value.Kind == CelKind.Duration,
        CelTypeKind.List => value.Kind == CelKind.List,
        CelTypeKind.Map => value.Kind == CelKind.Map,
        CelTypeKind.Type => value.Kind == CelKind.Type,
        CelTypeKind.Optional => value.Kind == CelKind.Optional,
        CelTypeKind.Nullable => value.IsNull || Accepts(type.Parameters[0], value),
        _ => value.Kind == CelKind.Struct && value.StructValue.StructType.Name == type.Name,
    };
}
