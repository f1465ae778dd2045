namespace PipeRoll.Cel.Checking;

/// <summary>Looking names up through the container (cel-spec, langdef: "Name Resolution").</summary>
internal static class Names
{
    /// <summary>The full names to try for a name, in order: in container <c>a.b</c> the name <c>c</c> is a.b.c, a.c, c.</summary>
    public static IEnumerable<string> Candidates(string container, string name, bool isAbsolute)
    {
        if (!isAbsolute)
        {
            string prefix = container;
            while (prefix.Length > 0)
            {
                yield return $"{prefix}.{name}";
                int dot = prefix.LastIndexOf('.');
                prefix = dot < 0 ? "" : prefix[..dot];
            }
        }

        yield return name;
    }

    /// <summary>The dotted name that a chain of selections spells, with its first identifier; null when it is no such chain.</summary>
    public static (string Name, CelExpr.Ident Root)? Qualified(CelExpr node) => node switch
    {
        CelExpr.Ident ident => (ident.Name, ident),
        CelExpr.Select { IsTest: false, IsOptional: false } select when Qualified(select.Operand) is (string prefix, CelExpr.Ident root) =>
            ($"{prefix}.{select.Field}", root),
        _ => null,
    };

    /// <summary>The name most like the wrong one, if any is close enough to be meant.</summary>
    public static string? Closest(string wrong, IEnumerable<string> names)
    {
        string? best = null;
        int bestDistance = Math.Max(1, wrong.Length / 3) + 1;
        foreach (string name in names.Order(StringComparer.Ordinal))
        {
            int distance = Distance(wrong, name, bestDistance);
            if (distance < bestDistance)
            {
                bestDistance = distance;
                best = name;
            }
        }

        return best;
    }

    // Levenshtein, ignoring case; names much longer or shorter are not looked at.
    private static int Distance(string left, string right, int limit)
    {
        if (Math.Abs(left.Length - right.Length) >= limit || left.Length > 200)
        {
            return limit;
        }

        int[] row = [.. Enumerable.Range(0, right.Length + 1)];
        for (int i = 1; i <= left.Length; i++)
        {
            int diagonal = row[0];
            row[0] = i;
            for (int j = 1; j <= right.Length; j++)
            {
                int cost = char.ToLowerInvariant(left[i - 1]) == char.ToLowerInvariant(right[j - 1]) ? 0 : 1;
                (diagonal, row[j]) = (row[j], Math.Min(Math.Min(row[j], row[j - 1]) + 1, diagonal + cost));
            }
        }

        return row[right.Length];
    }
}
