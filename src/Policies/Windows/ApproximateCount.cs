namespace PipeRoll.Policies.Windows;

/// <summary>
/// HyperLogLog (Flajolet, Fusy, Gandouet, Meunier 2007) over a window: 2,048 registers, standard error 1.04 / √2048 = 2.3 %. A register
/// is the highest rank among the events in the window; of a register's events only those are kept that can still become the highest, so
/// memory is bounded whatever comes. An event is kept as a number, register · 64 + rank. Only additions, divisions and one
/// multiplication: the same on every machine.
/// </summary>
internal static class ApproximateCount
{
    public const int Registers = 1 << RegisterBits;

    private const int RegisterBits = 11;
    private const int RankMax = 64 - RegisterBits + 1;
    private const int RankBits = 6;

    /// <summary>The estimate where so many registers are empty: m · (Hₘ − Hᵥ), which is linear counting.</summary>
    private static readonly double[] Linear = LinearTable();

    /// <summary>The code of a text.</summary>
    public static int CodeOf(ReadOnlySpan<byte> text)
    {
        ulong hash = Finish(ByteHash.Of(text));
        int register = (int)(hash >> (64 - RegisterBits));
        int rank = Math.Min(RankMax, System.Numerics.BitOperations.LeadingZeroCount(hash << RegisterBits) + 1);
        return (register << RankBits) | rank;
    }

    public static int RegisterOf(int code) => code >> RankBits;

    public static int RankOf(int code) => code & ((1 << RankBits) - 1);

    public static bool IsCode(double value) =>
        value == Math.Floor(value) && value is > 0 and < Registers << RankBits && RankOf((int)value) is >= 1 and <= RankMax;

    /// <summary>About how many different texts the events in the window had.</summary>
    public static long Estimate(ReadOnlySpan<WindowSeries.Entry> entries)
    {
        Span<byte> ranks = stackalloc byte[Registers];
        ranks.Clear();
        foreach (WindowSeries.Entry entry in entries)
        {
            int code = (int)entry.Value;
            ref byte rank = ref ranks[RegisterOf(code)];
            rank = Math.Max(rank, (byte)RankOf(code));
        }
        UInt128 sum = 0;
        int empty = 0;
        foreach (byte rank in ranks)
        {
            sum += UInt128.One << (64 - rank);
            empty += rank == 0 ? 1 : 0;
        }
        const double Alpha = 0.7213 / (1 + (1.079 / Registers));
        double estimate = Alpha * Registers * Registers / ((double)sum / 18_446_744_073_709_551_616.0);
        return (long)Math.Round(estimate <= 2.5 * Registers && empty > 0 ? Linear[empty] : estimate);
    }

    private static ulong Finish(ulong hash)
    {
        hash = (hash ^ (hash >> 30)) * 0xBF58476D1CE4E5B9;
        hash = (hash ^ (hash >> 27)) * 0x94D049BB133111EB;
        return hash ^ (hash >> 31);
    }

    private static double[] LinearTable()
    {
        var table = new double[Registers + 1];
        for (int empty = Registers - 1; empty >= 1; empty--)
        {
            table[empty] = table[empty + 1] + ((double)Registers / (empty + 1));
        }
        return table;
    }
}
