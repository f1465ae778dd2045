namespace PipeRoll.Policies.Windows;

/// <summary>
/// Gives one copy of a text for all keys of a window that keep it: merchants and countries come again and again. A cache: what it holds can be
/// seen in no result. Owner: a <see cref="KeyedWindow"/>. Bound: <see cref="Entries"/> texts of at most <see cref="LengthMax"/> bytes.
/// </summary>
internal sealed class TextPool
{
    private const int Entries = 1 << 12;
    private const int LengthMax = 64;
    private readonly byte[]?[] _entries = new byte[Entries][];

    /// <param name="text">The text.</param>
    /// <param name="hash">Its <see cref="ByteHash"/>.</param>
    public byte[] CopyOf(ReadOnlySpan<byte> text, ulong hash)
    {
        if (text.Length > LengthMax)
        {
            return text.ToArray();
        }
        ref byte[]? entry = ref _entries[hash >> 52];
        if (entry is null || !text.SequenceEqual(entry))
        {
            entry = text.ToArray();
        }
        return entry;
    }
}
