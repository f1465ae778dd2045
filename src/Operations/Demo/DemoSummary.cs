using System.Text.Json;
using System.Text.Json.Serialization;
using PipeRoll.Workflows.Replay;
using PipeRoll.Workflows.Scoring;

namespace PipeRoll.Operations.Demo;

/// <summary>What the demo found, as it stands in the JSON summary (camelCase).</summary>
public sealed record DemoSummary
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        WriteIndented = true,
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.CamelCase) },
    };

    /// <summary>Events that the cluster acknowledged.</summary>
    public required long Captured { get; init; }

    /// <summary>Events with a decision record that counts.</summary>
    public required long Decided { get; init; }

    public required IReadOnlyDictionary<string, long> Outcomes { get; init; }

    /// <summary>Captured events that are not in the topic, events without decision, and routed copies that are missing.</summary>
    public required long Lost { get; init; }

    /// <summary>Events that are in the topic twice, decided twice or routed twice.</summary>
    public required long Duplicated { get; init; }

    public required int Restarts { get; init; }

    /// <summary>With a cluster: what the loss of a broker cost.</summary>
    public ClusterFigures? Cluster { get; init; }

    public required ReplayFigures Replay { get; init; }

    public ReplayFigures? ReplayV2 { get; init; }

    public required double DecisionsPerSecond { get; init; }

    public required LatencyFigures ProduceLatencyMs { get; init; }

    public required double ElapsedSeconds { get; init; }

    public required long DeadLetters { get; init; }

    public required PolicyFigures Policy { get; init; }

    public PolicyFigures? PolicyV2 { get; init; }

    /// <summary>Against the known outcomes, where there are any.</summary>
    public ScoreFigures? Scores { get; init; }

    /// <summary>The explained decision, in lines.</summary>
    public IReadOnlyList<string>? Explained { get; init; }

    public required double CaptureSeconds { get; init; }

    public required IReadOnlyList<string> Failures { get; init; }

    public bool IsGood => Failures.Count == 0;

    public string ToJson() => JsonSerializer.Serialize(this, Json) + "\n";
}

public sealed record LatencyFigures(double P50, double P99);

public sealed record PolicyFigures(string Name, string Version, string Hash, string File);

/// <summary>A replay in figures.</summary>
public sealed record ReplayFigures(
    long Events, long Equal, long Different, long Missing, long Surplus, long Changed, double DecisionsPerSecond,
    IReadOnlyDictionary<string, long> ByOutcome, IReadOnlyDictionary<string, long> ByRule, IReadOnlyList<DecisionDifference> Samples)
{
    public static ReplayFigures Of(ReplayReport report) => new(
        report.Events, report.Equal, report.Different, report.Missing, report.Surplus, report.Changed, Math.Round(
            report.DecisionsPerSecond),
        report.ByOutcome, report.ByRule, report.Samples);
}

/// <summary>Scores in figures.</summary>
public sealed record ScoreFigures(
    string Unit, long TruePositives, long FalsePositives, long FalseNegatives, long TrueNegatives, double? Precision, double? Recall)
{
    public static ScoreFigures Of(Scores scores) => new(
        scores.Unit, scores.TruePositives, scores.FalsePositives, scores.FalseNegatives, scores.TrueNegatives,
        Rounded(scores.Precision), Rounded(scores.Recall));

    private static double? Rounded(double? share) => share is { } value ? Math.Round(value, 4) : null;
}
