using System.Text;
using PipeRoll.Policies.Windows;

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
        ref string? entry = ref _entries[ByteHash.Of(utf8) >> 48];
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
}
