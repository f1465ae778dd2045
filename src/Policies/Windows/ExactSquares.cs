using System.Numerics;

namespace PipeRoll.Policies.Windows;

/// <summary>
/// Sums of values and of their squares that do not depend on the order of adding and taking away: values are whole millionths, squares
/// are exact in 128 bits.
/// </summary>
internal static class ExactSquares
{
    /// <summary>The largest value: a million squares of it stay below 2¹²⁷.</summary>
    public const double ValueMax = 1e9;

    private const double UnitsPerOne = 1e6;

    /// <summary>The value in millionths, to the nearest.</summary>
    /// <param name="value">Finite, at most <see cref="ValueMax"/> in size.</param>
    public static long ToUnits(double value) => (long)Math.Round(value * UnitsPerOne);

    /// <summary>√(Σx²/n − (Σx/n)²), with the subtraction in whole numbers, where it loses nothing.</summary>
    public static double StdDev(Int128 sum, Int128 squares, int count)
    {
        var total = (BigInteger)sum;
        BigInteger spread = (count * (BigInteger)squares) - (total * total);
        return Math.Sqrt((double)spread) / (UnitsPerOne * count);
    }
}
