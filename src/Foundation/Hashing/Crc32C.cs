using System.Numerics;
using System.Runtime.InteropServices;

namespace PipeRoll.Foundation.Hashing;

/// <summary>CRC-32C (Castagnoli, RFC 3720 appendix B.4), the checksum of Kafka's record batches and of all our files.</summary>
/// <remarks>
/// The processor starts one step each cycle but ends it only three cycles later, so long input is read in three lanes
/// side by side. A lane's state is carried over the bytes of the next by a table: appending zero bytes is linear.
/// </remarks>
public static class Crc32C
{
    private const int LaneWords = 128;
    private const int LaneBytes = LaneWords * sizeof(ulong);

    /// <summary>Four tables of 256: what each byte of a state becomes after a lane of zero bytes.</summary>
    private static readonly uint[] OverLane = TablesOverLane();

    public static uint Compute(ReadOnlySpan<byte> bytes) => Append(0, bytes);

    /// <summary>Continues a checksum: <c>Append(Compute(a), b)</c> equals <c>Compute(a ++ b)</c>.</summary>
    public static uint Append(uint crc, ReadOnlySpan<byte> bytes)
    {
        uint state = ~crc;
        while (bytes.Length >= 3 * LaneBytes)
        {
            state = ThreeLanes(state, MemoryMarshal.Cast<byte, ulong>(bytes[..(3 * LaneBytes)]));
            bytes = bytes[(3 * LaneBytes)..];
        }

        ReadOnlySpan<ulong> words = MemoryMarshal.Cast<byte, ulong>(bytes);
        foreach (ulong word in words)
        {
            state = BitOperations.Crc32C(state, word);
        }

        foreach (byte rest in bytes[(words.Length * sizeof(ulong))..])
        {
            state = BitOperations.Crc32C(state, rest);
        }

        return ~state;
    }

    private static uint ThreeLanes(uint state, ReadOnlySpan<ulong> words)
    {
        ReadOnlySpan<ulong> first = words[..LaneWords];
        ReadOnlySpan<ulong> second = words.Slice(LaneWords, LaneWords);
        ReadOnlySpan<ulong> third = words.Slice(2 * LaneWords, LaneWords);
        uint middle = 0;
        uint last = 0;
        for (int index = 0; index < LaneWords; index++)
        {
            state = BitOperations.Crc32C(state, first[index]);
            middle = BitOperations.Crc32C(middle, second[index]);
            last = BitOperations.Crc32C(last, third[index]);
        }

        return CarryOverLane(CarryOverLane(state) ^ middle) ^ last;
    }

    private static uint CarryOverLane(uint state)
    {
        uint[] tables = OverLane;
        return tables[state & 0xFF] ^ tables[256 + ((state >> 8) & 0xFF)]
            ^ tables[512 + ((state >> 16) & 0xFF)] ^ tables[768 + (state >> 24)];
    }

    private static uint[] TablesOverLane()
    {
        uint[] tables = new uint[4 * 256];
        for (int index = 0; index < tables.Length; index++)
        {
            uint state = (uint)(index & 0xFF) << (8 * (index >> 8));
            for (int word = 0; word < LaneWords; word++)
            {
                state = BitOperations.Crc32C(state, 0UL);
            }

            tables[index] = state;
        }

        return tables;
    }
}
