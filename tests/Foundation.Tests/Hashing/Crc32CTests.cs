using System.Text;
using CsCheck;
using PipeRoll.Foundation.Hashing;

namespace PipeRoll.Foundation.Tests.Hashing;

public sealed class Crc32CTests
{
    /// <summary>RFC 3720 appendix B.4, and the check value of the CRC catalogue.</summary>
    [Fact]
    public void PublishedValues()
    {
        Assert.Equal(0u, Crc32C.Compute([]));
        Assert.Equal(0xE3069283u, Crc32C.Compute(Encoding.ASCII.GetBytes("123456789")));
        Assert.Equal(0x8A9136AAu, Crc32C.Compute(new byte[32]));
        Assert.Equal(0x62A8AB43u, Crc32C.Compute([.. Enumerable.Repeat((byte)0xFF, 32)]));
        Assert.Equal(0x46DD794Eu, Crc32C.Compute([.. Enumerable.Range(0, 32).Select(value => (byte)value)]));
    }

    [Theory]
    [InlineData(1023)]
    [InlineData(3071)]
    [InlineData(3072)]
    [InlineData(3073)]
    [InlineData(6144)]
    [InlineData(10_007)]
    public void LongInputEqualsTheDefinition(int length)
    {
        byte[] bytes = new byte[length];
        new Random(length).NextBytes(bytes);

        Assert.Equal(ByDefinition(bytes), Crc32C.Compute(bytes));
        Assert.Equal(ByDefinition(bytes.AsSpan(1)), Crc32C.Compute(bytes.AsSpan(1)));
    }

    [Fact]
    public void APartAppendedEqualsTheWhole() =>
        Gen.Select(Gen.Byte.Array[0, 8000], Gen.Double[0, 1]).Sample(
            (bytes, where) =>
            {
                int at = (int)(where * bytes.Length);
                return Crc32C.Append(Crc32C.Compute(bytes.AsSpan(0, at)), bytes.AsSpan(at)) == Crc32C.Compute(bytes);
            },
            iter: 300,
            seed: "0000000000c3",
            threads: 1);

    /// <summary>Bit by bit, with the reflected polynomial 0x1EDC6F41.</summary>
    private static uint ByDefinition(ReadOnlySpan<byte> bytes)
    {
        uint state = uint.MaxValue;
        foreach (byte value in bytes)
        {
            state ^= value;
            for (int bit = 0; bit < 8; bit++)
            {
                state = (state >> 1) ^ ((state & 1) * 0x82F63B78u);
            }
        }

        return ~state;
    }
}
