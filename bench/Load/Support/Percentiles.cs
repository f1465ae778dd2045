namespace PipeRoll.Load;

internal sealed record Percentiles(double P50, double P99, double P999, double Max)
{
    public static Percentiles Of(List<double> values)
    {
        if (values.Count == 0)
        {
            throw new InvalidOperationException("nothing was measured");
        }

        double[] sorted = [.. values.Order()];
        return new Percentiles(At(sorted, 0.50), At(sorted, 0.99), At(sorted, 0.999), sorted[^1]);
    }

    /// <summary>Each figure's median over several rounds.</summary>
    public static Percentiles Median(IReadOnlyList<Percentiles> rounds) => new(
        Median(rounds.Select(r => r.P50)), Median(rounds.Select(r => r.P99)), Median(rounds.Select(r => r.P999)), Median(rounds.Select(r => r.Max)));

    public static double Median(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        return At(sorted, 0.5);
    }

    public override string ToString() => $"p50 {P50:0.00}  p99 {P99:0.00}  p99.9 {P999:0.00}  max {Max:0.00} ms";

    private static double At(double[] sorted, double fraction) => sorted[Math.Min(sorted.Length - 1, (int)(sorted.Length * fraction))];
}
