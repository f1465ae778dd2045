namespace PipeRoll.Workflows.Manifest;

/// <summary>
/// A workflow as its author wrote it: what is captured, which policy decides, where outcomes go. Shape in
/// docs/formats/workflow-manifest.md.
/// All topics of one workflow have the same number of partitions: an event's decision and its routed copies lie in the event's partition.
/// </summary>
public sealed record WorkflowManifest
{
    /// <summary>Names the workflow; also its consumer group ("piperoll.NAME").</summary>
    public required string Name { get; init; }

    /// <summary>The topic whose events are decided.</summary>
    public required string SourceTopic { get; init; }

    public required int Partitions { get; init; }

    /// <summary>The event field that becomes the record key (whose events must stay in order); null if capture may guess.</summary>
    public string? KeyField { get; init; }

    /// <summary>The event field that holds the event time; null if capture may guess.</summary>
    public string? TimeField { get; init; }

    /// <summary>The policy file, absolute.</summary>
    public required string PolicyFile { get; init; }

    /// <summary>The policy file that decides beside it for comparison, absolute; null for none.</summary>
    public string? ShadowPolicyFile { get; init; }

    /// <summary>
    /// Whether versions have a life (docs/POLICY-LIFE.md): then what decides is what was approved and activated, and the policy file only says what events
    /// look like.
    /// </summary>
    public bool IsGoverned { get; init; }

    public required string DecisionTopic { get; init; }

    /// <summary>Outcome → topic that receives a copy of the event. An outcome without a route is only decided.</summary>
    public required IReadOnlyDictionary<string, string> Routes { get; init; }

    public required string DeadLetterTopic { get; init; }

    /// <summary>Where decisions of the shadow policy go.</summary>
    public string ShadowTopic => DecisionTopic + ".shadow";

    /// <summary>How long a blocking request waits for its decision, in milliseconds, unless it says otherwise.</summary>
    public int DeadlineMs { get; init; } = 1_000;

    /// <summary>What a blocking request is answered when its deadline has passed: fails closed unless the manifest says otherwise.</summary>
    public string DeadlineOutcome { get; init; } = "block";

    /// <summary>The consumer group whose committed offsets say what was decided and written.</summary>
    public string Group => "piperoll." + Name;

    /// <summary>Every topic that the worker writes co-partitioned with the source: decisions first, then routes in order of name.</summary>
    public IReadOnlyList<string> OutputTopics =>
        [DecisionTopic, .. Routes.Values.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)];
}

/// <summary>What is wrong in a manifest, where (1-based), and what to write instead.</summary>
public sealed record ManifestProblem(int Line, int Column, string Message)
{
    public override string ToString() => $"{Line}:{Column}: {Message}";
}

/// <summary>Either a manifest or at least one problem.</summary>
public sealed record ManifestResult(WorkflowManifest? Manifest, IReadOnlyList<ManifestProblem> Problems)
{
    public bool IsValid => Problems.Count == 0;
}
