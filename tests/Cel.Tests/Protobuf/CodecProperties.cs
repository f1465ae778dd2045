using System.Globalization;
using System.Text;
using System.Text.Json;
using CsCheck;
using PipeRoll.Cel.Json;
using PipeRoll.Cel.Tests.Conformance;

namespace PipeRoll.Cel.Tests.Protobuf;

/// <summary>A message is the same whether it comes from its bytes or from its JSON, and survives being written.</summary>
public sealed class CodecProperties
{
    private const string Type = "cel.expr.conformance.proto3.TestAllTypes";

    // A field in both forms.
    private sealed record Field(string Json, Action<WireWriter> Wire);

    private static readonly Gen<Field> Fields = Gen.OneOf(
        Gen.Int.Select(n => new Field($"\"singleInt32\": {n}", wire => wire.Varint(1, unchecked((ulong)n)))),
        Gen.Long.Select(n => new Field($"\"singleInt64\": \"{n}\"", wire => wire.Varint(2, unchecked((ulong)n)))),
        Gen.UInt.Select(n => new Field($"\"singleUint32\": {n}", wire => wire.Varint(3, n))),
        Gen.ULong.Select(n => new Field($"\"singleUint64\": \"{n}\"", wire => wire.Varint(4, n))),
        Gen.Long.Select(n => new Field($"\"singleSint64\": \"{n}\"", wire => wire.Varint(6, unchecked((ulong)((n << 1) ^ (n >> 63)))))),
        Gen.UInt.Select(n => new Field($"\"singleFixed32\": {n}", wire => wire.Fixed32(7, n))),
        Gen.Long.Select(n => new Field($"\"singleSfixed64\": \"{n}\"", wire => wire.Fixed64(10, unchecked((ulong)n)))),
        Gen.Float.Where(float.IsFinite).Select(n => new Field($"\"singleFloat\": {n.ToString("R", CultureInfo.InvariantCulture)}", wire => wire.Fixed32(11, BitConverter.SingleToUInt32Bits(n)))),
        Gen.Double.Where(double.IsFinite).Select(n => new Field($"\"singleDouble\": {n.ToString("R", CultureInfo.InvariantCulture)}", wire => wire.Fixed64(12, BitConverter.DoubleToUInt64Bits(n)))),
        Gen.Bool.Select(b => new Field($"\"singleBool\": {(b ? "true" : "false")}", wire => wire.Varint(13, b ? 1u : 0u))),
        Gen.String[Gen.Char['a', 'ÿ'], 0, 9].Select(text => new Field($"\"singleString\": {JsonSerializer.Serialize(text)}", wire => wire.Text(14, text))),
        Gen.Byte.Array[0, 9].Select(bytes => new Field($"\"singleBytes\": \"{Convert.ToBase64String(bytes)}\"", wire => wire.Blob(15, bytes))),
        Gen.Int[-1, 4].Select(n => new Field($"\"standaloneEnum\": {(n is >= 0 and <= 2 ? $"\"{new[] { "FOO", "BAR", "BAZ" }[n]}\"" : $"{n}")}", wire => wire.Varint(24, unchecked((ulong)n)))),
        Gen.Int.Array[0, 5].Select(list => new Field(
            $"\"repeatedInt32\": [{string.Join(", ", list)}]", wire => list.ToList().ForEach(n => wire.Varint(31, unchecked((ulong)n))))),
        Gen.Int.Select(n => new Field($"\"standaloneMessage\": {{\"bb\": {n}}}", wire => wire.Message(23, new WireWriter().Varint(1, unchecked((ulong)n))))),
        Gen.Long.Select(n => new Field($"\"singleInt64Wrapper\": \"{n}\"", wire => wire.Message(105, new WireWriter().Varint(1, unchecked((ulong)n))))),
        Gen.Int[-1000, 1000].Select(n => new Field($"\"singleDuration\": \"{n}s\"", wire => wire.Message(101, new WireWriter().Varint(1, unchecked((ulong)(long)n))))),
        Gen.Bool.Select(b => new Field($"\"oneofBool\": {(b ? "true" : "false")}", wire => wire.Varint(402, b ? 1u : 0u))));

    [Fact]
    public void BytesAndJsonAreTheSameMessage() => Seeded.Each(
        Fields.List[0, 12],
        2000,
        fields =>
        {
            // A field twice in JSON would be the last one, as in bytes; repeated ones would not.
            List<Field> distinct = [.. fields.GroupBy(field => field.Json[..field.Json.IndexOf(':')]).Select(group => group.First())];
            var wire = new WireWriter();
            distinct.ForEach(field => field.Wire(wire));
            string json = $"{{\"objectValue\": {{\"@type\": \"type.googleapis.com/{Type}\"{string.Concat(distinct.Select(field => ", " + field.Json))}}}}}";
            CelValue fromBytes = ConformanceMessages.Weak.Decode(Type, wire.Bytes);
            CelValue fromJson = Read(json);
            Assert.True(CelValue.AreEqual(fromBytes, fromJson), $"{json}\n{Convert.ToHexString(wire.Bytes)}");
            Assert.True(CelValue.AreEqual(fromBytes, Read(Write(fromBytes))), Write(fromBytes));
        },
        fields => string.Join(", ", fields.Select(field => field.Json)));

    private static CelValue Read(string json)
    {
        using JsonDocument document = JsonDocument.Parse(json);
        return CelJson.ReadTyped(document.RootElement, ConformanceMessages.Weak);
    }

    private static string Write(in CelValue value)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer))
        {
            CelJson.WriteTyped(json, value);
        }

        return Encoding.UTF8.GetString(buffer.ToArray());
    }
}
