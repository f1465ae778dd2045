using PipeRoll.Wire.Framing;

namespace PipeRoll.Wire.Tests.Messages;

/// <summary>Bytes that were not written by us are read to the right fields and written to the same bytes.</summary>
public sealed class GoldenBytesTests
{
    private const string SchemaFile = "Messages/Golden/schemas.txt";

    public static TheoryData<string> Names => MessageCatalog.Names;

    [Theory]
    [MemberData(nameof(Names))]
    public void BytesOfTheSchemasAreReadAndWritten(string name)
    {
        MessageKind kind = MessageCatalog.Get(name);
        List<Golden> values = [.. Golden.ReadAll(SchemaFile).Where(golden => golden.Message == name)];
        Assert.Equal(kind.Info.MaxVersion - kind.Info.MinVersion + 1, values.Count);

        foreach (Golden golden in values)
        {
            IKafkaMessage message = kind.Read(golden.Bytes, golden.Version);

            Assert.Equal(golden.Fields, WireText.Of(message, golden.Version));
            Assert.Equal(Convert.ToHexString(golden.Bytes), Convert.ToHexString(ResponseFrame.ToBytes(message, golden.Version)));
        }
    }

    private sealed record Golden(string Message, short Version, byte[] Bytes, string Fields)
    {
        public static IEnumerable<Golden> ReadAll(string path) =>
            File.ReadLines(Path.Combine(AppContext.BaseDirectory, path)).Where(line => line[0] != '#').Select(Parse);

        private static Golden Parse(string line)
        {
            string[] parts = line.Split(' ', 4);
            return new Golden(parts[0], short.Parse(parts[1]), Convert.FromHexString(parts[2]), parts[3]);
        }
    }
}
