using PipeRoll.Workflows.Kafka;
using PipeRoll.Workflows.Manifest;

namespace PipeRoll.Workflows.Blocking;

/// <summary>The topics of blocking requests (docs/formats/blocking.md).</summary>
public static class BlockingTopics
{
    /// <summary>
    /// Which event an idempotency key stands for: one partition, the newest record of each key, kept for a week. A topic for each workflow, so
    /// that nobody else's open transaction hides its end.
    /// </summary>
    public static string Requests(WorkflowManifest manifest) => "_piperoll.requests." + manifest.Name;

    /// <summary>The answers that were given by deadline.</summary>
    public static string Deadlines(WorkflowManifest manifest) => manifest.DecisionTopic + ".deadlines";

    /// <summary>What must exist before requests are taken.</summary>
    public static IReadOnlyList<TopicPlan> Plan(WorkflowManifest manifest) =>
    [
        new TopicPlan(Requests(manifest), 1)
        {
            Configs = new Dictionary<string, string> { ["cleanup.policy"] = "compact,delete", ["retention.ms"] = "604800000" },
        },
        new TopicPlan(Deadlines(manifest), manifest.Partitions) { Configs = new Dictionary<string, string> { ["retention.ms"] = "-1" } },
    ];
}
