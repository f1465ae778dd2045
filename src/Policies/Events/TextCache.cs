using System.Buffers.Binary;
using System.Text;

namespace PipeRoll.Policies.Events;

/// <summary>
/// Gives the string of a UTF-8 text, the same object again if the text came lately, so that accounts and countries that
/// come again and again are not allocated again. A cache: what it holds can be seen in no result.
/// Owner: one engine. Bound: <see cref="Entries"/> strings of at most <see cref="LengthMax"/> characters.
/// </summary>
internal sealed class TextCache
{
    private const int Entries = 1 << 16;
    private const int LengthMax = 64;
    private readonly string?[] _entries = new string?[Entries];

    /// <summary>The string of valid UTF-8.</summary>
    public string Get(ReadOnlySpan<byte> utf8)
    {
        if (utf8.Length is 0 or > LengthMax)
        {
            return Encoding.UTF8.GetString(utf8);
        }
        ref string? entry = ref _entries[Hash(utf8) >> 48];
        if (entry is not null && entry.Length == utf8.Length && Ascii.Equals(utf8, entry))
        {
            return entry;
        }
        string text = Encoding.UTF8.GetString(utf8);
        if (text.Length == utf8.Length)
        {
            entry = text;
        }
        return text;
    }

    private static ulong Hash(ReadOnlySpan<byte> utf8)
    {
        const ulong Multiplier = 0x9E3779B97F4A7C15;
        ulong hash = (ulong)utf8.Length * Multiplier;
        while (utf8.Length >= 8)
        {
            hash = Mix(hash ^ BinaryPrimitives.ReadUInt64LittleEndian(utf8));
            utf8 = utf8[8..];
        }
        ulong rest = 0;
        foreach (byte b in utf8)
        {
            rest = (rest << 8) | b;
        }
        return Mix(hash ^ rest);

        static ulong Mix(ulong value)
        {
            value *= Multiplier;
            return (value ^ (value >> 32)) * Multiplier;
        }
    }
}
