using PipeRoll.Cel.Tests.Protobuf;

namespace PipeRoll.Cel.Tests.Conformance;

/// <summary>The messages that the suite's expressions use: names and types as in cel-spec, put together here by their pattern.</summary>
internal static class ConformanceMessages
{
    private static readonly string[] Scalars =
    [
        "int32", "int64", "uint32", "uint64", "sint32", "sint64", "fixed32", "fixed64", "sfixed32", "sfixed64", "float", "double", "bool",
        "string", "bytes",
    ];

    private static readonly string[] MapScalars = ["bool", "string", "bytes", "int32", "int64", "uint32", "uint64", "float", "double"];

    // Of the fields' names, and of google.protobuf.
    private static readonly (string Field, string Message)[] WellKnown =
    [
        ("any", "Any"), ("duration", "Duration"), ("timestamp", "Timestamp"), ("struct", "Struct"), ("value", "Value"),
        ("int64_wrapper", "Int64Value"), ("int32_wrapper", "Int32Value"), ("double_wrapper", "DoubleValue"), ("float_wrapper", "FloatValue"),
        ("uint64_wrapper", "UInt64Value"), ("uint32_wrapper", "UInt32Value"), ("string_wrapper", "StringValue"), ("bool_wrapper", "BoolValue"),
        ("bytes_wrapper", "BytesValue"),
    ];

    private static readonly string[] Keywords =
    [
        "as", "break", "const", "continue", "else", "for", "function", "if", "import", "let", "loop", "package", "namespace", "return", "var",
        "void", "while",
    ];

    // Only where proto2 declares them.
    private static readonly Dictionary<string, string> Defaults = new(StringComparer.Ordinal)
    {
        ["int32"] = "-32",
        ["int64"] = "-64",
        ["uint32"] = "32",
        ["uint64"] = "64",
        ["float"] = "3",
        ["double"] = "6.4",
        ["bool"] = "true",
        ["string"] = "empty",
        ["bytes"] = "none",
    };

    public static readonly CelProtobuf Weak = CelProtobuf.Read(Descriptors());

    public static readonly CelProtobuf Strong = CelProtobuf.Read(Descriptors(), strongEnums: true);

    /// <summary>The serialised descriptor set, as protoc would write it.</summary>
    public static byte[] Descriptors() => DescriptorWriter.Set(File("cel.expr.conformance.proto2", false), File("cel.expr.conformance.proto3", true));

    private static DescriptorWriter File(string package, bool isProto3)
    {
        var file = new DescriptorWriter(package, isProto3);
        file.Message(
            "TestAllTypes",
            Fields(package, isProto3),
            file.Nested("TestAllTypes", "NestedMessage", "optional int32 bb = 1"),
            file.Nested("TestAllTypes", "NestedGroup", "optional int32 single_id = 404", "optional string single_name = 405"),
            DescriptorWriter.NestedEnum("NestedEnum", "FOO", "BAR", "BAZ"));
        file.Message("NestedTestAllTypes", [$"optional .{package}.NestedTestAllTypes child = 1", $"optional .{package}.TestAllTypes payload = 2"]);
        file.Enum("GlobalEnum", "GOO", "GAR", "GAZ");
        if (!isProto3)
        {
            file.Message("TestRequired", ["optional int32 required_int32 = 1"]);
            string all = $".{package}.TestAllTypes";
            string nestedEnum = $"#{package}.TestAllTypes.NestedEnum";
            file.Extension("TestAllTypes", "optional int32 int32_ext = 1000");
            file.Extension("TestAllTypes", $"optional {all} nested_ext = 1001");
            file.Extension("TestAllTypes", $"optional {all} test_all_types_ext = 1002");
            file.Extension("TestAllTypes", $"optional {nestedEnum} nested_enum_ext = 1003");
            file.Extension("TestAllTypes", $"repeated {all} repeated_test_all_types = 1004");
            file.Extensions(
                "Proto2ExtensionScopedMessage",
                "TestAllTypes",
                "optional int64 int64_ext = 1005",
                $"optional {all} message_scoped_nested_ext = 1006",
                $"optional {nestedEnum} nested_enum_ext = 1007",
                $"repeated {all} message_scoped_repeated_test_all_types = 1008");
        }

        return file;
    }

    private static IEnumerable<string> Fields(string package, bool isProto3)
    {
        string nestedEnum = $"#{package}.TestAllTypes.NestedEnum";
        string nestedMessage = $".{package}.TestAllTypes.NestedMessage";
        for (int index = 0; index < Scalars.Length; index++)
        {
            string scalar = Scalars[index];
            yield return $"optional {scalar} single_{scalar} = {index + 1}{(isProto3 || !Defaults.TryGetValue(scalar, out string? text) ? "" : " " + text)}";
            yield return $"repeated {scalar} repeated_{scalar} = {index + 31}";
        }

        yield return "optional bool in = 18";
        if (isProto3)
        {
            yield return "presence bool optional_bool = 16";
            yield return "presence string optional_string = 17";
        }
        else
        {
            yield return $"optional @{package}.TestAllTypes.NestedGroup nestedgroup = 403";
        }

        for (int index = 0; index < WellKnown.Length; index++)
        {
            yield return $"optional .google.protobuf.{WellKnown[index].Message} single_{WellKnown[index].Field} = {index + 100}";
            yield return $"repeated .google.protobuf.{WellKnown[index].Message} repeated_{WellKnown[index].Field} = {index + 120}";
        }

        yield return "optional .google.protobuf.ListValue list_value = 114";
        yield return "optional #google.protobuf.NullValue null_value = 115";
        yield return $"{(isProto3 ? "presence" : "optional")} #google.protobuf.NullValue optional_null_value = 116";
        yield return "optional .google.protobuf.FieldMask field_mask = 117";
        yield return "optional .google.protobuf.Empty empty = 118";
        yield return "repeated .google.protobuf.ListValue repeated_list_value = 134";
        yield return "repeated #google.protobuf.NullValue repeated_null_value = 135";
        yield return $"oneof:nested_type {nestedMessage} single_nested_message = 21";
        yield return $"oneof:nested_type {nestedEnum} single_nested_enum = 22{(isProto3 ? "" : " BAR")}";
        yield return $"optional {nestedMessage} standalone_message = 23";
        yield return $"optional {nestedEnum} standalone_enum = 24";
        yield return $"repeated {nestedMessage} repeated_nested_message = 51";
        yield return $"repeated {nestedEnum} repeated_nested_enum = 52";
        yield return $"repeated {nestedMessage} repeated_lazy_message = 55";
        yield return $"oneof:kind .{package}.NestedTestAllTypes oneof_type = 400";
        yield return $"oneof:kind {nestedMessage} oneof_msg = 401";
        yield return "oneof:kind bool oneof_bool = 402";
        yield return $"map int64 .{package}.NestedTestAllTypes map_int64_nested_type = 62";
        foreach (string field in Maps(nestedMessage, nestedEnum))
        {
            yield return field;
        }

        for (int index = 0; index < Keywords.Length; index++)
        {
            yield return $"optional bool {Keywords[index]} = {index + 500}";
        }
    }

    private static IEnumerable<string> Maps(string nestedMessage, string nestedEnum)
    {
        // Their numbers are never used, so that any will do.
        int number = 2000;
        string[] keys = ["bool", "int32", "int64", "uint32", "uint64", "string"];
        foreach (string key in keys)
        {
            foreach (string value in MapScalars)
            {
                yield return $"map {key} {value} map_{key}_{value} = {number++}";
            }

            foreach ((string field, string message) in WellKnown)
            {
                yield return $"map {key} .google.protobuf.{message} map_{key}_{field} = {number++}";
            }

            yield return $"map {key} .google.protobuf.ListValue map_{key}_list_value = {number++}";
            yield return $"map {key} #google.protobuf.NullValue map_{key}_null_value = {number++}";
            yield return $"map {key} {nestedMessage} map_{key}_message = {number++}";
            yield return $"map {key} {nestedEnum} map_{key}_enum = {number++}";
        }
    }
}
