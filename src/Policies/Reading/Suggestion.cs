namespace PipeRoll.Policies.Reading;

/// <summary>Finds the word that an author probably meant.</summary>
internal static class Suggestion
{
    /// <summary>"Did you mean `x`? " if one of the words is near, and then all of them.</summary>
    public static string For(string written, IReadOnlyCollection<string> allowed, string what)
    {
        if (allowed.Count == 0)
        {
            return $"There are no {what} here; remove it.";
        }
        string nearest = allowed.MinBy(word => DistanceOrBeginning(written, word))!;
        bool near = DistanceOrBeginning(written, nearest) <= Math.Max(1, Math.Min(written.Length, nearest.Length) / 2);
        string list = $"Possible {what}: {string.Join(", ", allowed)}.";
        return near ? $"Did you mean `{nearest}`? {list}" : list;
    }

    private static int DistanceOrBeginning(string written, string word) =>
        written.Length >= 2 && word.StartsWith(written, StringComparison.OrdinalIgnoreCase) ? 1 : Distance(written, word);

    /// <summary>Levenshtein's distance, case not counted.</summary>
    private static int Distance(string left, string right)
    {
        var row = new int[right.Length + 1];
        for (int j = 0; j < row.Length; j++)
        {
            row[j] = j;
        }
        for (int i = 1; i <= left.Length; i++)
        {
            int diagonal = row[0];
            row[0] = i;
            for (int j = 1; j <= right.Length; j++)
            {
                bool same = char.ToUpperInvariant(left[i - 1]) == char.ToUpperInvariant(right[j - 1]);
                int cost = Math.Min(Math.Min(row[j], row[j - 1]) + 1, diagonal + (same ? 0 : 1));
                diagonal = row[j];
                row[j] = cost;
            }
        }
        return row[right.Length];
    }
}
