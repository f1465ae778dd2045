using System.Buffers.Binary;
using PipeRoll.Wire.Framing;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Wire.Tests.Framing;

public sealed class ResponseFrameTests
{
    [Fact]
    public void RecordsAreSplicedInWithoutACopyAndTheirLeaseEndsWithTheFrame()
    {
        byte[] first = new byte[3000];
        byte[] second = new byte[5000];
        var lease = new Lease();
        FetchResponse response = Fetch(new RecordsPayload([first, second], lease));

        using (ResponseFrame frame = ResponseFrame.ForResponse(ApiVersionsTable.Get(ApiKey.Fetch), 12, 7, response))
        {
            Assert.Contains(frame.Segments, segment => segment.Equals(first.AsMemory()));
            Assert.Contains(frame.Segments, segment => segment.Equals(second.AsMemory()));
            Assert.False(lease.IsReleased);
        }

        Assert.True(lease.IsReleased);
    }

    [Fact]
    public void TheLengthCountsWhatFollowsIt()
    {
        using ResponseFrame frame =
            ResponseFrame.ForResponse(ApiVersionsTable.Get(ApiKey.Fetch), 12, 7, Fetch(new RecordsPayload(new byte[70_000])));
        byte[] bytes = frame.ToArray();

        Assert.Equal(bytes.Length, frame.Length);
        Assert.Equal(bytes.Length - 4, BinaryPrimitives.ReadInt32BigEndian(bytes));
        Assert.Equal(7, BinaryPrimitives.ReadInt32BigEndian(bytes.AsSpan(4)));
        Assert.Equal(bytes.Length - 4, RequestFrame.ReadLength(bytes, bytes.Length));
    }

    [Theory]
    [InlineData(ApiKey.ApiVersions, 3, false)]
    [InlineData(ApiKey.ApiVersions, 2, false)]
    [InlineData(ApiKey.Metadata, 9, true)]
    [InlineData(ApiKey.Metadata, 8, false)]
    [InlineData(ApiKey.DescribeCluster, 0, true)]
    public void TheResponseHeaderIsFlexibleExceptForApiVersions(ApiKey key, short version, bool isFlexible)
    {
        ApiSupport api = ApiVersionsTable.Get(key);
        var body = (IKafkaMessage)Activator.CreateInstance(Messages.MessageCatalog.Get(api.Name + "Response").Type)!;

        using ResponseFrame frame = ResponseFrame.ForResponse(api, version, 1, body);

        int headerBytes = frame.Length - RequestFrame.PrefixBytes - ResponseFrame.ToBytes(body, version).Length;
        Assert.Equal(isFlexible ? 5 : 4, headerBytes);
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(int.MaxValue)]
    [InlineData(1001)]
    public void ALengthOutOfBoundsIsRefused(int length)
    {
        byte[] prefix = new byte[4];
        BinaryPrimitives.WriteInt32BigEndian(prefix, length);

        Assert.Throws<WireFormatException>(() => RequestFrame.ReadLength(prefix, 1000));
    }

    [Fact]
    public void AMessageThatCannotBeWrittenLeavesNothingBehind()
    {
        var lease = new Lease();
        FetchResponse response = Fetch(new RecordsPayload(new byte[10], lease));
        response.Responses.Add(new FetchResponse.FetchableTopicResponse { Topic = null! });

        Assert.ThrowsAny<Exception>(() => ResponseFrame.ForResponse(ApiVersionsTable.Get(ApiKey.Fetch), 12, 7, response));

        Assert.True(lease.IsReleased);
    }

    [Fact]
    public void AHeaderOfAnUnknownApiStillGivesItsCorrelationId()
    {
        byte[] frame = [0x03, 0xE7, 0, 0, 0, 0, 0, 42, 0xFF, 0xFF];
        var reader = new WireReader(frame);

        RequestHeader header = RequestFrame.ReadHeader(ref reader);

        Assert.Equal((999, 42, null), (header.RequestApiKey, header.CorrelationId, header.ClientId));
        Assert.False(ApiVersionsTable.TryGet(999, out _));
    }

    /// <summary>A client newer than the broker asks for ApiVersions in an unknown version: the answer needs its id (KIP-511).</summary>
    [Fact]
    public void AHeaderOfANewerApiVersionsRequestIsRead()
    {
        byte[] frame = [0, 18, 0, 99, 0, 0, 0, 42, 0, 1, (byte)'c', 0, 1, 2, 3];
        var reader = new WireReader(frame);

        RequestHeader header = RequestFrame.ReadHeader(ref reader);

        Assert.Equal((18, 99, 42, "c"), (header.RequestApiKey, header.RequestApiVersion, header.CorrelationId, header.ClientId));
        Assert.False(ApiVersionsTable.Get(ApiKey.ApiVersions).Serves(99));
    }

    private static FetchResponse Fetch(RecordsPayload records) => new()
    {
        Responses = [new() { Topic = "payments", Partitions = [new() { Records = records }, new()] }],
    };

    private sealed class Lease : IDisposable
    {
        public bool IsReleased { get; private set; }

        public void Dispose() => IsReleased = true;
    }
}
