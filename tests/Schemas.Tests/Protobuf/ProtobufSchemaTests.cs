using Google.Protobuf;
using Google.Protobuf.Reflection;
using Google.Protobuf.WellKnownTypes;
using PipeRoll.Schemas.Protobuf;

namespace PipeRoll.Schemas.Tests.Protobuf;

public sealed class ProtobufSchemaTests
{
    private const string Everything = """
        // Comments go. /* so does this */
        syntax = "proto3";
        package org.example;
        import "google/protobuf/timestamp.proto";
        import public "money.proto";
        option java_package = "org.example";
        message Order {
          option deprecated = true;
          reserved 2, 9 to 11, 100 to max;
          reserved "old", "older";
          string id = 1 [json_name = "ID", (custom).thing = { a: 1, b: ["x"] }];
          repeated Line lines = 3;
          map<string, Status> states = 4;
          oneof payment { string card = 5; Money cash = 6; }
          optional int32 count = 7;
          google.protobuf.Timestamp at = 8;
          message Line { sint64 amount = 1; Order.Line.Kind kind = 2; enum Kind { NONE = 0; NEGATIVE = -1; } }
          Money total = 0x0c;
        }
        enum Status { option allow_alias = true; NEW = 0; FRESH = 0; DONE = 1; }
        service Orders { rpc Watch (stream Order) returns (stream .org.example.Order) { option deprecated = true; } rpc Get(Order) returns (Order); }
        """;

    private static readonly ResolvedReference Money = new("money.proto", "syntax = \"proto3\"; package org.example; message Money { int64 cents = 1; }");

    /// <summary>Files that protoc compiled, of both syntaxes.</summary>
    public static TheoryData<string> Compiled => [.. Files.Keys];

    private static Dictionary<string, FileDescriptor> Files { get; } = new FileDescriptor[]
    {
        Any.Descriptor.File, Api.Descriptor.File, Duration.Descriptor.File, Empty.Descriptor.File, FieldMask.Descriptor.File, Struct.Descriptor.File,
        Timestamp.Descriptor.File, Google.Protobuf.WellKnownTypes.Type.Descriptor.File, BoolValue.Descriptor.File, FileDescriptorProto.Descriptor.File,
    }.ToDictionary(static file => file.Name);

    [Fact]
    public void TheCanonicalTextHasOneForm()
    {
        ProtobufSchema schema = ProtobufSchema.Parse(Everything, [Money]);
        Assert.Equal(schema.Canonical, ProtobufSchema.Parse(schema.Canonical, [Money]).Canonical);
        Assert.StartsWith("syntax = \"proto3\";\npackage org.example;\n\nimport \"google/protobuf/timestamp.proto\";\nimport public \"money.proto\";\n", schema.Canonical);
        Assert.Contains("  reserved 2, 9 to 11, 100 to max;\n", schema.Canonical);
        Assert.Contains("  map<string, Status> states = 4;\n", schema.Canonical);
        Assert.Contains("  oneof payment {\n    string card = 5;\n    Money cash = 6;\n  }\n", schema.Canonical);
        Assert.Contains("rpc Watch (stream Order) returns (stream .org.example.Order) {\n", schema.Canonical);
        Assert.Contains("(custom).thing = { a : 1 , b : [ \"x\" ] }", schema.Canonical);
        Assert.Contains("map<string, .org.example.Status> states = 4;", schema.Normalized);
        Assert.Equal(schema.Normalized, ProtobufSchema.Parse(schema.Normalized, [Money]).Normalized);
    }

    [Theory]
    [MemberData(nameof(Compiled))]
    public void WhatProtocCompiledIsReadAndWrittenBack(string name)
    {
        FileDescriptor file = Files[name];
        ResolvedReference[] references = [.. file.Dependencies.Select(static other => new ResolvedReference(other.Name, other.SerializedData.ToBase64()))];
        ProtobufSchema schema = ProtobufSchema.Parse(file.SerializedData.ToBase64(), references);
        ProtobufSchema again = ProtobufSchema.Parse(schema.Canonical, references);
        Assert.Equal(schema.Canonical, again.Canonical);

        // What comes of the text is the same file to a reader that is not ours.
        FileDescriptor built = FileDescriptor.BuildFromByteStrings(
            [.. All(file).Select(static other => other.SerializedData), ByteString.FromBase64(again.Serialize(name))])[^1];
        Assert.Equal(Names(file.MessageTypes), Names(built.MessageTypes));
        Assert.Equal(file.EnumTypes.Select(static type => type.FullName), built.EnumTypes.Select(static type => type.FullName));
    }

    [Fact]
    public void ADescriptorOfTextIsUnderstoodByOthers()
    {
        ProtobufSchema schema = ProtobufSchema.Parse(Everything.Replace("import public \"money.proto\";", "").Replace("Money", "Order"), []);
        FileDescriptor built = FileDescriptor.BuildFromByteStrings([Timestamp.Descriptor.File.SerializedData, ByteString.FromBase64(schema.Serialize("order.proto"))])[^1];
        MessageDescriptor order = built.FindTypeByName<MessageDescriptor>("Order");
        Assert.True(order.FindFieldByName("states").IsMap);
        Assert.Equal("payment", order.FindFieldByName("card").ContainingOneof.Name);
        Assert.True(order.FindFieldByName("count").ContainingOneof.IsSynthetic);
        Assert.Equal(FieldType.Enum, order.NestedTypes.Single(static type => type.Name == "Line").FindFieldByName("kind").FieldType);
    }

    [Theory]
    [InlineData("", "defines nothing")]
    [InlineData("syntax = \"proto4\"; message A {}", "line 1: the syntax is proto2 or proto3")]
    [InlineData("syntax = \"proto3\";\nmessage A { string a = 1 }", "line 2: expected ';', not '}'")]
    [InlineData("syntax = \"proto3\"; message A { string a = 1; string b = 1; }", "the number 1 is a's already")]
    [InlineData("syntax = \"proto3\"; message A { string a = 1; string a = 2; }", "there twice")]
    [InlineData("syntax = \"proto3\"; message A { required string a = 1; }", "no required fields")]
    [InlineData("message A { string a = 1; }", "in proto2 a field is optional")]
    [InlineData("syntax = \"proto3\"; message A { B b = 1; }", "no type is called 'B'")]
    [InlineData("syntax = \"proto3\"; import \"b.proto\"; message A { }", "leads nowhere")]
    [InlineData("syntax = \"proto3\"; message A { reserved 1; string a = 1; }", "is reserved")]
    [InlineData("syntax = \"proto3\"; message A { string a = 0; }", "expected a number from 1")]
    [InlineData("syntax = \"proto3\"; message A { string a = 19500; }", "the language's own")]
    [InlineData("syntax = \"proto3\"; enum E { A = 1; }", "the first value is 0")]
    [InlineData("syntax = \"proto3\"; enum E { A = 0; B = 0; }", "same number")]
    [InlineData("syntax = \"proto3\"; message A { map<double, string> m = 1; }", "key of a map")]
    [InlineData("syntax = \"proto3\"; message A { /* ", "does not end")]
    [InlineData("message A {", "line 1: expected a name")]
    public void WhatIsNoSchemaIsRefusedWithTheReason(string text, string reason)
    {
        Assert.Null(SchemaParser.TryParse(SchemaType.Protobuf, text, [], out string? problem));
        Assert.Contains(reason, problem);
    }

    [Theory]
    [InlineData("string a = 1;", "string b = 1;", null)]
    [InlineData("string a = 1; int32 b = 2;", "string a = 1;", null)]
    [InlineData("", "string a = 1;", null)]
    [InlineData("bytes a = 1;", "string a = 1;", null)]
    [InlineData("int64 a = 1;", "bool a = 1;", null)]
    [InlineData("sint32 a = 1;", "int32 a = 1;", "FIELD_SCALAR_KIND_CHANGED")]
    [InlineData("string a = 1;", "int32 a = 1;", "FIELD_SCALAR_KIND_CHANGED")]
    [InlineData("N a = 1; message N {}", "string a = 1;", "FIELD_KIND_CHANGED")]
    [InlineData("N a = 1; message N {} message M {}", "M a = 1; message N {} message M {}", "FIELD_NAMED_TYPE_CHANGED")]
    [InlineData("N a = 1; message N { string x = 1; }", "N a = 1; message N { int32 x = 1; }", "FIELD_SCALAR_KIND_CHANGED")]
    [InlineData("repeated int32 a = 1;", "int32 a = 1;", "FIELD_NUMERIC_LABEL_ALTERED")]
    [InlineData("repeated string a = 1;", "string a = 1;", null)]
    [InlineData("map<string, int32> a = 1;", "map<int32, int32> a = 1;", "FIELD_SCALAR_KIND_CHANGED")]
    [InlineData("string a = 1;", "string a = 1; message N {}", "MESSAGE_REMOVED")]
    [InlineData("oneof o { string a = 1; }", "oneof o { string a = 1; string b = 2; }", "ONEOF_FIELD_REMOVED")]
    [InlineData("oneof o { string a = 1; string b = 2; }", "oneof o { string a = 1; }", null)]
    [InlineData("oneof o { string a = 1; string b = 2; }", "string a = 1; string b = 2;", "MULTIPLE_FIELDS_MOVED_TO_ONEOF")]
    [InlineData("oneof o { string a = 1; }", "string a = 1;", null)]
    [InlineData("oneof o { string a = 1; string b = 2; }", "oneof o { string a = 1; } string b = 2;", "FIELD_MOVED_TO_EXISTING_ONEOF")]
    public void TheReaderUnderstandsTheWriter(string reader, string writer, string? kind)
    {
        IReadOnlyList<Incompatibility> found = Of(reader).FindIncompatibilities(Of(writer));
        if (kind is null)
        {
            Assert.Empty(found);
        }
        else
        {
            Assert.Equal(kind, Assert.Single(found).Kind);
        }
    }

    [Fact]
    public void PackagesAndRequiredFieldsCount()
    {
        ProtobufSchema one = ProtobufSchema.Parse("package a; message A { required string a = 1; }", []);
        Assert.Equal("PACKAGE_CHANGED", ProtobufSchema.Parse("package b; message A { required string a = 1; }", []).FindIncompatibilities(one)[0].Kind);
        ProtobufSchema without = ProtobufSchema.Parse("package a; message A { }", []);
        Assert.Equal("REQUIRED_FIELD_REMOVED", without.FindIncompatibilities(one)[0].Kind);
        Assert.Equal("REQUIRED_FIELD_ADDED", one.FindIncompatibilities(without)[0].Kind);
        Assert.Contains("a is missing", one.FindProblem([0]));
    }

    [Fact]
    public void EverySchemaUnderstandsItself()
    {
        Assert.Empty(ProtobufSchema.Parse(Everything, [Money]).FindIncompatibilities(ProtobufSchema.Parse(Everything, [Money])));
        foreach (FileDescriptor file in Files.Values)
        {
            ResolvedReference[] references = [.. file.Dependencies.Select(static other => new ResolvedReference(other.Name, other.SerializedData.ToBase64()))];
            ProtobufSchema schema = ProtobufSchema.Parse(file.SerializedData.ToBase64(), references);
            Assert.Empty(schema.FindIncompatibilities(schema));
        }
    }

    [Fact]
    public void APayloadOfTheSchemaIsFound()
    {
        // A whole file's descriptor is a message of descriptor.proto, and a deep one.
        FileDescriptor file = FileDescriptorProto.Descriptor.File;
        ProtobufSchema schema = ProtobufSchema.Parse(file.SerializedData.ToBase64(), []);
        int index = FileDescriptorProto.Descriptor.Index;
        byte[] payload = [2, (byte)(2 * index), .. file.SerializedData];
        Assert.Null(schema.FindProblem(payload));
        Assert.Contains("cut off", schema.FindProblem(payload.AsSpan(0, payload.Length - 1)));
        Assert.Contains("no message 63", schema.FindProblem([2, 126]));
        Assert.Contains("does not begin", schema.FindProblem([]));
    }

    [Theory]
    [InlineData("00 0a0141", null)]
    [InlineData("00 0a0241", "A.a: the value is cut off")]
    [InlineData("00 0801", "A.a: the value is no string")]
    [InlineData("00 0a01ff", "not UTF-8")]
    [InlineData("00 1203010203", null)]
    [InlineData("00 120301ff", "A.n: the value is cut off")]
    [InlineData("00 1001", null)]
    [InlineData("00 1a020807", null)]
    [InlineData("00 1a0209", "cut off")]
    [InlineData("0402 00 0807", "there is no message 1 in the file")]
    [InlineData("0400 00 0807", null)]
    [InlineData("00 9a0601", "cut off")]
    [InlineData("00 4b4c", null)]
    [InlineData("00 7f", "there is no wire type 7")]
    public void TheWireIsChecked(string hex, string? problem)
    {
        string? found = Of("string a = 1; repeated int32 n = 2; N m = 3; message N { int32 x = 1; }").FindProblem(Convert.FromHexString(hex.Replace(" ", "")));
        if (problem is null)
        {
            Assert.Null(found);
        }
        else
        {
            Assert.Contains(problem, found);
        }
    }

    private static IEnumerable<FileDescriptor> All(FileDescriptor file) =>
        file.Dependencies.SelectMany(static other => All(other).Append(other)).DistinctBy(static other => other.Name);

    private static ProtobufSchema Of(string body) => ProtobufSchema.Parse($"syntax = \"proto3\"; message A {{ {body} }}", []);

    private static IEnumerable<string> Names(IEnumerable<MessageDescriptor> messages) => messages.SelectMany(static message =>
        message.Fields.InFieldNumberOrder().Select(static field => $"{field.FullName} {field.FieldNumber} {field.FieldType} {field.IsRepeated} {field.IsMap}")
            .Concat(Names(message.NestedTypes)));
}
