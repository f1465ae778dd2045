using System.Text.Json;
using PipeRoll.Cel.Declarations;
using PipeRoll.Cel.Json;

namespace PipeRoll.Cel.Tests.Declarations;

public sealed class DeclarationTests
{
    private const string PaymentSchema = """
        {
          "type": "object",
          "properties": {
            "id": {"type": "string", "maxLength": 36},
            "amount": {"type": "number"},
            "count": {"type": ["integer", "null"]},
            "at": {"type": "string", "format": "date-time"},
            "tags": {"type": "array", "items": {"type": "string"}, "maxItems": 5},
            "labels": {"type": "object", "additionalProperties": {"type": "string"}},
            "anything": true,
            "kind": {"enum": ["a", "b"]},
            "one": {"const": 1},
            "party": {"$ref": "#/$defs/party"},
            "choice": {"oneOf": [{"type": "integer"}, {"type": "null"}]},
            "mixed": {"anyOf": [{"type": "integer"}, {"type": "string"}]},
            "both": {"allOf": [{"properties": {"x": {"type": "integer"}}}, {"properties": {"y": {"type": "boolean"}}}]}
          },
          "$defs": {"party": {"type": "object", "properties": {"name": {"type": "string"}, "parent": {"$ref": "#/$defs/party"}}}}
        }
        """;

    private static CelType Compiled(CelField variable, string source) =>
        new CelEnvironment.Builder().Extensions(CelExtensions.All).Variable(variable).Build().Compile(source).ResultType;

    [Theory]
    [InlineData("p.id", "string")]
    [InlineData("p.amount", "double")]
    [InlineData("p.count", "wrapper(int)")]
    [InlineData("p.at", "google.protobuf.Timestamp")]
    [InlineData("p.tags", "list(string)")]
    [InlineData("p.labels", "map(string, string)")]
    [InlineData("p.anything", "dyn")]
    [InlineData("p.kind", "string")]
    [InlineData("p.one", "int")]
    [InlineData("p.party.parent.parent.name", "string")]
    [InlineData("p.choice", "wrapper(int)")]
    [InlineData("p.mixed", "dyn")]
    [InlineData("p.both.x", "int")]
    [InlineData("p.both.y", "bool")]
    public void AJsonSchemaDeclaresTypes(string source, string type) =>
        Assert.Equal(type, Compiled(CelDeclarations.FromJsonSchema(PaymentSchema, "p"), source).ToString());

    [Fact]
    public void SizesOfASchemaMakeCostsSharper()
    {
        CelField sized = CelDeclarations.FromJsonSchema(PaymentSchema, "p");
        CelField unsized = CelDeclarations.FromJsonSchema(PaymentSchema.Replace(", \"maxItems\": 5", ""), "p");
        long Worst(CelField field) =>
            new CelEnvironment.Builder().Variable(field).Build().Compile("p.tags.exists(t, t == 'x')").WorstCost.Worst;
        Assert.True(Worst(sized) * 10 < Worst(unsized));
    }

    [Theory]
    [InlineData("{", "no JSON")]
    [InlineData("""{"type": "objekt"}""", "#/type: there is no type 'objekt'")]
    [InlineData("""{"properties": {"a": {"type": 5}}}""", "#/properties/a/type")]
    [InlineData("""{"properties": {"a": {"$ref": "#/$defs/b"}}}""", "there is nothing at #/$defs/b")]
    [InlineData("""{"$ref": "http://example.com/a"}""", "only references within the schema")]
    [InlineData("""{"$ref": "#"}""", "refers to itself")]
    [InlineData("""{"properties": []}""", "#/properties")]
    public void WrongSchemasAreRefusedWithTheirPlace(string schema, string message) =>
        Assert.Contains(message, Assert.Throws<FormatException>(() => CelDeclarations.FromJsonSchema(schema, "p")).Message);

    private const string AvroSchema = """
        {
          "type": "record", "name": "Payment", "namespace": "acme", "fields": [
            {"name": "id", "type": "string"},
            {"name": "amount", "type": {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}},
            {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
            {"name": "count", "type": ["null", "int"]},
            {"name": "kind", "type": {"type": "enum", "name": "Kind", "symbols": ["A", "B"]}},
            {"name": "other", "type": "Kind"},
            {"name": "tags", "type": {"type": "array", "items": "string"}},
            {"name": "scores", "type": {"type": "map", "values": "float"}},
            {"name": "hash", "type": {"type": "fixed", "name": "Hash", "size": 32}},
            {"name": "parent", "type": ["null", "acme.Payment"]},
            {"name": "mixed", "type": ["int", "string"]}
          ]
        }
        """;

    [Theory]
    [InlineData("p", "acme.Payment")]
    [InlineData("p.amount", "double")]
    [InlineData("p.at", "google.protobuf.Timestamp")]
    [InlineData("p.count", "wrapper(int)")]
    [InlineData("p.other", "string")]
    [InlineData("p.tags", "list(string)")]
    [InlineData("p.scores", "map(string, double)")]
    [InlineData("p.hash", "bytes")]
    [InlineData("p.parent.parent.id", "string")]
    [InlineData("p.mixed", "dyn")]
    public void AnAvroSchemaDeclaresTypes(string source, string type) =>
        Assert.Equal(type, Compiled(CelDeclarations.FromAvro(AvroSchema) with { Name = "p" }, source).ToString());

    [Theory]
    [InlineData("\"acme.Nothing\"", "before declaring it")]
    [InlineData("{\"name\": \"x\"}", "without a \"type\"")]
    [InlineData("{\"type\": \"record\", \"name\": \"x\"}", "lacks \"fields\"")]
    [InlineData("7", "a word, a list or an object")]
    public void WrongAvroSchemasAreRefused(string schema, string message) =>
        Assert.Contains(message, Assert.Throws<FormatException>(() => CelDeclarations.FromAvro(schema)).Message);

    [Theory]
    [InlineData("p.a", "int")]
    [InlineData("p.b", "double")]
    [InlineData("p.c", "wrapper(string)")]
    [InlineData("p.d", "dyn")]
    [InlineData("p.e", "list(int)")]
    [InlineData("p.f.g", "bool")]
    [InlineData("p.h", "list(dyn)")]
    public void SamplesDeclareTypes(string source, string type)
    {
        string[] samples =
        [
            """{"a": 1, "b": 1, "c": null, "d": 1, "e": [1, 2], "f": {"g": true}, "h": []}""",
            """{"a": 2, "b": 1.5, "c": "x", "d": "x", "e": []}""",
        ];
        CelField field = CelDeclarations.FromSamples(samples.Select(sample => JsonDocument.Parse(sample).RootElement), "p");
        Assert.Equal(type, Compiled(field, source).ToString());
    }

    [Fact]
    public void ObjectsWithManyRareMembersAreMaps()
    {
        IEnumerable<JsonElement> samples = Enumerable.Range(0, 100)
            .Select(number => JsonDocument.Parse($"{{\"by\": {{\"user{number}\": {number}}}}}").RootElement);
        Assert.Equal("map(string, int)", Compiled(CelDeclarations.FromSamples(samples, "p"), "p.by").ToString());
    }

    [Fact]
    public void DataIsReadAsDeclared()
    {
        CelField field = CelDeclarations.FromJsonSchema(PaymentSchema, "p");
        CelEnvironment environment = new CelEnvironment.Builder().Variable(field).Build();
        const string Json = """{"amount": 5, "count": null, "at": "2026-01-31T10:00:00Z", "tags": ["vip"], "party": {"name": "A", "parent": {"name": "B"}}}""";
        using JsonDocument document = JsonDocument.Parse(Json);
        CelValue payment = CelJson.ReadAs(document.RootElement, field.Type);
        CelValue Evaluate(string source) => environment.Compile(source).Evaluate([payment]);
        Assert.Equal(CelValue.True, Evaluate(
            "p.amount == 5.0 && p.count == null && p.at.getHours() == 10 && 'vip' in p.tags && p.party.parent.name == 'B' && !has(p.id) && has(p.count)"));
        Assert.Equal(CelErrorCode.NoSuchField, Evaluate("p.id == 'x'").ErrorValue.Code);
        Assert.Contains("$.tags[0]: string is declared here, not 5", Wrong("""{"tags": [5]}"""));
        Assert.Contains("$.party.name", Wrong("""{"party": {"name": {}}}"""));
        Assert.Contains("$.at: invalid timestamp", Wrong("""{"at": "today"}"""));

        string Wrong(string json)
        {
            using JsonDocument wrong = JsonDocument.Parse(json);
            return Assert.Throws<FormatException>(() => CelJson.ReadAs(wrong.RootElement, field.Type)).Message;
        }
    }
}
