namespace PipeRoll.Policies.Screening;

/// <summary>
/// What is left of a word when spellings of the same sound are made one: consonants by their sound, vowels only as a first letter.
/// Names that were transliterated by different people meet here: MUHAMMAD and MOHAMED, YOUSEF and JUSUF, TCHAIKOVSKY and CHAIKOVSKII.
/// Pure.
/// </summary>
internal static class PhoneticKey
{
    /// <summary>Keys shorter than this say too little.</summary>
    public const int LengthMin = 2;

    private static readonly (string Spelling, string Sound)[] Spellings =
    [
        ("TSCH", "C"), ("SHCH", "C"), ("SCH", "S"), ("TCH", "C"), ("DZH", "J"), ("PH", "F"), ("CK", "K"), ("KH", "K"), ("GH", "G"), ("ZH", "J"),
        ("DJ", "J"), ("SH", "S"), ("CH", "C"), ("TH", "T"), ("DH", "D"), ("TS", "S"), ("TZ", "S"), ("DZ", "Z"), ("QU", "K"), ("WR", "R"),
    ];

    /// <summary>The key of a folded word; digits stand for themselves.</summary>
    public static string Of(string word)
    {
        Span<char> key = stackalloc char[word.Length * 2];
        int length = 0;
        char last = '\0';
        for (int i = 0; i < word.Length;)
        {
            char sound = SoundAt(word, i, out int taken);
            bool repeats = sound == last && sound != '\0' && taken == 1 && i > 0 && word[i - 1] == word[i];
            if (sound != '\0' && !repeats)
            {
                if (sound == 'X')
                {
                    key[length++] = 'K';
                    sound = 'S';
                }
                key[length++] = sound;
            }
            last = sound;
            i += taken;
        }
        return new string(key[..length]);
    }

    /// <summary>The sound that begins at a letter; 0 for none.</summary>
    private static char SoundAt(string word, int at, out int taken)
    {
        foreach ((string spelling, string sound) in Spellings)
        {
            if (word.AsSpan(at).StartsWith(spelling, StringComparison.Ordinal))
            {
                taken = spelling.Length;
                return sound[0];
            }
        }
        taken = 1;
        char letter = word[at];
        bool isFirst = at == 0;
        return letter switch
        {
            'A' or 'E' or 'I' or 'O' or 'U' => isFirst ? 'A' : '\0',
            'Y' => isFirst ? 'J' : '\0',
            'H' => isFirst ? 'H' : '\0',
            'W' => isFirst ? 'F' : '\0',
            'V' => 'F',
            'Q' => 'K',
            'C' => at + 1 < word.Length && word[at + 1] is 'E' or 'I' or 'Y' ? 'S' : 'K',
            'Z' => 'S',
            _ => letter,
        };
    }
}
