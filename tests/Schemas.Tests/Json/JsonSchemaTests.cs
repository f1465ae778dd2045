using System.Text;
using CsCheck;
using PipeRoll.Schemas.Json;

namespace PipeRoll.Schemas.Tests.Json;

public sealed class JsonSchemaTests
{
    [Fact]
    public void TheCanonicalTextKeepsTheOrderAndTheNormalizedOneHasNone()
    {
        JsonSchema schema = JsonSchema.Parse("""{ "type": "object", "properties": { "b": {"maximum": 1.50}, "a": true } }""", []);
        Assert.Equal("""{"type":"object","properties":{"b":{"maximum":1.50},"a":true}}""", schema.Canonical);
        Assert.Equal("""{"properties":{"a":true,"b":{"maximum":1.50}},"type":"object"}""", schema.Normalized);
    }

    [Theory]
    [InlineData("[]", "an object, true or false")]
    [InlineData("""{"type":"text"}""", "#/type")]
    [InlineData("""{"properties":[]}""", "an object of schemas")]
    [InlineData("""{"properties":{"a":3}}""", "#/properties/a")]
    [InlineData("""{"minLength":-1}""", "a count")]
    [InlineData("""{"multipleOf":0}""", "above 0")]
    [InlineData("""{"pattern":"("}""", "no regular expression")]
    [InlineData("""{"$ref":"#/definitions/a"}""", "leads nowhere")]
    [InlineData("""{"$ref":"other.json"}""", "leads nowhere")]
    [InlineData("""{"$ref":"#"}""", "in a circle")]
    [InlineData("""{"anyOf":[]}""", "a list of schemas")]
    [InlineData("{", "not JSON")]
    public void WhatIsNoSchemaIsRefusedWithTheReason(string text, string reason)
    {
        Assert.Null(SchemaParser.TryParse(SchemaType.Json, text, [], out string? problem));
        Assert.Contains(reason, problem);
    }

    // One of each assertion: a value that fits, and one that does not.
    [Theory]
    [InlineData("true", "1", null)]
    [InlineData("""{"type":"integer"}""", "1.0", "1.5")]
    [InlineData("""{"type":["number","null"]}""", "null", "\"a\"")]
    [InlineData("""{"enum":[1,{"a":[]}]}""", """{"a":[]}""", "2")]
    [InlineData("""{"const":null}""", "null", "0")]
    [InlineData("""{"maxLength":2}""", "\"\\ud83d\\ude00a\"", "\"abc\"")]
    [InlineData("""{"minLength":2}""", "\"ab\"", "\"a\"")]
    [InlineData("""{"pattern":"^a+$"}""", "\"aa\"", "\"ab\"")]
    [InlineData("""{"maximum":3,"minimum":1}""", "3", "0")]
    [InlineData("""{"exclusiveMaximum":3}""", "2", "3")]
    [InlineData("""{"maximum":3,"exclusiveMaximum":true}""", "2", "3")]
    [InlineData("""{"multipleOf":0.1}""", "0.3", "0.35")]
    [InlineData("""{"items":{"type":"string"}}""", """["a"]""", "[1]")]
    [InlineData("""{"items":[{"type":"string"}],"additionalItems":false}""", """["a"]""", """["a",1]""")]
    [InlineData("""{"prefixItems":[{"type":"string"}],"items":{"type":"integer"}}""", """["a",1]""", """["a","b"]""")]
    [InlineData("""{"contains":{"type":"string"}}""", """[1,"a"]""", "[1]")]
    [InlineData("""{"uniqueItems":true}""", """[{"a":1,"b":2},{"a":2}]""", """[{"a":1,"b":2},{"b":2,"a":1}]""")]
    [InlineData("""{"maxItems":1}""", "[1]", "[1,2]")]
    [InlineData("""{"required":["a"]}""", """{"a":1}""", "{}")]
    [InlineData("""{"properties":{"a":{"type":"string"}},"additionalProperties":false}""", """{"a":""}""", """{"b":1}""")]
    [InlineData("""{"patternProperties":{"^x":{"type":"string"}},"additionalProperties":{"type":"integer"}}""", """{"xa":"","b":1}""", """{"xa":1}""")]
    [InlineData("""{"propertyNames":{"maxLength":1}}""", """{"a":1}""", """{"ab":1}""")]
    [InlineData("""{"minProperties":1}""", """{"a":1}""", "{}")]
    [InlineData("""{"dependencies":{"a":["b"],"c":{"required":["d"]}}}""", """{"a":1,"b":1}""", """{"c":1}""")]
    [InlineData("""{"dependentRequired":{"a":["b"]}}""", "{}", """{"a":1}""")]
    [InlineData("""{"allOf":[{"minimum":1},{"maximum":3}]}""", "2", "4")]
    [InlineData("""{"anyOf":[{"type":"string"},{"minimum":3}]}""", "3", "2")]
    [InlineData("""{"oneOf":[{"multipleOf":3},{"multipleOf":5}]}""", "9", "15")]
    [InlineData("""{"not":{"type":"string"}}""", "1", "\"a\"")]
    [InlineData("""{"if":{"type":"string"},"then":{"minLength":1},"else":{"minimum":1}}""", "1", "\"\"")]
    [InlineData("""{"definitions":{"t":{"type":"object","properties":{"next":{"$ref":"#/definitions/t"}},"additionalProperties":false}},"$ref":"#/definitions/t"}""", """{"next":{"next":{}}}""", """{"next":{"other":{}}}""")]
    [InlineData("""{"$defs":{"t":{"$anchor":"here","type":"string"}},"properties":{"a":{"$ref":"#here"}}}""", """{"a":""}""", """{"a":1}""")]
    public void AssertionsHold(string schema, string good, string? bad)
    {
        JsonSchema parsed = JsonSchema.Parse(schema, []);
        Assert.Null(parsed.FindProblem(Encoding.UTF8.GetBytes(good)));
        Assert.True(bad is null || parsed.FindProblem(Encoding.UTF8.GetBytes(bad)) is not null);
    }

    [Fact]
    public void WhatIsWrongIsSaidWithItsPlace()
    {
        JsonSchema schema = JsonSchema.Parse("""{"properties":{"a":{"items":{"type":"string"}}}}""", []);
        Assert.Equal("/a/1: is integer, not string", schema.FindProblem("""{"a":["x",2]}"""u8));
        Assert.Contains("not JSON", schema.FindProblem("{"u8));
    }

    [Fact]
    public void AReferenceIsFoundByItsNameAndById()
    {
        ResolvedReference[] references =
        [
            new("money.json", """{"$id":"https://example.org/money","definitions":{"cents":{"type":"integer"}}}"""),
        ];
        foreach (string name in (string[])["money.json", "https://example.org/money"])
        {
            JsonSchema schema = JsonSchema.Parse("""{"properties":{"price":{"$ref":"NAME#/definitions/cents"}}}""".Replace("NAME", name), references);
            Assert.Null(schema.FindProblem("""{"price":3}"""u8));
            Assert.NotNull(schema.FindProblem("""{"price":"3"}"""u8));
        }
    }

    [Theory]
    // Texts, numbers, enums, types.
    [InlineData("""{"type":"number"}""", """{"type":"integer"}""", null)]
    [InlineData("""{"type":"integer"}""", """{"type":"number"}""", "TYPE_CHANGED")]
    [InlineData("""{"type":["string","null"]}""", """{"type":"string"}""", null)]
    [InlineData("""{"type":"string"}""", """{"type":["string","null"]}""", "TYPE_NARROWED")]
    [InlineData("""{"type":"string"}""", "{}", "TYPE_NARROWED")]
    [InlineData("{}", """{"type":"string"}""", null)]
    [InlineData("""{"type":"string","maxLength":5}""", """{"type":"string","maxLength":4}""", null)]
    [InlineData("""{"type":"string","maxLength":4}""", """{"type":"string","maxLength":5}""", "MAX_LENGTH_DECREASED")]
    [InlineData("""{"type":"string","minLength":4}""", """{"type":"string"}""", "MIN_LENGTH_ADDED")]
    [InlineData("""{"type":"string","pattern":"a"}""", """{"type":"string","pattern":"b"}""", "PATTERN_CHANGED")]
    [InlineData("""{"maximum":5}""", """{"exclusiveMaximum":5,"maximum":5}""", null)]
    [InlineData("""{"multipleOf":2}""", """{"multipleOf":4}""", null)]
    [InlineData("""{"multipleOf":4}""", """{"multipleOf":2}""", "MULTIPLE_OF_CHANGED")]
    [InlineData("""{"enum":["a","b"]}""", """{"enum":["a"]}""", null)]
    [InlineData("""{"enum":["a"]}""", """{"enum":["a","b"]}""", "ENUM_ARRAY_NARROWED")]
    [InlineData("false", "true", "FALSE_SCHEMA_ADDED")]
    // Objects, open, closed and in between.
    [InlineData("""{"type":"object","properties":{"a":{"type":"string"}}}""", """{"type":"object"}""", "PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL")]
    [InlineData("""{"type":"object","properties":{"a":{}}}""", """{"type":"object"}""", null)]
    [InlineData("""{"type":"object","properties":{"a":{"type":"string"}}}""", """{"type":"object","additionalProperties":false}""", null)]
    [InlineData("""{"type":"object","properties":{"a":{"type":"string"}},"required":["a"]}""", """{"type":"object","additionalProperties":false}""", "REQUIRED_PROPERTY_ADDED_TO_UNOPEN_CONTENT_MODEL")]
    [InlineData("""{"type":"object","properties":{"a":{"type":"string","default":""}},"required":["a"]}""", """{"type":"object","additionalProperties":false}""", null)]
    [InlineData("""{"type":"object","properties":{"a":{"type":"string"}}}""", """{"type":"object","additionalProperties":{"type":"string"}}""", null)]
    [InlineData("""{"type":"object","properties":{"a":{"type":"string"}}}""", """{"type":"object","additionalProperties":{"type":"integer"}}""", "PROPERTY_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL")]
    [InlineData("""{"type":"object"}""", """{"type":"object","properties":{"a":{"type":"string"}}}""", null)]
    [InlineData("""{"type":"object","additionalProperties":false}""", """{"type":"object","properties":{"a":{"type":"string"}},"additionalProperties":false}""", "PROPERTY_REMOVED_FROM_CLOSED_CONTENT_MODEL")]
    [InlineData("""{"type":"object","additionalProperties":{"type":"string"}}""", """{"type":"object","properties":{"a":{"type":"string"}},"additionalProperties":false}""", null)]
    [InlineData("""{"type":"object","additionalProperties":false}""", """{"type":"object"}""", "ADDITIONAL_PROPERTIES_REMOVED")]
    [InlineData("""{"type":"object","properties":{"a":{"type":"string"}},"required":["a"]}""", """{"type":"object","properties":{"a":{"type":"string"}}}""", "REQUIRED_ATTRIBUTE_ADDED")]
    [InlineData("""{"type":"object","properties":{"a":{"type":"string"}}}""", """{"type":"object","properties":{"a":{"type":"integer"}}}""", "TYPE_CHANGED")]
    [InlineData("""{"patternProperties":{"^a":{"type":"string"}}}""", "{}", "PATTERN_PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL")]
    [InlineData("""{"dependencies":{"a":["b"]}}""", "{}", "DEPENDENCY_ADDED")]
    // Arrays.
    [InlineData("""{"type":"array","items":{"type":"number"}}""", """{"type":"array","items":{"type":"integer"}}""", null)]
    [InlineData("""{"type":"array","items":{"type":"integer"}}""", """{"type":"array"}""", "ITEM_NARROWED")]
    [InlineData("""{"type":"array","maxItems":1}""", """{"type":"array"}""", "MAX_ITEMS_ADDED")]
    [InlineData("""{"type":"array","uniqueItems":true}""", """{"type":"array"}""", "UNIQUE_ITEMS_ADDED")]
    // Combined.
    [InlineData("""{"oneOf":[{"type":"string"},{"type":"integer"}]}""", """{"type":"string"}""", null)]
    [InlineData("""{"oneOf":[{"type":"string"},{"type":"integer"}]}""", """{"oneOf":[{"type":"integer"}]}""", null)]
    [InlineData("""{"oneOf":[{"type":"string"}]}""", """{"oneOf":[{"type":"string"},{"type":"integer"}]}""", "SUM_TYPE_NARROWED")]
    [InlineData("""{"type":"string"}""", """{"anyOf":[{"type":"string"},{"type":"integer"}]}""", "TYPE_NARROWED")]
    [InlineData("""{"type":["integer","string"]}""", """{"anyOf":[{"type":"string"},{"type":"integer"}]}""", null)]
    [InlineData("""{"allOf":[{"minimum":1}]}""", """{"allOf":[{"minimum":1},{"maximum":3}]}""", null)]
    [InlineData("""{"allOf":[{"minimum":1},{"maximum":3}]}""", """{"allOf":[{"minimum":1}]}""", "PRODUCT_TYPE_EXTENDED")]
    [InlineData("""{"minimum":1}""", """{"allOf":[{"minimum":1},{"maximum":3}]}""", null)]
    [InlineData("""{"not":{"type":"string"}}""", """{"not":{"type":["string","null"]}}""", null)]
    [InlineData("""{"not":{"type":["string","null"]}}""", """{"not":{"type":"string"}}""", "NOT_TYPE_EXTENDED")]
    [InlineData("""{"definitions":{"a":{"type":"number"}},"$ref":"#/definitions/a"}""", """{"type":"integer"}""", null)]
    public void TheReaderTakesWhatTheWriterTook(string reader, string writer, string? kind)
    {
        IReadOnlyList<Incompatibility> found = JsonSchema.Parse(reader, []).FindIncompatibilities(JsonSchema.Parse(writer, []));
        if (kind is null)
        {
            Assert.Empty(found);
        }
        else
        {
            Assert.Contains(kind, found.Select(problem => problem.Kind));
        }
    }

    [Fact]
    public void EverySchemaTakesWhatItTook() => JsonGen.Schema.Sample(text =>
    {
        JsonSchema schema = JsonSchema.Parse(text, []);
        return schema.FindIncompatibilities(schema).Count == 0 && schema.FindIncompatibilities(JsonSchema.Parse(schema.Normalized, [])).Count == 0;
    });

    /// <summary>What the checks call compatible is so: values that the writer takes, the reader takes.</summary>
    [Fact]
    public void WhatIsCompatibleIsReallySo() => Gen.Select(JsonGen.Schema, JsonGen.Schema, JsonGen.Value).Sample((writer, reader, value) =>
    {
        JsonSchema old = JsonSchema.Parse(writer, []);
        JsonSchema taken = JsonSchema.Parse(reader, []);
        byte[] bytes = Encoding.UTF8.GetBytes(value);
        return taken.FindIncompatibilities(old).Count > 0 || old.FindProblem(bytes) is not null || taken.FindProblem(bytes) is null;
    }, iter: 5_000);

    private static class JsonGen
    {
        private static readonly string[] Plain =
        [
            "true", "{}", """{"type":"string"}""", """{"type":"integer"}""", """{"type":["number","null"]}""", """{"maximum":3}""",
            """{"minimum":1,"type":"integer"}""", """{"maxLength":1}""", """{"enum":["a",1,null]}""", """{"type":"object"}""",
        ];

        public static Gen<string> Schema { get; } = Of(3);

        public static Gen<string> Value { get; } = ValueOf(2);

        private static Gen<string> Of(int depth)
        {
            Gen<string> plain = Gen.Int[0, 9].Select(static i => Plain[i]);
            if (depth == 0)
            {
                return plain;
            }

            Gen<string> inner = Of(depth - 1);
            return Gen.Frequency(
                (2, plain),
                (1, Gen.Select(inner, inner, Gen.Bool, Gen.Bool).Select(static (a, b, isClosed, isRequired) =>
                    $$"""{"type":"object","properties":{"a":{{a}},"b":{{b}}},"required":[{{(isRequired ? "\"a\"" : "")}}],"additionalProperties":{{(isClosed ? "false" : "true")}}}""")),
                (1, inner.Select(static a => $$"""{"properties":{"b":true},"additionalProperties":{{a}}}""")),
                (1, inner.Select(static a => $$"""{"type":"array","items":{{a}}}""")),
                (1, Gen.Select(inner, inner).Select(static (a, b) => $$"""{"anyOf":[{{a}},{{b}}]}""")),
                (1, Gen.Select(inner, inner).Select(static (a, b) => $$"""{"allOf":[{{a}},{{b}}]}""")),
                (1, inner.Select(static a => $$"""{"not":{{a}}}""")));
        }

        private static Gen<string> ValueOf(int depth)
        {
            Gen<string> plain = Gen.Int[0, 7].Select(static i => new[] { "null", "1", "4", "2.5", "\"\"", "\"a\"", "\"bcd\"", "{}" }[i]);
            return depth == 0 ? plain : Gen.Frequency(
                (2, plain),
                (2, Gen.Select(ValueOf(depth - 1), ValueOf(depth - 1), Gen.Int[0, 2]).Select(static (a, b, kind) =>
                    kind switch { 0 => $$"""{"a":{{a}}}""", 1 => $$"""{"b":{{b}}}""", _ => $$"""{"a":{{a}},"b":{{b}}}""" })),
                (1, Gen.Select(ValueOf(depth - 1), ValueOf(depth - 1)).Select(static (a, b) => $"[{a},{b}]")));
        }
    }
}
