using System.Text;

namespace PipeRoll.Wire.Framing;

/// <summary>
/// Remembers the names that a connection keeps sending (topics, groups, members), so that reading them again
/// allocates nothing.
/// </summary>
/// <remarks>
/// Owner: one connection; one thread at a time. Bounded: <see cref="Slots"/> names of at most <see cref="LengthMax"/>
/// bytes; a new name evicts the one in its slot.
/// </remarks>
public sealed class StringCache
{
    internal const int Slots = 128;
    internal const int LengthMax = 255;

    private readonly Entry[] _entries = new Entry[Slots];

    /// <summary>The string of valid UTF-8 bytes, the remembered one if there is one.</summary>
    public string Get(ReadOnlySpan<byte> utf8)
    {
        if (utf8.Length > LengthMax)
        {
            return Encoding.UTF8.GetString(utf8);
        }

        ref Entry entry = ref _entries[Hash(utf8) % Slots];
        if (entry.Text is null || !utf8.SequenceEqual(entry.Utf8))
        {
            entry = new Entry(utf8.ToArray(), Encoding.UTF8.GetString(utf8));
        }

        return entry.Text!;
    }

    private static uint Hash(ReadOnlySpan<byte> bytes)
    {
        uint hash = 2166136261;
        foreach (byte value in bytes)
        {
            hash = (hash ^ value) * 16777619;
        }

        return hash ^ (hash >> 15);
    }

    private readonly record struct Entry(byte[] Utf8, string Text);
}
