using System.Runtime.CompilerServices;

namespace PipeRoll.Wire.Records;

/// <summary>The zigzag LEB128 integers of records (Protocol Buffers encoding, sint32 and sint64).</summary>
internal static class Varint
{
    public const int Int32BytesMax = 5;
    public const int Int64BytesMax = 10;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryRead(ReadOnlySpan<byte> bytes, ref int position, out int value)
    {
        int at = position;
        if ((uint)at < (uint)bytes.Length && bytes[at] < 0x80)
        {
            uint coded = bytes[at];
            position = at + 1;
            value = (int)(coded >> 1) ^ -(int)(coded & 1);
            return true;
        }

        return TryReadLong(bytes, ref position, out value);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryRead(ReadOnlySpan<byte> bytes, ref int position, out long value)
    {
        int at = position;
        if ((uint)at < (uint)bytes.Length && bytes[at] < 0x80)
        {
            uint coded = bytes[at];
            position = at + 1;
            value = (int)(coded >> 1) ^ -(int)(coded & 1);
            return true;
        }

        bool isRead = TryReadBits(bytes, ref position, Int64BytesMax, lastByteMax: 0x01, out ulong bits);
        value = (long)(bits >> 1) ^ -(long)(bits & 1);
        return isRead;
    }

    public static int Write(Span<byte> target, long value)
    {
        ulong coded = ((ulong)value << 1) ^ (ulong)(value >> 63);
        int index = 0;
        for (; coded >= 0x80; coded >>= 7)
        {
            target[index++] = (byte)(coded | 0x80);
        }

        target[index++] = (byte)coded;
        return index;
    }

    public static int Length(long value)
    {
        ulong coded = ((ulong)value << 1) ^ (ulong)(value >> 63);
        int length = 1;
        for (; coded >= 0x80; coded >>= 7)
        {
            length++;
        }

        return length;
    }

    private static bool TryReadLong(ReadOnlySpan<byte> bytes, ref int position, out int value)
    {
        bool isRead = TryReadBits(bytes, ref position, Int32BytesMax, lastByteMax: 0x0F, out ulong bits);
        value = (int)(uint)(bits >> 1) ^ -(int)(bits & 1);
        return isRead;
    }

    private static bool TryReadBits(ReadOnlySpan<byte> bytes, ref int position, int bytesMax, byte lastByteMax, out ulong bits)
    {
        bits = 0;
        for (int index = 0; index < bytesMax && (uint)(position + index) < (uint)bytes.Length; index++)
        {
            byte part = bytes[position + index];
            if (index == bytesMax - 1 && part > lastByteMax)
            {
                return false;
            }

            bits |= (ulong)(part & 0x7F) << (7 * index);
            if (part < 0x80)
            {
                position += index + 1;
                return true;
            }
        }

        return false;
    }
}
