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

    private static readonly FrozenDictionary<string, int> TimeWords = new Dictionary<string, int>(StringComparer.Ordinal)
    {
        ["timestamp"] = 10, ["time"] = 10, ["datetime"] = 10, ["ts"] = 9, ["occurred"] = 9, ["date"] = 7, ["when"] = 7, ["step"] = 7,
        ["created"] = 6, ["tick"] = 5, ["at"] = 3, ["event"] = 4, ["trans"] = 2, ["transaction"] = 2,
        ["label"] = -8, ["updated"] = -5, ["modified"] = -5, ["processed"] = -5, ["ingested"] = -5, ["settled"] = -3, ["birth"] = -20,
        ["dob"] = -20, ["expiry"] = -20, ["expires"] = -20, ["zone"] = -20, ["timezone"] = -20,
    }.ToFrozenDictionary();

    private static readonly FrozenDictionary<string, int> KeyWords = new Dictionary<string, int>(StringComparer.Ordinal)
    {
        ["key"] = 20, ["account"] = 14, ["acct"] = 14, ["iban"] = 14, ["customer"] = 12, ["entity"] = 12, ["user"] = 12, ["client"] = 11,
        ["payer"] = 12, ["debtor"] = 12, ["sender"] = 12, ["source"] = 11, ["src"] = 11, ["from"] = 10, ["orig"] = 10, ["origin"] = 9,
        ["principal"] = 11, ["actor"] = 11, ["subject"] = 9, ["member"] = 9, ["party"] = 9, ["person"] = 9, ["card"] = 8, ["wallet"] = 10,
        ["email"] = 9, ["username"] = 11, ["device"] = 7, ["session"] = 6, ["merchant"] = 5, ["host"] = 5, ["ip"] = 4, ["phone"] = 4,
        ["node"] = 3, ["arn"] = 6,
        ["target"] = -5, ["dest"] = -5, ["destination"] = -5, ["beneficiary"] = -5, ["payee"] = -5, ["receiver"] = -5, ["recipient"] = -5,
        ["to"] = -5, ["counterparty"] = -5,
        ["event"] = -9, ["transaction"] = -9, ["trans"] = -9, ["txn"] = -9, ["tx"] = -9, ["record"] = -9, ["row"] = -12, ["message"] = -9,
        ["request"] = -9, ["trace"] = -9, ["uuid"] = -4, ["type"] = -20, ["name"] = -6, ["street"] = -15, ["city"] = -15, ["state"] = -15,
        ["zip"] = -15, ["postcode"] = -15, ["country"] = -15, ["region"] = -15, ["currency"] = -20, ["category"] = -20, ["status"] = -20,
        ["agent"] = -20, ["version"] = -20, ["amount"] = -20, ["amt"] = -20, ["price"] = -20, ["value"] = -20, ["balance"] = -20,
        ["score"] = -20, ["latitude"] = -20, ["longitude"] = -20, ["lat"] = -20, ["long"] = -20, ["job"] = -15, ["bin"] = -8, ["code"] = -6,
        ["description"] = -20, ["reason"] = -20, ["date"] = -20, ["time"] = -20, ["timestamp"] = -20,
    }.ToFrozenDictionary();

    private static readonly FrozenDictionary<string, int> LabelWords = new Dictionary<string, int>(StringComparer.Ordinal)
    {
        ["label"] = 10, ["labels"] = 8, ["fraud"] = 9, ["fraudulent"] = 9, ["laundering"] = 9, ["verdict"] = 8, ["truth"] = 6,
        ["suspicious"] = 6, ["sar"] = 6, ["outcome"] = 5, ["is"] = 1, ["event"] = 1,
        ["score"] = -10, ["step"] = -10, ["time"] = -10, ["timestamp"] = -10, ["id"] = -10, ["reason"] = -10, ["type"] = -6,
    }.ToFrozenDictionary();

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
}
