using System.Text.Json;
using PipeRoll.Cel.Checking;
using PipeRoll.Cel.Functions;

namespace PipeRoll.Cel.Json;

/// <summary>Types in the JSON form of <c>cel.expr.Type</c>: <c>{"primitive": "INT64"}</c>, <c>{"listType": {"elemType": …}}</c>, …</summary>
public static class CelJsonTypes
{
    /// <exception cref="FormatException">It is not that form, or names a message that is not declared.</exception>
    public static CelType Read(JsonElement json, CelProtobuf? messages = null)
    {
        JsonProperty property = CelJson.Single(json);
        JsonElement value = property.Value;
        return property.Name switch
        {
            "dyn" or "error" => CelType.Dyn,
            "null" => CelType.Null,
            "primitive" => Primitive(value.GetString()),
            "wrapper" => CelType.Nullable(Primitive(value.GetString())),
            "wellKnown" => WellKnown(value.GetString()),
            "messageType" => Message(value.GetString() ?? "", messages),
            "listType" => CelType.List(Inner(value, "elemType")),
            "mapType" => CelType.Map(Inner(value, "keyType"), Inner(value, "valueType")),
            "typeParam" => CelType.TypeParameter(value.GetString() ?? ""),
            "type" => CelType.Type(CelType.Dyn),
            "abstractType" => Abstract(value.GetProperty("name").GetString(), [.. CelJson.Items(value, "parameterTypes").Select(type => Read(type, messages))]),
            _ => throw new FormatException($"\"{property.Name}\" is no kind of type."),
        };

        CelType Inner(JsonElement type, string name) =>
            type.TryGetProperty(name, out JsonElement inner) ? Read(inner, messages) : CelType.Dyn;
    }

    /// <summary>The type that a name means when it is a value (<c>typeValue</c>).</summary>
    internal static CelType Named(string name, CelProtobuf? messages) =>
        RuntimeTypes.Named(name)
        ?? (name == NetworkAddress.Ip.Name ? NetworkAddress.Ip.Type : name == NetworkAddress.Cidr.Name ? NetworkAddress.Cidr.Type : null)
        ?? messages?.Messages.GetValueOrDefault(name)?.StructType.Type
        ?? messages?.Enums.GetValueOrDefault(name)?.StructType.Type
        ?? throw new FormatException($"There is no type named {name}.");

    private static CelType Message(string name, CelProtobuf? messages) =>
        (messages ?? CelProtobuf.WellKnown).TypeOf(name) ?? throw new FormatException($"No descriptor declares the message {name}.");

    private static CelType Primitive(string? name) => name switch
    {
        "BOOL" => CelType.Bool,
        "INT64" => CelType.Int,
        "UINT64" => CelType.Uint,
        "DOUBLE" => CelType.Double,
        "STRING" => CelType.String,
        "BYTES" => CelType.Bytes,
        _ => throw new FormatException($"\"{name}\" is no primitive type."),
    };

    private static CelType WellKnown(string? name) => name switch
    {
        "TIMESTAMP" => CelType.Timestamp,
        "DURATION" => CelType.Duration,
        "ANY" => CelType.Dyn,
        _ => throw new FormatException($"\"{name}\" is no well-known type."),
    };

    private static CelType Abstract(string? name, CelType[] parameters) =>
        name == "optional_type" && parameters.Length == 1 ? CelType.Optional(parameters[0]) : CelType.Opaque(name ?? "", [.. parameters]);
}
