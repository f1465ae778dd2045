using System.Collections.Frozen;

namespace PipeRoll.Schemas;

/// <summary>
/// Which column is the time, the key, the label. Names weigh most, content decides what a name may stand for; the
/// best positive score wins, the leftmost of equals.
/// </summary>
internal static class RoleGuess
{
    private const double EarliestSeconds = 631_152_000; // 1990-01-01
    private const double LatestSeconds = 4_102_444_800; // 2100-01-01

    private static readonly FrozenDictionary<string, int> TimeWords = Weights(
        (10, "timestamp time datetime"),
        (9, "ts occurred"),
        (7, "date when step"),
        (6, "created"),
        (5, "tick"),
        (4, "event"),
        (3, "at"),
        (2, "trans transaction"),
        (-3, "settled"),
        (-5, "updated modified processed ingested"),
        (-8, "label"),
        (-20, "birth dob expiry expires zone timezone"));

    private static readonly FrozenDictionary<string, int> KeyWords = Weights(
        (20, "key"),
        (14, "account acct iban"),
        (12, "customer entity user payer debtor sender"),
        (11, "client source src principal actor username"),
        (10, "from orig wallet"),
        (9, "origin subject member party person email"),
        (8, "card"),
        (7, "device"),
        (6, "session arn"),
        (5, "merchant host"),
        (4, "ip phone"),
        (3, "node"),
        (-4, "uuid"),
        (-5, "target dest destination beneficiary payee receiver recipient to counterparty"),
        (-6, "name code"),
        (-8, "bin"),
        (-9, "event transaction trans txn tx record message request trace"),
        (-12, "row"),
        (-15, "street city state zip postcode country region job"),
        (-20, "type currency category status agent version amount amt price value balance score latitude longitude lat"),
        (-20, "long description reason date time timestamp"));

    private static readonly FrozenDictionary<string, int> LabelWords = Weights(
        (10, "label"),
        (9, "fraud fraudulent laundering"),
        (8, "labels verdict"),
        (6, "truth suspicious sar"),
        (5, "outcome"),
        (1, "is event"),
        (-6, "type"),
        (-10, "score step time timestamp id reason"));

    public static (ColumnProfile? Column, TimeNotation? Notation) Time(IReadOnlyList<ColumnProfile> columns)
    {
        ColumnProfile? best = null;
        TimeNotation? bestNotation = null;
        int bestScore = 0;
        foreach (ColumnProfile column in columns)
        {
            int name = Score(column.Words, TimeWords);
            if (Notation(column, name) is not { } notation)
            {
                continue;
            }

            // A column of ISO times needs no telling name; numbers do.
            int score = name + (notation == TimeNotation.Iso8601 ? 6 : 0) + (column.IsAscending && column.IsNumber ? 2 : 0);
            if (score > bestScore)
            {
                (best, bestNotation, bestScore) = (column, notation, score);
            }
        }

        return (best, bestNotation);
    }

    public static ColumnProfile? Label(IReadOnlyList<ColumnProfile> columns, ColumnProfile? time)
    {
        // A label says one of a few things, and usually more than one of them in a sample of any size.
        return Best(columns, column =>
            column == time || column.Kind is FieldKind.Timestamp or FieldKind.Double or FieldKind.Json || column.Distinct > 12
                ? 0
                : Score(column.Words, LabelWords));
    }

    public static ColumnProfile? Key(IReadOnlyList<ColumnProfile> columns, ColumnProfile? time, ColumnProfile? label)
    {
        return Best(columns, column =>
        {
            if (column == time || column == label || column.Kind is not (FieldKind.Long or FieldKind.String) || column.Present == 0)
            {
                return 0;
            }

            int score = KeyScore(column.Words);
            bool isSample = column.Present >= 20;
            score -= isSample && column.Distinct == 1 ? 15 : 0;
            score -= isSample && column.Distinct is 2 or 3 ? 6 : 0;

            // What never repeats gathers nothing; a small sample may just not show the repetition.
            score -= isSample && column.Distinct == column.Present ? 2 : 0;
            return score;
        });
    }

    /// <summary>
    /// The strongest word counts, not their sum: a customer's e-mail address is no better a key than the customer. An
    /// "id" makes whatever it follows a better one.
    /// </summary>
    private static int KeyScore(IReadOnlyList<string> words)
    {
        int strongest = 0;
        int against = 0;
        bool isId = false;
        foreach (string word in words)
        {
            bool isGlued = word.Length > 3 && word.EndsWith("id", StringComparison.Ordinal) && KeyWords.ContainsKey(word[..^2]);
            isId |= isGlued || word is "id";
            int weight = KeyWords.GetValueOrDefault(isGlued ? word[..^2] : word);
            strongest = Math.Max(strongest, weight);
            against += Math.Min(weight, 0);
        }

        return strongest + against + (isId ? 6 : 0);
    }

    private static ColumnProfile? Best(IReadOnlyList<ColumnProfile> columns, Func<ColumnProfile, int> score)
    {
        ColumnProfile? best = null;
        int bestScore = 0;
        foreach (ColumnProfile column in columns)
        {
            int own = score(column);
            if (own > bestScore)
            {
                (best, bestScore) = (column, own);
            }
        }

        return best;
    }

    private static TimeNotation? Notation(ColumnProfile column, int nameScore)
    {
        if (column.Kind == FieldKind.Timestamp)
        {
            return TimeNotation.Iso8601;
        }

        if (!column.IsNumber || nameScore <= 0)
        {
            return null;
        }

        if (column.Min >= EarliestSeconds * 1000 && column.Max < LatestSeconds * 1000)
        {
            return TimeNotation.UnixMilliseconds;
        }

        if (column.Min >= EarliestSeconds && column.Max < LatestSeconds)
        {
            return TimeNotation.UnixSeconds;
        }

        return column.Kind == FieldKind.Long && column.Min >= 0 ? TimeNotation.Step : null;
    }

    private static int Score(IReadOnlyList<string> words, FrozenDictionary<string, int> weights)
    {
        int score = 0;
        foreach (string word in words)
        {
            score += weights.GetValueOrDefault(word);
        }

        return score;
    }

    private static FrozenDictionary<string, int> Weights(params (int Weight, string Words)[] weights) => weights
        .SelectMany(static weight => weight.Words.Split(' ').Select(word => KeyValuePair.Create(word, weight.Weight)))
        .ToFrozenDictionary(StringComparer.Ordinal);
}
