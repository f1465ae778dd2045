using System.Buffers.Binary;
using System.Security.Cryptography;

namespace PipeRoll.Workflows.Versions;

/// <summary>
/// Which keys a canary decides about: the same for every partition, machine and time, so that all events of one key are decided by one version,
/// and a share that grows keeps the keys that it had.
/// </summary>
internal static class CanaryShare
{
    private const uint Buckets = 10_000;

    /// <param name="key">Events without a key belong to no canary; they are not asked about.</param>
    /// <param name="share">From 0 to 1, in steps of a ten-thousandth.</param>
    public static bool Has(ReadOnlySpan<byte> key, double share)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(key, hash);
        return BinaryPrimitives.ReadUInt64BigEndian(hash) % Buckets < (ulong)Math.Round(share * Buckets);
    }
}
