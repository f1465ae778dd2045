using PipeRoll.Wire.Framing;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Wire.Tests.Framing;

public sealed class WireReaderTests
{
    [Theory]
    [InlineData("00", 0u)]
    [InlineData("7F", 127u)]
    [InlineData("8001", 128u)]
    [InlineData("FFFFFFFF0F", uint.MaxValue)]
    [InlineData("8080808000", 0u)]
    public void AVariableLengthIntegerIsRead(string hex, uint expected)
    {
        var reader = new WireReader(Convert.FromHexString(hex));

        Assert.Equal(expected, reader.ReadVarUInt32());
        Assert.Equal(0, reader.Remaining);
    }

    [Theory]
    [InlineData("")]
    [InlineData("80")]
    [InlineData("FFFFFFFF10")]
    [InlineData("808080808001")]
    public void AVariableLengthIntegerThatIsTooLongIsRefused(string hex) =>
        Assert.Throws<WireFormatException>(() => new WireReader(Convert.FromHexString(hex)).ReadVarUInt32());

    [Theory]
    [InlineData("FFFE", false)]
    [InlineData("FFFF", false)]
    [InlineData("000241", false)]
    [InlineData("0001FF", false)]
    [InlineData("00", true)]
    [InlineData("0341", true)]
    [InlineData("02C0", true)]
    [InlineData("FFFFFFFF0F", true)]
    public void AStringThatIsNullCutOrNotTextIsRefused(string hex, bool compact) =>
        Assert.Throws<WireFormatException>(() => new WireReader(Convert.FromHexString(hex)).ReadString(compact));

    [Fact]
    public void BytesAreASliceOfTheFrame()
    {
        byte[] frame = [0, 0, 0, 3, 1, 2, 3, 9];
        var reader = new WireReader(frame);

        ReadOnlyMemory<byte> bytes = reader.ReadBytes(compact: false);

        Assert.True(bytes.Equals(frame.AsMemory(4, 3)));
    }

    [Theory]
    [InlineData("7FFFFFFF", 1)]
    [InlineData("00000002", 1)]
    [InlineData("40000000", 4)]
    [InlineData("FFFFFFFE", 1)]
    public void MoreElementsThanTheBytesLeftCanHoldAreRefused(string hex, int elementBytesMin) =>
        Assert.Throws<WireFormatException>(() => new WireReader(Convert.FromHexString(hex + "00")).ReadArrayLength(false, elementBytesMin));

    /// <summary>ApiVersions response v3: unknown tag 9 is skipped, known tag 1 (the epoch) is read.</summary>
    [Theory]
    [InlineData("0000 01 00000000 02 01080000000000000005 09020102", true)]
    [InlineData("0000 01 00000000 02 09020102 01080000000000000005", false)]
    [InlineData("0000 01 00000000 02 01080000000000000005 01080000000000000005", false)]
    [InlineData("0000 01 00000000 01 0109000000000000000500", false)]
    [InlineData("0000 01 00000000 01 01070000000000000005", false)]
    [InlineData("0000 01 00000000 01 097F0102", false)]
    public void TaggedFieldsAscendAndFillTheirSize(string hex, bool isValid)
    {
        byte[] bytes = Convert.FromHexString(hex.Replace(" ", string.Empty, StringComparison.Ordinal));
        ApiVersionsResponse Read()
        {
            var reader = new WireReader(bytes);
            return ApiVersionsResponse.Read(ref reader, 3);
        }

        if (isValid)
        {
            Assert.Equal(5, Read().FinalizedFeaturesEpoch);
        }
        else
        {
            Assert.Throws<WireFormatException>(Read);
        }
    }

    [Fact]
    public void NamesThatAConnectionRepeatsAreReadWithoutAllocating()
    {
        byte[] frame = [0, 8, .. "payments"u8];
        var names = new StringCache();
        string first = new WireReader(frame, names).ReadName(compact: false);

        long before = GC.GetAllocatedBytesForCurrentThread();
        string second = new WireReader(frame, names).ReadName(compact: false);
        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;

        Assert.Same(first, second);
        Assert.Equal("payments", second);
        Assert.Equal(0, allocated);
    }

    [Fact]
    public void ANameThatTakesTheSlotOfAnotherIsStillRight()
    {
        var names = new StringCache();
        foreach (int number in Enumerable.Range(0, 2000).Concat(Enumerable.Range(0, 2000)))
        {
            Assert.Equal($"topic-{number}", names.Get(Records.Batches.Utf8($"topic-{number}")));
        }

        Assert.Equal(new string('x', 300), names.Get(Records.Batches.Utf8(new string('x', 300))));
    }

    [Fact]
    public void WritingANullWhereNoneMayBeNamesTheField()
    {
        var request = new MetadataRequest { Topics = null };

        InvalidOperationException failure = Assert.Throws<InvalidOperationException>(() => ResponseFrame.ToBytes(request, 0));

        Assert.Contains("MetadataRequest.Topics", failure.Message, StringComparison.Ordinal);
    }
}
