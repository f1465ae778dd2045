namespace PipeRoll.Policies.Windows;

/// <summary>
/// Sums whose result does not depend on the order of adding and taking away: values are whole billionths in 128 bits. A binary
/// running sum would remember in its last bits what came and went, and a restored state would then differ from one that ran through.
/// </summary>
internal static class ExactSum
{
    /// <summary>The largest value that can be summed: a million of them stay far from 128 bits.</summary>
    public const double ValueMax = 1e18;

    private const double UnitsPerOne = 1e9;

    /// <summary>Below this, value × 10⁹ is exact to an eighth of a unit, so rounding finds the decimal that was meant.</summary>
    private const double DirectMax = 1e6;

    /// <summary>The value in billionths, to the nearest.</summary>
    /// <param name="value">Finite, at most <see cref="ValueMax"/> in size.</param>
    public static Int128 ToUnits(double value)
    {
        if (Math.Abs(value) < DirectMax)
        {
            return (long)Math.Round(value * UnitsPerOne);
        }
        double whole = Math.Truncate(value);
        return ((Int128)whole * 1_000_000_000) + (long)Math.Round((value - whole) * UnitsPerOne);
    }

    public static double ToDouble(Int128 units) => (double)units / UnitsPerOne;

    /// <summary>The mean in one division, so that the mean of 10.1, 20.1 and 30.1 is 20.1.</summary>
    public static double Mean(Int128 units, int count) => (double)units / (UnitsPerOne * count);
}
