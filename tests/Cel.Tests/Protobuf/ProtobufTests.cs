using System.Text;
using System.Text.Json;
using PipeRoll.Cel.Json;
using PipeRoll.Cel.Tests.Conformance;

namespace PipeRoll.Cel.Tests.Protobuf;

public sealed class ProtobufTests
{
    private const string Proto2 = "cel.expr.conformance.proto2.TestAllTypes";
    private const string Proto3 = "cel.expr.conformance.proto3.TestAllTypes";

    private static readonly CelEnvironment Environment = new CelEnvironment.Builder()
        .Container("cel.expr.conformance.proto3")
        .Extensions(CelExtensions.All)
        .Protobuf(ConformanceMessages.Weak)
        .Variable("m", ConformanceMessages.Weak.TypeOf(Proto3)!)
        .Build();

    private static CelValue Read(WireWriter bytes, string expression, string type = Proto3)
    {
        CelEnvironment environment = type == Proto3
            ? Environment
            : new CelEnvironment.Builder().Protobuf(ConformanceMessages.Weak).Variable("m", ConformanceMessages.Weak.TypeOf(type)!).Build();
        return environment.Compile(expression).Evaluate([ConformanceMessages.Weak.Decode(type, bytes.Bytes)]);
    }

    public static TheoryData<string, bool> Scalars => new()
    {
        { "m.single_int32 == -5 && m.single_int64 == -6 && m.single_uint32 == 7u", true },
        { "m.single_sint32 == -8 && m.single_sint64 == -9", true },
        { "m.single_fixed32 == 10u && m.single_sfixed64 == -11", true },
        { "m.single_double == 1.5 && m.single_bool && m.single_string == 'é' && m.single_bytes == b'\\x00\\xff'", true },
        { "m.standalone_enum == 2 && m.repeated_int32 == [1, 300] && m.repeated_string == ['a', 'b']", true },
        { "m.map_string_int64 == {'k': 2} && m.standalone_message.bb == 3", true },
        { "m.single_int64_wrapper == 4 && m.single_timestamp == timestamp(5) && m.single_duration == duration('-1.5s')", true },
        { "m.single_value == ['x', null, {'y': 1.0}] && has(m.single_struct) && size(m.single_struct) == 0", true },
        { "has(m.single_uint64) || m.single_uint64 != 0u", false },
    };

    [Theory]
    [MemberData(nameof(Scalars))]
    public void EveryKindOfFieldIsDecoded(string expression, bool expected)
    {
        var one = new WireWriter().Fixed64(2, BitConverter.DoubleToUInt64Bits(1));
        var y = new WireWriter().Text(1, "y").Message(2, one);
        var entry = new WireWriter().Message(6, new WireWriter()
            .Message(1, new WireWriter().Text(3, "x"))
            .Message(1, new WireWriter().Varint(1, 0))
            .Message(1, new WireWriter().Message(5, new WireWriter().Message(1, y))));
        WireWriter bytes = new WireWriter()
            .Varint(1, unchecked((ulong)-5)).Varint(2, unchecked((ulong)-6)).Varint(3, 7).Varint(5, 15).Varint(6, 17)
            .Fixed32(7, 10).Fixed64(10, unchecked((ulong)-11)).Fixed64(12, BitConverter.DoubleToUInt64Bits(1.5)).Varint(13, 1)
            .Text(14, "é").Blob(15, [0, 255]).Varint(24, 2).Blob(31, [1, 0xAC, 0x02]).Text(44, "a").Text(44, "b")
            .Message(23, new WireWriter().Varint(1, 3)).Message(105, new WireWriter().Varint(1, 4))
            .Message(102, new WireWriter().Varint(1, 5))
            .Message(101, new WireWriter().Varint(1, unchecked((ulong)-1)).Varint(2, unchecked((ulong)-500_000_000)))
            .Message(104, entry).Message(103, new WireWriter());
        bytes.Message(NumberOfMap(), new WireWriter().Text(1, "k").Varint(2, 2));
        Assert.Equal(CelValue.Bool(expected), Read(bytes, expression));
    }

    // The maps are numbered as they come.
    private static int NumberOfMap()
    {
        string[] keys = ["bool", "int32", "int64", "uint32", "uint64", "string"];
        const int PerKey = 9 + 14 + 4;
        return 2000 + (Array.IndexOf(keys, "string") * PerKey) + 4;
    }

    [Fact]
    public void PartsOfAMessageMergeAndTheLastOfAOneofCounts()
    {
        WireWriter bytes = new WireWriter()
            .Message(400, new WireWriter().Message(2, new WireWriter().Varint(1, 1)))
            .Message(400, new WireWriter().Message(2, new WireWriter().Varint(2, 2)));
        Assert.Equal(CelValue.True, Read(bytes, "m.oneof_type.payload.single_int32 == 1 && m.oneof_type.payload.single_int64 == 2"));
        Assert.Equal(CelValue.True, Read(bytes.Varint(402, 0), "!has(m.oneof_type) && has(m.oneof_bool) && !m.oneof_bool"));
    }

    [Fact]
    public void GroupsAreRead() => Assert.Equal(
        CelValue.True,
        Read(new WireWriter().Group(403, new WireWriter().Varint(404, 7)), "m.nestedgroup.single_id == 7", Proto2));

    [Fact]
    public void UnknownFieldsMakeMessagesUnequal()
    {
        CelValue Message(ulong unknown) => ConformanceMessages.Weak.Decode(Proto3, new WireWriter().Varint(1, 1).Varint(9999, unknown).Bytes);
        Assert.Equal(Message(1), Message(1));
        Assert.NotEqual(Message(1), Message(2));
    }

    [Theory]
    [InlineData(new byte[] { 0x08 })]
    [InlineData(new byte[] { 0x08, 0x80 })]
    [InlineData(new byte[] { 0x72, 0x05, 0x41 })]
    [InlineData(new byte[] { 0x72, 0x01, 0xFF })]
    [InlineData(new byte[] { 0x0F })]
    [InlineData(new byte[] { 0x00, 0x01 })]
    [InlineData(new byte[] { 0x08, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01 })]
    public void CorruptBytesThrow(byte[] bytes) =>
        Assert.Throws<InvalidDataException>(() => ConformanceMessages.Weak.Decode(Proto3, bytes));

    [Fact]
    public void NoBytesMakeItCrash()
    {
        var random = new Random(7);
        byte[] whole = new WireWriter().Varint(1, 5).Text(14, "text").Message(23, new WireWriter().Varint(1, 3)).Blob(31, [1, 2, 3]).Bytes;
        for (int run = 0; run < 3000; run++)
        {
            byte[] bytes = [.. whole];
            for (int changes = random.Next(1, 4); changes > 0; changes--)
            {
                bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            }

            try
            {
                ConformanceMessages.Weak.Decode(Proto3, bytes.AsSpan(0, random.Next(bytes.Length + 1)));
            }
            catch (InvalidDataException)
            {
                // What is corrupt is refused; anything else would fail the test.
            }
        }
    }

    [Fact]
    public void DescriptorsThatMissATypeAreRefusedWithWhatToDo()
    {
        byte[] set = DescriptorWriter.Set(new DescriptorWriter("acme", true).Message("Event", ["optional .acme.Missing what = 1"]));
        Assert.Contains("protoc --include_imports", Assert.Throws<InvalidDataException>(() => CelProtobuf.Read(set)).Message);
    }

    [Fact]
    public void AMessageSurvivesItsJsonForm()
    {
        CelValue message = Environment.Compile(
            "TestAllTypes{single_int32: -1, single_int64: 9007199254740993, single_float: 3.1416, single_bytes: b'\\xff', single_any: [1.0, 'x'], "
            + "single_value: {'a': null}, single_int64_wrapper: 5, single_timestamp: timestamp('2026-01-31T10:00:00.5Z'), standalone_enum: 1, "
            + "single_duration: duration('90m'), repeated_nested_message: [TestAllTypes.NestedMessage{bb: 2}], map_int32_string: {7: 'seven'}, "
            + "field_mask: google.protobuf.FieldMask{paths: ['a_b', 'c']}, empty: google.protobuf.Empty{}}").Evaluate([CelValue.Null]);
        string json = Typed(message);
        Assert.Contains("\"singleInt64\":\"9007199254740993\"", json);
        Assert.Contains("\"singleFloat\":3.1416", json);
        Assert.Contains("\"standaloneEnum\":\"BAR\"", json);
        Assert.Contains("\"fieldMask\":\"aB,c\"", json);
        Assert.Equal(message, CelJson.ReadTyped(JsonDocument.Parse(json).RootElement, ConformanceMessages.Weak));
    }

    [Theory]
    [InlineData("{\"@type\": \"x/acme.None\"}", "No descriptor declares the message acme.None")]
    [InlineData("{}", "\"@type\"")]
    [InlineData("{\"@type\": \"x/" + Proto3 + "\", \"nothing\": 1}", "no field \"nothing\"")]
    [InlineData("{\"@type\": \"x/" + Proto3 + "\", \"singleInt32\": \"many\"}", "many")]
    [InlineData("{\"@type\": \"x/" + Proto3 + "\", \"standaloneEnum\": \"QUX\"}", "QUX")]
    [InlineData("{\"@type\": \"x/google.protobuf.Timestamp\", \"value\": \"yesterday\"}", "yesterday")]
    public void WrongJsonIsRefusedWithTheReason(string json, string reason)
    {
        using JsonDocument document = JsonDocument.Parse($"{{\"objectValue\": {json}}}");
        FormatException error = Assert.Throws<FormatException>(() => CelJson.ReadTyped(document.RootElement, ConformanceMessages.Weak));
        Assert.Contains(reason, error.Message);
    }

    [Theory]
    [InlineData("m.single_int32 == 'x'", "no overload matches")]
    [InlineData("m.singleInt32 == 1", "did you mean 'single_int32'?")]
    [InlineData("TestAllTypes{single_int32: 'x'}", "is of type int")]
    [InlineData("TestAllTypez{}", "did you mean")]
    [InlineData("proto.hasExt(m, 1)", "full name of an extension")]
    public void MistakesAreExplained(string source, string expected) =>
        Assert.Contains(expected, Assert.Throws<CelCompileException>(() => Environment.Compile(source)).Message);

    private static string Typed(in CelValue value)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer, new JsonWriterOptions { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            CelJson.WriteTyped(json, value);
        }

        return Encoding.UTF8.GetString(buffer.ToArray());
    }
}
