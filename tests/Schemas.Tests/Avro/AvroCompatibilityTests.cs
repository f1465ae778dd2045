using CsCheck;
using PipeRoll.Schemas.Avro;

namespace PipeRoll.Schemas.Tests.Avro;

public sealed class AvroCompatibilityTests
{
    private const string Base = """{"type":"record","name":"A","fields":[{"name":"x","type":"int"}]}""";

    [Theory]
    [InlineData("\"long\"", "\"int\"")]
    [InlineData("\"double\"", "\"float\"")]
    [InlineData("\"bytes\"", "\"string\"")]
    [InlineData("""["null","long"]""", "\"int\"")]
    [InlineData("""["null","string"]""", """["string"]""")]
    [InlineData("""{"type":"record","name":"A","fields":[{"name":"x","type":"int"},{"name":"y","type":"int","default":1}]}""", Base)]
    [InlineData("""{"type":"record","name":"A","fields":[]}""", Base)]
    [InlineData("""{"type":"record","name":"A","fields":[{"name":"z","type":"int","aliases":["x"]}]}""", Base)]
    [InlineData("""{"type":"record","name":"B","aliases":["A"],"fields":[{"name":"x","type":"int"}]}""", Base)]
    [InlineData("""{"type":"enum","name":"E","symbols":["A"],"default":"A"}""", """{"type":"enum","name":"E","symbols":["A","B"]}""")]
    public void TheReaderReads(string reader, string writer) => Assert.Empty(Find(reader, writer));

    [Theory]
    [InlineData("\"int\"", "\"long\"", "TYPE_MISMATCH", "/")]
    [InlineData("\"string\"", """["null","string"]""", "TYPE_MISMATCH", "/")]
    [InlineData("""["int","string"]""", """["int","boolean"]""", "MISSING_UNION_BRANCH", "/")]
    [InlineData("""{"type":"record","name":"A","fields":[{"name":"x","type":"int"},{"name":"y","type":"int"}]}""", Base, "READER_FIELD_MISSING_DEFAULT_VALUE", "/fields/1")]
    [InlineData("""{"type":"record","name":"A","fields":[{"name":"x","type":"string"}]}""", Base, "TYPE_MISMATCH", "/fields/0/type")]
    [InlineData("""{"type":"record","name":"B","fields":[{"name":"x","type":"int"}]}""", Base, "NAME_MISMATCH", "/name")]
    [InlineData("""{"type":"enum","name":"E","symbols":["A"]}""", """{"type":"enum","name":"E","symbols":["A","B"]}""", "MISSING_ENUM_SYMBOLS", "/symbols")]
    [InlineData("""{"type":"fixed","name":"F","size":4}""", """{"type":"fixed","name":"F","size":8}""", "FIXED_SIZE_MISMATCH", "/size")]
    [InlineData("""{"type":"map","values":"int"}""", """{"type":"map","values":"string"}""", "TYPE_MISMATCH", "/values")]
    public void WhatTheReaderCanNotReadIsNamedWithItsPlace(string reader, string writer, string kind, string path)
    {
        Incompatibility found = Assert.Single(Find(reader, writer));
        Assert.Equal((kind, path), (found.Kind, found.Path));
    }

    [Fact]
    public void TypesThatHoldThemselvesEnd()
    {
        const string Tree = """{"type":"record","name":"T","fields":[{"name":"v","type":"int"},{"name":"l","type":["null","T"]},{"name":"r","type":["null","T"]}]}""";
        Assert.Empty(Find(Tree, Tree));
        Assert.NotEmpty(Find(Tree.Replace("\"int\"", "\"string\""), Tree));
    }

    [Fact]
    public void ManyUnionsOfRecordsCostLittle()
    {
        string text = """{"type":"record","name":"L0","fields":[]}""";
        for (int level = 1; level <= 45; level++)
        {
            text = $$"""{"type":"record","name":"L{{level}}","fields":[{"name":"a","type":["null",{{text}}]},{"name":"b","type":["null","L{{level - 1}}"]}]}""";
        }

        Assert.Empty(Find(text, text));
    }

    [Fact]
    public void EverySchemaReadsItself() => AvroGen.Schema.Sample(schema => Find(schema, schema).Count == 0);

    /// <summary>Fields with defaults may come and go in both directions.</summary>
    [Fact]
    public void FieldsWithDefaultsChainTransitively() => Gen.Select(AvroGen.Fields, AvroGen.Fields, AvroGen.Fields).Sample((one, two, three) =>
    {
        string[] versions = [AvroGen.Record(one), AvroGen.Record(two), AvroGen.Record(three)];
        return versions.All(reader => versions.All(writer => Find(reader, writer).Count == 0));
    });

    [Fact]
    public void PrintingAndParsingIsTheSameSchema() => AvroGen.Schema.Sample(text =>
    {
        AvroSchema schema = AvroSchema.Parse(text, []);
        AvroSchema again = AvroSchema.Parse(schema.Canonical, []);
        return again.Canonical == schema.Canonical && again.ParsingCanonicalForm == schema.ParsingCanonicalForm;
    });

    private static IReadOnlyList<Incompatibility> Find(string reader, string writer) =>
        AvroSchema.Parse(reader, []).FindIncompatibilities(AvroSchema.Parse(writer, []));

    private static class AvroGen
    {
        private static readonly Gen<string> Primitive =
            Gen.Int[0, 6].Select(static i => new[] { "\"int\"", "\"long\"", "\"string\"", "\"bytes\"", "\"double\"", "\"boolean\"", """{"type":"long","logicalType":"timestamp-millis"}""" }[i]);

        private static int _names;

        public static Gen<string> Schema { get; } = Of(4);

        /// <summary>Subsets of five optional fields.</summary>
        public static Gen<bool[]> Fields { get; } = Gen.Bool.Array[5];

        public static string Record(bool[] fields) =>
            $$"""{"type":"record","name":"R","fields":[{{string.Join(',', fields.Select((on, i) => on ? $$"""{"name":"f{{i}}","type":"int","default":{{i}}}""" : null).OfType<string>())}}]}""";

        private static Gen<string> Of(int depth) => depth == 0 ? Primitive : Gen.OneOf(
            Primitive,
            Of(depth - 1).Select(static items => $$"""{"type":"array","items":{{items}}}"""),
            Of(depth - 1).Select(static items => $$"""{"type":"map","values":{{items}}}"""),
            Of(depth - 1).Array[0, 3].Select(static types => $$"""{"type":"record","name":"N{{Interlocked.Increment(ref _names)}}","fields":[{{string.Join(',', types.Select((type, i) => $$"""{"name":"f{{i}}","type":{{Renamed(type)}}}"""))}}]}"""),
            Of(depth - 1).Select(static type => type.StartsWith('[') || type == "\"boolean\"" ? "[\"null\",\"int\"]" : $"[\"boolean\",{type}]"));

        // A name may be defined once only, and a generated part may be drawn twice.
        private static string Renamed(string type) =>
            System.Text.RegularExpressions.Regex.Replace(type, "\"N\\d+\"", _ => $"\"N{Interlocked.Increment(ref _names)}\"");
    }
}
