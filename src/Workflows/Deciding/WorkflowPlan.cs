using PipeRoll.Policies;
using PipeRoll.Workflows.Kafka;
using PipeRoll.Workflows.Manifest;
using PipeRoll.Workflows.Versions;

namespace PipeRoll.Workflows.Deciding;

/// <summary>A manifest together with the policy version that decides, and the topics that follow from both. Immutable.</summary>
public sealed class WorkflowPlan
{
    private readonly Dictionary<Outcome, string> _manifestRoutes = [];

    /// <summary>
    /// Throws <see cref="WorkflowException"/> if the manifest routes an outcome that policies do not know, or if the shadow is the policy itself.
    /// </summary>
    public WorkflowPlan(WorkflowManifest manifest, PolicyBundle policy, PolicyBundle? shadow = null, IPolicyVersions? versions = null)
    {
        Manifest = manifest;
        Policy = policy;
        Shadow = shadow;
        Versions = versions ?? new FixedPolicy(policy);
        if (shadow?.Hash == policy.Hash)
        {
            throw new WorkflowException(
                $"workflow {manifest.Name}: the shadow policy is the one that decides ({policy.Name} {policy.Version}): name another version");
        }

        foreach ((string name, string topic) in manifest.Routes)
        {
            if (!OutcomeNames.TryParse(name, out Outcome outcome))
            {
                throw new WorkflowException(
                    $"workflow {manifest.Name} routes '{name}', which is no outcome: use allow, alert, hold or block");
            }

            _manifestRoutes[outcome] = topic;
        }

        Outputs = [manifest.DecisionTopic, .. RouteTopics().Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)];
        if (Outputs.Contains(manifest.SourceTopic) || Outputs.Skip(1).Contains(manifest.DecisionTopic))
        {
            throw new WorkflowException(
                $"policy {policy.Name} {policy.Version} routes events to {manifest.SourceTopic} or {manifest.DecisionTopic}, "
                + "the workflow's own source or decisions: give the route another topic");
        }
    }

    public WorkflowManifest Manifest { get; }

    public PolicyBundle Policy { get; }

    /// <summary>Decides the same events beside the policy, for comparison; nothing follows from it. Null for none.</summary>
    public PolicyBundle? Shadow { get; }

    /// <summary>Which versions decide, now and later.</summary>
    public IPolicyVersions Versions { get; }

    /// <summary>Every topic that a worker writes: the decision topic, then all topics to which the manifest or the policy routes.</summary>
    public IReadOnlyList<string> Outputs { get; }

    /// <summary>Everything that must exist before a worker starts.</summary>
    public IReadOnlyList<TopicPlan> Topics
    {
        get
        {
            // Event times may lie years back, and Kafka deletes by record timestamp: a governed topic keeps its records until told
            // otherwise.
            var keep = new Dictionary<string, string> { ["retention.ms"] = "-1" };
            var compact = new Dictionary<string, string> { ["cleanup.policy"] = "compact" };
            return
            [
                new TopicPlan(Manifest.SourceTopic, Manifest.Partitions) { Configs = keep },
                .. Outputs.Select(topic => new TopicPlan(topic, Manifest.Partitions) { Configs = keep }),
                .. Shadow is null ? Array.Empty<TopicPlan>() : [new TopicPlan(Manifest.ShadowTopic, Manifest.Partitions) { Configs = keep }],
                new TopicPlan(Manifest.DeadLetterTopic, 1) { Configs = keep },
                new TopicPlan(SnapshotStore.TopicName, 1) { Configs = compact },
                .. Versions.IsGoverned ? [ActivationLog.Plan] : Array.Empty<TopicPlan>(),
            ];
        }
    }

    /// <summary>Reads the policies that a manifest names. Throws what reading them throws.</summary>
    public static WorkflowPlan Load(WorkflowManifest manifest) => new(
        manifest, PolicyBundle.Load(manifest.PolicyFile), manifest.ShadowPolicyFile is { } shadow ? PolicyBundle.Load(shadow) : null);

    /// <summary>The topic that the manifest gives to an outcome, null for none.</summary>
    public string? ManifestRoute(Outcome outcome) => _manifestRoutes.GetValueOrDefault(outcome);

    private IEnumerable<string> RouteTopics()
    {
        IEnumerable<PolicyRoute?> routes =
            [.. Policy.Routes.Values, .. Policy.Rules.Select(rule => rule.Route), Policy.Fallback.Route];
        return routes.OfType<PolicyRoute>().Select(route => route.TopicFor(Manifest.SourceTopic)).Concat(_manifestRoutes.Values);
    }
}
