using System.Collections.Frozen;
using System.Numerics;

namespace PipeRoll.Policies.Screening;

/// <summary>How much a word says: rare words much, legal forms and particles little. Whole numbers, from the list alone.</summary>
internal static class WordWeights
{
    /// <summary>The weight of words that say nothing, and of single letters.</summary>
    public const int Least = 2;

    private const int Base = 4;

    private static readonly FrozenSet<string> Generic = FrozenSet.ToFrozenSet(
    [
        "LTD", "LIMITED", "LLC", "LLP", "INC", "INCORPORATED", "CO", "COMPANY", "CORP", "CORPORATION", "SA", "SAS", "SARL", "SRL", "SPA", "GMBH", "AG",
        "KG", "BV", "NV", "PLC", "PJSC", "JSC", "OJSC", "CJSC", "OAO", "OOO", "ZAO", "PAO", "AO", "FZE", "FZCO", "FZC", "PTE", "PTY", "SDN", "BHD", "CV",
        "RL", "DE", "DEL", "DELLA", "DI", "DA", "DOS", "DAS", "DU", "LA", "LE", "LES", "LOS", "LAS", "EL", "AL", "UL", "AN", "AR", "AS", "AZ", "BIN", "BEN",
        "IBN", "BINT", "VAN", "VON", "DER", "DEN", "TER", "THE", "OF", "AND", "FOR", "Y", "E", "ET", "UND", "MR", "MRS", "MS", "DR", "SIR", "MISS", "PROF",
    ]);

    public static bool IsGeneric(string word) => Generic.Contains(word) || word.Length == 1;

    /// <summary>
    /// The weight of a word that stands in <paramref name="count"/> of <paramref name="names"/> names; 0 is treated as 1.
    /// </summary>
    public static int Of(string word, int count, int names) => IsGeneric(word)
        ? Least
        : Base + BitOperations.Log2((uint)Math.Max(1, names / Math.Max(1, count))) + 1;
}
