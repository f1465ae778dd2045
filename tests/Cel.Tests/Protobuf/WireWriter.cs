using System.Text;

namespace PipeRoll.Cel.Tests.Protobuf;

/// <summary>Writes the protobuf wire format.</summary>
internal sealed class WireWriter
{
    private readonly List<byte> _bytes = [];

    public byte[] Bytes => [.. _bytes];

    public WireWriter Varint(int field, ulong value)
    {
        Raw(((ulong)field << 3) | 0);
        Raw(value);
        return this;
    }

    public WireWriter Fixed64(int field, ulong value)
    {
        Raw(((ulong)field << 3) | 1);
        _bytes.AddRange(BitConverter.GetBytes(value));
        return this;
    }

    public WireWriter Fixed32(int field, uint value)
    {
        Raw(((ulong)field << 3) | 5);
        _bytes.AddRange(BitConverter.GetBytes(value));
        return this;
    }

    public WireWriter Text(int field, string text) => Blob(field, Encoding.UTF8.GetBytes(text));

    public WireWriter Message(int field, WireWriter message) => Blob(field, message.Bytes);

    public WireWriter Group(int field, WireWriter content)
    {
        Raw(((ulong)field << 3) | 3);
        _bytes.AddRange(content.Bytes);
        Raw(((ulong)field << 3) | 4);
        return this;
    }

    public WireWriter Blob(int field, byte[] bytes)
    {
        Raw(((ulong)field << 3) | 2);
        Raw((ulong)bytes.Length);
        _bytes.AddRange(bytes);
        return this;
    }

    /// <summary>The fields of another message after these.</summary>
    public WireWriter Append(WireWriter other)
    {
        _bytes.AddRange(other.Bytes);
        return this;
    }

    private void Raw(ulong value)
    {
        while (value >= 0x80)
        {
            _bytes.Add((byte)(value | 0x80));
            value >>= 7;
        }

        _bytes.Add((byte)value);
    }
}
