using System.Buffers.Binary;

namespace PipeRoll.Workflows.Capture;

/// <summary>
/// Kafka's standard placing of keys: murmur2 (seed 0x9747b28c) of the key, sign bit cleared, modulo the partition count. Java clients do it
/// by default, so events of one account lie in one partition whoever captured them.
/// </summary>
public static class KeyPartitioner
{
    private const uint Seed = 0x9747b28c;
    private const uint Mix = 0x5bd1e995;

    public static int Of(ReadOnlySpan<byte> key, int partitions) => (int)((Murmur2(key) & 0x7fffffff) % (uint)partitions);

    internal static uint Murmur2(ReadOnlySpan<byte> data)
    {
        uint hash = Seed ^ (uint)data.Length;
        while (data.Length >= 4)
        {
            uint word = BinaryPrimitives.ReadUInt32LittleEndian(data) * Mix;
            word = (word ^ (word >> 24)) * Mix;
            hash = (hash * Mix) ^ word;
            data = data[4..];
        }

        for (int index = data.Length - 1; index >= 0; index--)
        {
            hash ^= (uint)data[index] << (8 * index);
        }

        if (data.Length > 0)
        {
            hash *= Mix;
        }

        hash = (hash ^ (hash >> 13)) * Mix;
        return hash ^ (hash >> 15);
    }
}
