namespace PipeRoll.Workflows.Scoring;

/// <summary>
/// Decisions against known outcomes: what was flagged (anything but "allow") and what was indeed bad. <see cref="Unlabelled"/> counts what
/// no
/// label says anything about; it takes part in nothing else.
/// </summary>
public sealed record Scores(string Unit, long TruePositives, long FalsePositives, long FalseNegatives, long TrueNegatives, long Unlabelled)
{
    /// <summary>Of the flagged, the share that was bad; null if nothing was flagged.</summary>
    public double? Precision => Share(TruePositives, TruePositives + FalsePositives);

    /// <summary>Of the bad, the share that was flagged; null if nothing was bad.</summary>
    public double? Recall => Share(TruePositives, TruePositives + FalseNegatives);

    /// <summary>Of the good, the share that was flagged; null if nothing was good.</summary>
    public double? FalsePositiveRate => Share(FalsePositives, FalsePositives + TrueNegatives);

    public Scores Add(bool isFlagged, bool? isBad) => (isFlagged, isBad) switch
    {
        (_, null) => this with { Unlabelled = Unlabelled + 1 },
        (true, true) => this with { TruePositives = TruePositives + 1 },
        (true, false) => this with { FalsePositives = FalsePositives + 1 },
        (false, true) => this with { FalseNegatives = FalseNegatives + 1 },
        (false, false) => this with { TrueNegatives = TrueNegatives + 1 },
    };

    private static double? Share(long part, long whole) => whole == 0 ? null : (double)part / whole;
}
