using PipeRoll.Cel.Compilation;
using static PipeRoll.Cel.CelOverload;

namespace PipeRoll.Cel.Functions;

/// <summary>Optional values (cel-spec wiki, proposal 246; cel-go: OptionalTypes).</summary>
internal static class OptionalLibrary
{
    private static readonly CelType K = CelType.TypeParameter("K");
    private static readonly CelType V = CelType.TypeParameter("V");
    private static readonly CelType OptionalV = CelType.Optional(V);
    private static readonly CelType ListOfV = CelType.List(V);
    private static readonly CelType MapOfKV = CelType.Map(K, V);

    public static void AddTo(Library library)
    {
        library.Add("optional.of", Static(V, OptionalV, (in a) => CelValue.OptionalOf(a)));
        library.Add("optional.none", Static([], OptionalV, _ => CelValue.OptionalNone));
        library.Add("optional.ofNonZeroValue", Static(V, OptionalV, (in a) => IsZero(a) ? CelValue.OptionalNone : CelValue.OptionalOf(a)));
        library.Add("hasValue", Receiver(OptionalV, CelType.Bool, (in a) => CelValue.Bool(a.HasOptionalValue)));
        library.Add("value", Receiver(OptionalV, V, (in a) => a.HasOptionalValue ? a.OptionalValue : CelValue.Error(Errors.NoValue)));
        library.Add("or", Receiver(OptionalV, OptionalV, OptionalV, (in a, in b) => a.HasOptionalValue ? a : b));
        library.Add("orValue", Receiver(OptionalV, V, V, (in a, in b) => a.HasOptionalValue ? a.OptionalValue : b));
        library.Add(
            "optional.unwrap",
            Static(CelType.List(OptionalV), ListOfV, Unwrapped));
        library.Add(
            "unwrapOpt",
            Receiver(CelType.List(OptionalV), ListOfV, Unwrapped));
        library.Add(
            Operators.OptionalIndex,
            Static(ListOfV, CelType.Int, OptionalV, (in a, in b) => Access.OptionalElement(a, b)),
            Static(CelType.Optional(ListOfV), CelType.Int, OptionalV, (in a, in b) => Access.OptionalElement(a, b)),
            Static(MapOfKV, K, OptionalV, (in a, in b) => Access.OptionalElement(a, b)),
            Static(CelType.Optional(MapOfKV), K, OptionalV, (in a, in b) => Access.OptionalElement(a, b)));
        library.Add(
            Operators.Index,
            Static(CelType.Optional(ListOfV), CelType.Int, OptionalV, (in a, in b) => Access.Element(a, b)),
            Static(CelType.Optional(MapOfKV), K, OptionalV, (in a, in b) => Access.Element(a, b)));
    }

    private static bool IsZero(in CelValue value) => value.Kind switch
    {
        CelKind.Null => true,
        CelKind.Bool => !value.BoolValue,
        CelKind.Int => value.IntValue == 0,
        CelKind.Uint => value.UintValue == 0,
        CelKind.Double => value.DoubleValue == 0,
        CelKind.String => value.StringValue.Length == 0,
        CelKind.Bytes => value.BytesValue.Length == 0,
        CelKind.List => value.ListValue.Count == 0,
        CelKind.Map => value.MapValue.Count == 0,
        CelKind.Timestamp or CelKind.Duration => value.Seconds == 0 && value.Nanos == 0,
        CelKind.Optional => !value.HasOptionalValue,
        CelKind.Struct => IsUnset(value.StructValue),
        _ => false,
    };

    private static bool IsUnset(CelStruct value)
    {
        for (int index = 0; index < value.StructType.Fields.Count; index++)
        {
            if (value.HasField(index))
            {
                return false;
            }
        }

        return true;
    }

    private static CelValue Unwrapped(in CelValue list)
    {
        var values = new List<CelValue>();
        for (int index = 0; index < list.ListValue.Count; index++)
        {
            CelValue element = list.ListValue[index];
            if (element.Kind != CelKind.Optional)
            {
                return CelValue.Error(Errors.NotOptional);
            }

            if (element.HasOptionalValue)
            {
                values.Add(element.OptionalValue);
            }
        }

        return CelValue.List(CelList.Of(values));
    }
}
