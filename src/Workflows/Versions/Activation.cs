using System.Text.Json;
using Confluent.Kafka;
using PipeRoll.Workflows.Kafka;

namespace PipeRoll.Workflows.Versions;

/// <summary>From which event on which versions decide on a partition (docs/formats/policies-topic.md).</summary>
/// <param name="FromOffset">The first event that they decide.</param>
/// <param name="Sequence">Of the <see cref="PolicyOrder"/>.</param>
/// <param name="Active">Hash of the version that decides.</param>
/// <param name="Canary">Hash of the version that decides for a share of the keys; null for none.</param>
public sealed record Activation(
    string Workflow, string Topic, int Partition, long FromOffset, long Sequence, string Active, string? Canary, double CanaryShare)
{
    /// <summary>Unique, so that compaction keeps them all.</summary>
    public string Key => $"{Workflow}/{Topic}/{Partition}/{FromOffset}/{Sequence}";
}

/// <summary>The topic of activations. Each is written in the transaction of the first decisions that follow from it.</summary>
public static class ActivationLog
{
    public const string TopicName = "_piperoll.activations";

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web);

    internal static TopicPartition Partition { get; } = new(TopicName, 0);

    public static TopicPlan Plan { get; } = new(TopicName, 1)
    {
        Configs = new Dictionary<string, string> { ["cleanup.policy"] = "compact" },
    };

    /// <summary>All activations of a workflow, in the order in which they were committed.</summary>
    public static IReadOnlyList<Activation> Read(LogReader log, string workflow) => Read(log, workflow, log.Bounds(Partition));

    /// <summary>
    /// What was committed last for a partition of the source; null if nothing was. Waits for transactions of other workers that may hide it.
    /// </summary>
    internal static Activation? Newest(LogReader log, string workflow, TopicPartition source) =>
        Read(log, workflow, log.SettledBounds(Partition)).LastOrDefault(each => each.Topic == source.Topic && each.Partition == source.Partition.Value);

    /// <summary>Key and value of its record, in the only partition of the topic.</summary>
    internal static (byte[] Key, byte[] Value) Encode(Activation activation) =>
        (System.Text.Encoding.UTF8.GetBytes(activation.Key), JsonSerializer.SerializeToUtf8Bytes(activation, Json));

    private static List<Activation> Read(LogReader log, string workflow, (long Low, long High) bounds)
    {
        List<Activation> found = [];
        (long low, long high) = bounds;
        log.Read(Partition, low, high, record =>
        {
            if (record.Message.Value is { } value && JsonSerializer.Deserialize<Activation>(value, Json) is { } activation && activation.Workflow == workflow)
            {
                found.Add(activation);
            }

            return true;
        });
        return found;
    }
}
