using PipeRoll.Schemas.Avro;

namespace PipeRoll.Schemas.Tests.Avro;

public sealed class AvroSchemaTests
{
    // Canonical form and fingerprint of the specification's own algorithm, for schemas whose fingerprints are published with Avro's test data.
    [Theory]
    [InlineData("\"null\"", 7195948357588979594)]
    [InlineData("\"int\"", 8247732601305521295)]
    [InlineData("\"string\"", -8142146995180207161)]
    [InlineData("{\"type\":\"fixed\",\"name\":\"foo\",\"size\":15}", 1756455273707447556)]
    [InlineData("{\"type\":\"record\",\"name\":\"foo\",\"fields\":[]}", -4824392279771201922)]
    public void FingerprintsAreThoseOfTheSpecification(string text, long expected) =>
        Assert.Equal(expected, (long)AvroFingerprint.Of(AvroSchema.Parse(text, []).ParsingCanonicalForm));

    [Fact]
    public void TheCanonicalTextHasOneForm()
    {
        AvroSchema schema = AvroSchema.Parse(
            """
            { "fields": [ { "type": {"type": "string"}, "name": "a", "default": "x" },
                          { "name": "next", "type": ["null", "Node"], "order": "ascending" } ],
              "name": "org.example.Node", "type": "record", "owner": "me", "doc": "one" }
            """, []);
        Assert.Equal(
            """{"type":"record","name":"Node","namespace":"org.example","doc":"one","fields":[{"name":"a","type":"string","default":"x"},{"name":"next","type":["null","Node"]}],"owner":"me"}""",
            schema.Canonical);
        Assert.Equal(
            """{"name":"org.example.Node","type":"record","fields":[{"name":"a","type":"string"},{"name":"next","type":["null","org.example.Node"]}]}""",
            schema.ParsingCanonicalForm);
        Assert.Equal(schema.Canonical, AvroSchema.Parse(schema.Canonical, []).Canonical);
    }

    [Fact]
    public void NormalizingOrdersWhatHasNoMeaning()
    {
        string one = AvroSchema.Parse("""{"type":"fixed","name":"f","size":4,"b":1,"a":{"y":2}}""", []).Normalized;
        string other = AvroSchema.Parse("""{"a":{"y":2},"b":1,"type":"fixed","size":4,"name":"f"}""", []).Normalized;
        Assert.Equal(one, other);
    }

    [Fact]
    public void AReferenceIsKnownByItsNameAndNotPrinted()
    {
        var reference = new ResolvedReference("org.example.Money", """{"type":"record","name":"org.example.Money","fields":[{"name":"cents","type":"long"}]}""");
        const string Text = """{"type":"record","name":"Order","namespace":"org.example","fields":[{"name":"price","type":"Money"}]}""";
        Assert.Equal(Text, AvroSchema.Parse(Text, [reference]).Canonical);
        Assert.Throws<SchemaSyntaxException>(() => AvroSchema.Parse(Text, []));
    }

    [Theory]
    [InlineData("""{"type":"record","name":"A"}""", "\"fields\" is missing")]
    [InlineData("""{"type":"record","name":"A","fields":[{"name":"x","type":"nope"}]}""", "no type is called 'nope'")]
    [InlineData("""{"type":"record","name":"A","fields":[{"name":"x","type":"int"},{"name":"x","type":"int"}]}""", "there twice")]
    [InlineData("""{"type":"record","name":"A","fields":[{"name":"x","type":"int","default":"y"}]}""", "default")]
    [InlineData("""{"type":"record","name":"1A","fields":[]}""", "is no name")]
    [InlineData("""{"type":"enum","name":"E","symbols":["A","A"]}""", "symbol twice")]
    [InlineData("""{"type":"enum","name":"E","symbols":["A"],"default":"B"}""", "is no symbol")]
    [InlineData("""["int","int"]""", "has int twice")]
    [InlineData("""["int",["string"]]""", "holds no union")]
    [InlineData("""{"type":"fixed","name":"F","size":-1}""", "number of bytes")]
    [InlineData("", "empty")]
    [InlineData("{", "not JSON")]
    [InlineData("17", "not 17")]
    public void WhatIsNoSchemaIsRefusedWithTheReason(string text, string reason)
    {
        Assert.Null(SchemaParser.TryParse(SchemaType.Avro, text, [], out string? problem));
        Assert.Contains(reason, problem);
    }

    [Theory]
    [InlineData("\"int\"", "05")]
    [InlineData("\"string\"", "0661 62 63")]
    [InlineData("""{"type":"array","items":"int"}""", "0402 04 00")]
    [InlineData("""{"type":"array","items":"int"}""", "03 04 02 04 00")]
    [InlineData("""["null","string"]""", "00")]
    [InlineData("""{"type":"record","name":"A","fields":[{"name":"x","type":"boolean"},{"name":"y","type":{"type":"map","values":"double"}}]}""", "01 00")]
    public void APayloadOfTheSchemaIsFound(string text, string hex) =>
        Assert.Null(AvroSchema.Parse(text, []).FindProblem(Convert.FromHexString(hex.Replace(" ", ""))));

    [Theory]
    [InlineData("\"int\"", "", "cut off")]
    [InlineData("\"int\"", "0505", "1 bytes are left over")]
    [InlineData("\"int\"", "ffffffffffffffffff01", "is no int")]
    [InlineData("\"string\"", "04ffff", "not UTF-8")]
    [InlineData("\"string\"", "0661", "cut off")]
    [InlineData("""["null","string"]""", "04", "no branch")]
    [InlineData("""{"type":"enum","name":"E","symbols":["A"]}""", "02", "no symbol")]
    [InlineData("""{"type":"array","items":"null"}""", "feffffffffffffffff01", "too large")]
    [InlineData("""{"type":"record","name":"A","fields":[{"name":"x","type":{"type":"record","name":"B","fields":[{"name":"y","type":"boolean"}]}}]}""", "02", "x.y: 2 is no boolean")]
    public void WhatIsWrongWithAPayloadIsSaid(string text, string hex, string reason) =>
        Assert.Contains(reason, AvroSchema.Parse(text, []).FindProblem(Convert.FromHexString(hex)));
}
