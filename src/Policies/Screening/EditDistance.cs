namespace PipeRoll.Policies.Screening;

/// <summary>
/// How many letters have to be changed, added, left out or swapped with their neighbour to make one word of another (optimal string
/// alignment).
/// </summary>
internal static class EditDistance
{
    /// <summary>
    /// How many edits two words of this length may be apart and still be taken for the same: none up to 3 letters, 1 up to 5, 2 up to
    /// 8, then 3.
    /// </summary>
    public static int Allowed(int length) => length switch
    {
        <= 3 => 0,
        <= 5 => 1,
        <= 8 => 2,
        _ => 3,
    };

    /// <summary>The distance; <paramref name="max"/> + 1 if it is more than that.</summary>
    /// <param name="left">At most <see cref="NameFolding.WordMax"/> letters.</param>
    /// <param name="right">The same.</param>
    /// <param name="max">At most 3.</param>
    public static int Between(string left, string right, int max)
    {
        if (Math.Abs(left.Length - right.Length) > max)
        {
            return max + 1;
        }
        int width = right.Length + 1;
        Span<byte> before = stackalloc byte[NameFolding.WordMax + 1];
        Span<byte> last = stackalloc byte[NameFolding.WordMax + 1];
        Span<byte> now = stackalloc byte[NameFolding.WordMax + 1];
        for (int j = 0; j < width; j++)
        {
            last[j] = (byte)j;
        }
        for (int i = 1; i <= left.Length; i++)
        {
            now[0] = (byte)i;
            int least = i;
            for (int j = 1; j < width; j++)
            {
                int cost = left[i - 1] == right[j - 1] ? 0 : 1;
                int best = Math.Min(Math.Min(last[j] + 1, now[j - 1] + 1), last[j - 1] + cost);
                if (i > 1 && j > 1 && left[i - 1] == right[j - 2] && left[i - 2] == right[j - 1])
                {
                    best = Math.Min(best, before[j - 2] + 1);
                }
                now[j] = (byte)best;
                least = Math.Min(least, best);
            }
            if (least > max)
            {
                return max + 1;
            }
            Span<byte> free = before;
            before = last;
            last = now;
            now = free;
        }
        return Math.Min(last[right.Length], max + 1);
    }

    /// <summary>
    /// Which letters a word has, once and at least twice: each edit changes at most two of these bits, so words whose bits differ in
    /// more than twice the allowed edits need no look.
    /// </summary>
    public static ulong Signature(string word)
    {
        ulong once = 0;
        ulong twice = 0;
        foreach (char c in word)
        {
            int bit = char.IsAsciiLetterUpper(c) ? c - 'A' : 26 + ((c - '0') % 6);
            ulong mask = 1UL << bit;
            twice |= once & mask;
            once |= mask;
        }
        return once | (twice << 32);
    }
}
