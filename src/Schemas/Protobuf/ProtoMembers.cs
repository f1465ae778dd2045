using System.Text;

namespace PipeRoll.Schemas.Protobuf;

/// <summary>The fields of a serialised message, by number: enough of the wire format to read descriptors.</summary>
internal sealed class ProtoMembers
{
    private readonly Dictionary<int, List<byte[]>> _bytes = [];
    private readonly Dictionary<int, List<long>> _numbers = [];

    /// <returns>Null when the bytes are no message.</returns>
    public static ProtoMembers? TryRead(ReadOnlySpan<byte> bytes)
    {
        var members = new ProtoMembers();
        while (!bytes.IsEmpty)
        {
            if (!Varint(ref bytes, out ulong tag) || tag >> 3 is 0 or > int.MaxValue)
            {
                return null;
            }

            int number = (int)(tag >> 3);
            switch (tag & 7)
            {
                case ProtoScalars.Varint when Varint(ref bytes, out ulong value):
                    Add(members._numbers, number, (long)value);
                    break;
                case ProtoScalars.Length when Varint(ref bytes, out ulong length) && length <= (ulong)bytes.Length:
                    Add(members._bytes, number, bytes[..(int)length].ToArray());
                    bytes = bytes[(int)length..];
                    break;
                case ProtoScalars.Fixed64 when bytes.Length >= 8:
                    bytes = bytes[8..];
                    break;
                case ProtoScalars.Fixed32 when bytes.Length >= 4:
                    bytes = bytes[4..];
                    break;
                default:
                    return null;
            }
        }

        return members;
    }

    public List<byte[]> All(int number) => _bytes.GetValueOrDefault(number) ?? [];

    public List<long> Numbers(int number) => _numbers.GetValueOrDefault(number) ?? [];

    public string? Text(int number) => All(number) is { Count: > 0 } all ? Encoding.UTF8.GetString(all[^1]) : null;

    public long? Number(int number) => Numbers(number) is { Count: > 0 } all ? all[^1] : null;

    public ProtoMembers? Message(int number) => All(number) is { Count: > 0 } all ? TryRead(all[^1]) : null;

    /// <exception cref="SchemaSyntaxException">One of them is none.</exception>
    public List<ProtoMembers> Messages(int number) =>
        [.. All(number).Select(static bytes => TryRead(bytes) ?? throw new SchemaSyntaxException("the descriptor is malformed"))];

    private static void Add<T>(Dictionary<int, List<T>> into, int number, T value)
    {
        if (!into.TryGetValue(number, out List<T>? list))
        {
            into[number] = list = [];
        }

        list.Add(value);
    }

    private static bool Varint(ref ReadOnlySpan<byte> bytes, out ulong value)
    {
        value = 0;
        for (int i = 0; i < 10 && i < bytes.Length; i++)
        {
            value |= (ulong)(bytes[i] & 0x7f) << (7 * i);
            if (bytes[i] < 0x80)
            {
                bytes = bytes[(i + 1)..];
                return true;
            }
        }

        return false;
    }
}
