using System.Security.Cryptography;
using PipeRoll.Policies.Engine;

namespace PipeRoll.Policies.Tests.Engine;

public sealed class Sha256Tests
{
    [Fact]
    public void BothWaysGiveTheDigestOfEveryLength()
    {
        var native = new Sha256();
        var portable = new Sha256(isPortable: true);
        byte[] bytes = [.. Enumerable.Range(0, 300).Select(i => (byte)(i * 7))];
        byte[] one = new byte[Sha256.Bytes];
        byte[] other = new byte[Sha256.Bytes];
        for (int length = 0; length <= bytes.Length; length++)
        {
            native.Hash(bytes.AsSpan(0, length), one);
            portable.Hash(bytes.AsSpan(0, length), other);
            byte[] expected = SHA256.HashData(bytes.AsSpan(0, length));
            Assert.Equal(expected, one);
            Assert.Equal(expected, other);
        }
    }

    [Fact]
    public void DigestMayGoIntoTheBytesThatAreHashed()
    {
        byte[] link = [.. Enumerable.Range(0, 64).Select(i => (byte)i)];
        byte[] expected = SHA256.HashData(link);
        new Sha256().Hash(link, link.AsSpan(0, Sha256.Bytes));
        Assert.Equal(expected, link[..Sha256.Bytes]);
    }
}
