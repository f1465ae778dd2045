namespace PipeRoll.Cel;

/// <summary>Strings of the language are sequences of code points; .NET's are UTF-16.</summary>
internal static class CodePoints
{
    /// <summary>The number of code points.</summary>
    public static long Count(string text)
    {
        int pairs = 0;
        foreach (char unit in text)
        {
            if (char.IsLowSurrogate(unit))
            {
                pairs++;
            }
        }

        return text.Length - pairs;
    }

    /// <summary>Order by code point: surrogate units sort above U+E000..U+FFFF, as the code points they stand for do.</summary>
    public static int Compare(string left, string right)
    {
        int common = left.AsSpan().CommonPrefixLength(right);
        if (common == left.Length || common == right.Length)
        {
            return left.Length.CompareTo(right.Length);
        }

        return Rank(left[common]).CompareTo(Rank(right[common]));
    }

    /// <summary>The UTF-16 offset of a code point index; -1 when the string is shorter.</summary>
    public static int OffsetOf(string text, long index)
    {
        int offset = 0;
        while (index > 0 && offset < text.Length)
        {
            offset += char.IsHighSurrogate(text[offset]) && offset + 1 < text.Length ? 2 : 1;
            index--;
        }

        return index == 0 ? offset : -1;
    }

    private static int Rank(char unit) => char.IsSurrogate(unit) ? unit + 0x10000 : unit;
}
