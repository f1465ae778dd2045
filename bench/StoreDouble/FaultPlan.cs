using System.Text.Json.Serialization;

namespace PipeRoll.StoreDouble;

/// <summary>What the double does to requests: how slow it is, and which of them fail and how. Probabilities are from 0 to 1.</summary>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
public sealed record FaultPlan
{
    /// <summary>
    /// Milliseconds of object PUTs (parts and completions too): p50 and p99 of a log-normal distribution; null answers at once.
    /// </summary>
    public Percentiles? Put { get; init; }

    /// <summary>Of object GETs and HEADs.</summary>
    public Percentiles? Get { get; init; }

    public Percentiles? List { get; init; }

    public Percentiles? Delete { get; init; }

    /// <summary>503 SlowDown, without effect.</summary>
    public double Unavailable { get; init; }

    /// <summary>500, without effect.</summary>
    public double FailBefore { get; init; }

    /// <summary>500 although the request took effect.</summary>
    public double FailAfter { get; init; }

    /// <summary>No answer until the client hangs up, without effect.</summary>
    public double HangBefore { get; init; }

    /// <summary>No answer until the client hangs up, although the request took effect.</summary>
    public double HangAfter { get; init; }

    /// <summary>Every request that writes is answered so: 403 (no rights) or 507 (full); 0 for none. 403 refuses reads too.</summary>
    public int Refuse { get; init; }

    /// <summary>Only keys that start so, such as <c>wal/</c>, meet with failures; latency is for all.</summary>
    public string Prefix { get; init; } = "";

    /// <returns>What is wrong, or null.</returns>
    public string? FindProblem()
    {
        double[] probabilities = [Unavailable, FailBefore, FailAfter, HangBefore, HangAfter];
        if (probabilities.Any(p => p is < 0 or > 1 or double.NaN) || probabilities.Sum() > 1)
        {
            return "probabilities are from 0 to 1, and at most 1 together";
        }

        if (new[] { Put, Get, List, Delete }.Any(p => p is { } latency && !(latency.P50 > 0 && latency.P99 >= latency.P50)))
        {
            return "a latency is P50/P99 in milliseconds with 0 < P50 <= P99";
        }

        return Refuse is 0 or 403 or 507 ? null : "refuse is 403, 507 or 0";
    }
}

/// <param name="P50">Median in milliseconds.</param>
/// <param name="P99">In milliseconds.</param>
public sealed record Percentiles(double P50, double P99)
{
    // The standard normal distribution's 99th percentile.
    private const double Z99 = 2.3263478740408408;

    /// <summary>From <c>60/200</c>.</summary>
    public static Percentiles Parse(string text)
    {
        string[] parts = text.Split('/');
        return parts.Length == 2 && double.TryParse(parts[0], out double p50) && double.TryParse(parts[1], out double p99)
            ? new Percentiles(p50, p99)
            : throw new FormatException($"'{text}' is no P50/P99 in milliseconds, such as 60/200");
    }

    /// <param name="normal">A standard normal deviate.</param>
    public TimeSpan At(double normal) => TimeSpan.FromMilliseconds(P50 * Math.Exp(Math.Log(P99 / P50) / Z99 * normal));
}
