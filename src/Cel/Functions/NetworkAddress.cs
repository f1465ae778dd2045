using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace PipeRoll.Cel.Functions;

/// <summary>
/// An IP address (<c>net.IP</c>) or a network (<c>net.CIDR</c>: address and prefix length). An IPv6 address that maps an IPv4 one is
/// that IPv4 address. Immutable.
/// </summary>
internal sealed class NetworkAddress : CelStruct
{
    // The fields' names cannot be written in an expression; they are there for equality.
    public static readonly CelStructType Ip = new("net.IP", new CelField("@address", CelType.Bytes)) { CanBeBuilt = false };

    public static readonly CelStructType Cidr =
        new("net.CIDR", new CelField("@address", CelType.Bytes), new CelField("@length", CelType.Int)) { CanBeBuilt = false };

    private readonly byte[] _bytes;

    public NetworkAddress(byte[] bytes, int? prefixLength = null)
    {
        _bytes = bytes;
        PrefixLength = prefixLength ?? bytes.Length * 8;
        StructType = prefixLength is null ? Ip : Cidr;
    }

    public override CelStructType StructType { get; }

    public int PrefixLength { get; }

    public ReadOnlySpan<byte> Bytes => _bytes;

    public NetworkAddress Address => new(_bytes);

    public override CelValue GetField(int index) => index == 0 ? CelValue.Bytes(_bytes) : CelValue.Int(PrefixLength);

    public override bool HasField(int index) => true;

    /// <summary>The network with the bits after the prefix cleared.</summary>
    public NetworkAddress Masked()
    {
        byte[] masked = [.. _bytes];
        for (int index = 0; index < masked.Length; index++)
        {
            int kept = Math.Clamp(PrefixLength - (index * 8), 0, 8);
            masked[index] &= unchecked((byte)(0xFF00 >> kept));
        }

        return new NetworkAddress(masked, PrefixLength);
    }

    /// <summary>Whether all of another address or network lies in this network.</summary>
    public bool Contains(NetworkAddress other) =>
        other._bytes.Length == _bytes.Length
        && other.PrefixLength >= PrefixLength
        && new NetworkAddress(other._bytes, PrefixLength).Masked().Bytes.SequenceEqual(Masked().Bytes);

    public override string ToString()
    {
        string address = new IPAddress(_bytes).ToString();
        return StructType == Ip ? address : string.Create(CultureInfo.InvariantCulture, $"{address}/{PrefixLength}");
    }

    /// <summary>Reads an address, strictly: no zones, no leading zeros, no IPv4 in the dress of IPv6.</summary>
    public static NetworkAddress? ParseIp(string text) => ParseBytes(text) is byte[] bytes ? new NetworkAddress(bytes) : null;

    /// <summary>Reads a network such as <c>10.0.0.0/8</c>.</summary>
    public static NetworkAddress? ParseCidr(string text)
    {
        int slash = text.IndexOf('/');
        if (slash < 0 || ParseBytes(text[..slash]) is not byte[] bytes)
        {
            return null;
        }

        string digits = text[(slash + 1)..];
        bool valid = int.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out int length)
            && length <= bytes.Length * 8
            && (digits.Length == 1 || digits[0] != '0');
        return valid ? new NetworkAddress(bytes, length) : null;
    }

    private static byte[]? ParseBytes(string text)
    {
        if (!text.Contains(':'))
        {
            return ParseIpv4(text);
        }

        bool plain = text.Length <= 45 && text.All(c => char.IsAsciiHexDigit(c) || c is ':' or '.');
        if (!plain || !IPAddress.TryParse(text, out IPAddress? address) || address.AddressFamily != AddressFamily.InterNetworkV6)
        {
            return null;
        }

        if (address.IsIPv4MappedToIPv6)
        {
            return text.Contains('.') ? null : address.MapToIPv4().GetAddressBytes();
        }

        return address.GetAddressBytes();
    }

    private static byte[]? ParseIpv4(string text)
    {
        string[] parts = text.Split('.');
        var bytes = new byte[4];
        if (parts.Length != 4)
        {
            return null;
        }

        for (int index = 0; index < 4; index++)
        {
            bool valid = byte.TryParse(parts[index], NumberStyles.None, CultureInfo.InvariantCulture, out bytes[index])
                && (parts[index].Length == 1 || parts[index][0] != '0');
            if (!valid)
            {
                return null;
            }
        }

        return bytes;
    }
}
