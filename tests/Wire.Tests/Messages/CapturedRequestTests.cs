using PipeRoll.Wire.Framing;
using PipeRoll.Wire.Messages;
using PipeRoll.Wire.Records;

namespace PipeRoll.Wire.Tests.Messages;

/// <summary>What real clients sent is read whole, and written again to the same bytes.</summary>
public sealed class CapturedRequestTests
{
    public static TheoryData<string, string, short, string> Captures =>
        new(Lines().Select(parts => (parts[0], parts[1], short.Parse(parts[2]), parts[3])));

    public static TheoryData<string, short, string> Produces =>
        new(Lines().Where(parts => parts[1] == nameof(ProduceRequest)).Select(parts => (parts[0], short.Parse(parts[2]), parts[3])));

    [Theory]
    [MemberData(nameof(Captures))]
    public void ACapturedRequestIsReadAndWritten(string client, string request, short version, string hex)
    {
        byte[] frame = Convert.FromHexString(hex);
        var reader = new WireReader(frame, new StringCache());

        RequestHeader header = RequestFrame.ReadHeader(ref reader);
        Assert.True(ApiVersionsTable.TryGet(header.RequestApiKey, out ApiSupport api), client);
        IKafkaMessage message = MessageCatalog.Get(request).Read(ref reader, header.RequestApiVersion);
        reader.RequireEnd();

        Assert.Equal((request, version), (api.Name + "Request", header.RequestApiVersion));
        Assert.True(api.Serves(version));
        using ResponseFrame again = ResponseFrame.ForRequest(api, version, header.CorrelationId, header.ClientId, message);
        Assert.Equal(hex, Convert.ToHexStringLower(again.ToArray()[RequestFrame.PrefixBytes..]));
    }

    [Theory]
    [MemberData(nameof(Produces))]
    public void TheRecordsOfEveryClientAndCodecAreValid(string client, short version, string hex)
    {
        var reader = new WireReader(Convert.FromHexString(hex));
        RequestFrame.ReadHeader(ref reader);
        ReadOnlyMemory<byte>? records = ProduceRequest.Read(ref reader, version).TopicData.Single().PartitionData.Single().Records;
        using var decompressor = new RecordDecompressor();

        RecordBatchVerdict verdict = RecordBatchValidator.Validate(records, new RecordBatchRules(), decompressor);

        Assert.Equal((KafkaError.None, null), (verdict.Error, verdict.Reason));
        Assert.Equal(verdict.Header.MaxTimestamp, verdict.MaxTimestamp);
        Assert.Equal(client == "kcat" ? 2 : 3, verdict.Header.RecordCount);
        ReadOnlyMemory<byte> content =
            RecordBatches.OpenRecords(verdict.Header, records!.Value, decompressor, 100_000, out PooledBytes? lease);
        using (lease)
        {
            var all = new RecordReader(verdict.Header, content.Span);
            Assert.True(all.MoveNext());
            Assert.Equal(client == "kcat" ? "k1" : "key-0", System.Text.Encoding.UTF8.GetString(all.Current.Key));
            Assert.Equal(client == "kcat" ? 0 : 60, all.Current.Value.Length - (client == "kcat" ? "first".Length : 0));
        }
    }

    [Fact]
    public void TheCapturesHaveEveryCodec()
    {
        List<CompressionCodec> codecs = [];
        foreach (string[] parts in Lines().Where(parts => parts[1] == nameof(ProduceRequest)))
        {
            var reader = new WireReader(Convert.FromHexString(parts[3]));
            RequestFrame.ReadHeader(ref reader);
            ProduceRequest request = ProduceRequest.Read(ref reader, short.Parse(parts[2]));
            Assert.True(RecordBatchHeader.TryRead(request.TopicData[0].PartitionData[0].Records!.Value.Span, out RecordBatchHeader header));
            codecs.Add(header.Codec);
        }

        Assert.Equal(Enum.GetValues<CompressionCodec>(), codecs.Distinct().Order());
    }

    private static IEnumerable<string[]> Lines() =>
        File.ReadLines(Path.Combine(AppContext.BaseDirectory, "Messages/Golden/captures.txt"))
            .Where(line => line[0] != '#').Select(line => line.Split(' '));
}
