namespace PipeRoll.Cel.Checking;

/// <summary>Type values: the type of a value, and the types that have names.</summary>
internal static class RuntimeTypes
{
    public static readonly CelType List = CelType.List(CelType.Dyn);
    public static readonly CelType Map = CelType.Map(CelType.Dyn, CelType.Dyn);
    public static readonly CelType TypeOfTypes = CelType.Type(CelType.Dyn);
    public static readonly CelType Optional = CelType.Optional(CelType.Dyn);

    public static CelType? Named(string name) => name switch
    {
        "bool" => CelType.Bool,
        "int" => CelType.Int,
        "uint" => CelType.Uint,
        "double" => CelType.Double,
        "string" => CelType.String,
        "bytes" => CelType.Bytes,
        "list" => List,
        "map" => Map,
        "null_type" => CelType.Null,
        "type" => TypeOfTypes,
        "optional_type" => Optional,
        "google.protobuf.Timestamp" => CelType.Timestamp,
        "google.protobuf.Duration" => CelType.Duration,
        _ => null,
    };

    public static CelType Of(in CelValue value) => value.Kind switch
    {
        CelKind.Null => CelType.Null,
        CelKind.Bool => CelType.Bool,
        CelKind.Int => CelType.Int,
        CelKind.Uint => CelType.Uint,
        CelKind.Double => CelType.Double,
        CelKind.String => CelType.String,
        CelKind.Bytes => CelType.Bytes,
        CelKind.Timestamp => CelType.Timestamp,
        CelKind.Duration => CelType.Duration,
        CelKind.List => List,
        CelKind.Map => Map,
        CelKind.Struct => value.StructValue.StructType.Type,
        CelKind.Type => TypeOfTypes,
        CelKind.Optional => Optional,
        _ => CelType.Error,
    };
}
