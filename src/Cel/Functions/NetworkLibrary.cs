using static PipeRoll.Cel.CelOverload;

namespace PipeRoll.Cel.Functions;

/// <summary>IP addresses and networks (cel-go ext: network; conformance: network_ext).</summary>
internal static class NetworkLibrary
{
    private static readonly CelType Ip = NetworkAddress.Ip.Type;
    private static readonly CelType Cidr = NetworkAddress.Cidr.Type;

    public static void AddTo(Library library)
    {
        AddReading(library);
        AddKinds(library);
        AddNetworks(library);
    }

    private static void AddReading(Library library)
    {
        library.Add("ip", Static(CelType.String, Ip, (in a) => OrError(NetworkAddress.ParseIp(a.StringValue), a, "an IP address")));
        library.Add("cidr", Static(CelType.String, Cidr, (in a) => OrError(NetworkAddress.ParseCidr(a.StringValue), a, "a network")));
        library.Add("isIP", Static(CelType.String, CelType.Bool, (in a) =>
            CelValue.Bool(NetworkAddress.ParseIp(a.StringValue) is not null)));
        library.Add("isCIDR", Static(CelType.String, CelType.Bool, (in a) =>
            CelValue.Bool(NetworkAddress.ParseCidr(a.StringValue) is not null)));
        library.Add("ip.isCanonical", Static(CelType.String, CelType.Bool, (in a) =>
            NetworkAddress.ParseIp(a.StringValue) is NetworkAddress address
                ? CelValue.Bool(address.ToString() == a.StringValue)
                : OrError(null, a, "an IP address")));
        library.Add(
            "string",
            Static(Ip, CelType.String, (in a) => CelValue.String(Of(a).ToString())),
            Static(Cidr, CelType.String, (in a) => CelValue.String(Of(a).ToString())));
    }

    private static void AddKinds(Library library)
    {
        library.Add("family", Receiver(Ip, CelType.Int, (in a) => CelValue.Int(Of(a).Bytes.Length == 4 ? 4 : 6)));
        Add("isUnspecified", IsUnspecified);
        Add("isLoopback", IsLoopback);
        Add("isLinkLocalMulticast", IsLinkLocalMulticast);
        Add("isLinkLocalUnicast", IsLinkLocalUnicast);
        Add("isGlobalUnicast", bytes =>
            !IsUnspecified(bytes) && !IsLoopback(bytes) && !IsMulticast(bytes) && !IsLinkLocalUnicast(bytes) && !IsBroadcast(bytes));

        void Add(string name, Func<byte[], bool> holds) =>
            library.Add(name, Receiver(Ip, CelType.Bool, (in a) => CelValue.Bool(holds(Of(a).Bytes.ToArray()))));
    }

    private static void AddNetworks(Library library)
    {
        library.Add(
            "containsIP",
            Receiver(Cidr, Ip, CelType.Bool, (in a, in b) => CelValue.Bool(Of(a).Contains(Of(b)))),
            Receiver(Cidr, CelType.String, CelType.Bool, (in a, in b) => Contains(a, NetworkAddress.ParseIp(b.StringValue), b)));
        library.Add(
            "containsCIDR",
            Receiver(Cidr, Cidr, CelType.Bool, (in a, in b) => CelValue.Bool(Of(a).Contains(Of(b)))),
            Receiver(Cidr, CelType.String, CelType.Bool, (in a, in b) => Contains(a, NetworkAddress.ParseCidr(b.StringValue), b)));
        library.Add("ip", Receiver(Cidr, Ip, (in a) => CelValue.Struct(Of(a).Address)));
        library.Add("masked", Receiver(Cidr, Cidr, (in a) => CelValue.Struct(Of(a).Masked())));
        library.Add("prefixLength", Receiver(Cidr, CelType.Int, (in a) => CelValue.Int(Of(a).PrefixLength)));
    }

    private static NetworkAddress Of(in CelValue value) => (NetworkAddress)value.StructValue;

    private static CelValue Contains(in CelValue network, NetworkAddress? other, in CelValue text) =>
        other is null ? OrError(null, text, "an IP address or network") : CelValue.Bool(Of(network).Contains(other));

    private static CelValue OrError(NetworkAddress? address, in CelValue text, string wanted) => address is null
        ? CelValue.Error(CelErrorCode.BadArgument, $"{text} is not {wanted}: write 192.168.0.1, 2001:db8::1 or 10.0.0.0/8, without a zone")
        : CelValue.Struct(address);

    private static bool IsUnspecified(byte[] bytes) => bytes.All(part => part == 0);

    private static bool IsLoopback(byte[] bytes) =>
        bytes.Length == 4 ? bytes[0] == 127 : bytes[..15].All(part => part == 0) && bytes[15] == 1;

    private static bool IsMulticast(byte[] bytes) => bytes.Length == 4 ? (bytes[0] & 0xF0) == 0xE0 : bytes[0] == 0xFF;

    private static bool IsLinkLocalMulticast(byte[] bytes) => bytes.Length == 4
        ? bytes is [224, 0, 0, _]
        : bytes[0] == 0xFF && (bytes[1] & 0x0F) == 2;

    private static bool IsLinkLocalUnicast(byte[] bytes) => bytes.Length == 4
        ? bytes is [169, 254, _, _]
        : bytes[0] == 0xFE && (bytes[1] & 0xC0) == 0x80;

    private static bool IsBroadcast(byte[] bytes) => bytes.Length == 4 && bytes.All(part => part == 255);
}
