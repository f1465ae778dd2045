using Confluent.Kafka;
using Microsoft.Extensions.Logging;
using PipeRoll.Policies;
using PipeRoll.Workflows.Kafka;
using PipeRoll.Workflows.Manifest;
using PipeRoll.Workflows.Replay;

namespace PipeRoll.Workflows.Explain;

/// <summary>A decision that was made again.</summary>
/// <param name="IsEqual">Whether every byte of the record is the same.</param>
/// <param name="Record">The record as it was made now, canonical JSON.</param>
/// <param name="FromOffset">The first event that was folded again: 0, or where a snapshot stood.</param>
/// <param name="Difference">What differs; null if nothing does.</param>
public sealed record Recomputed(bool IsEqual, ReadOnlyMemory<byte> Record, long FromOffset, DecisionDifference? Difference)
{
    /// <summary>One line in words.</summary>
    public string Words => IsEqual
        ? $"recomputed from offset {FromOffset} on: equal, byte for byte"
        : $"recomputed from offset {FromOffset} on: NOT EQUAL in {string.Join(", ", Difference!.Fields)}"
            + (Difference.Rules.Count > 0 ? $" (rules {string.Join(", ", Difference.Rules)})" : "");
}

/// <summary>
/// Makes a past decision again, from the events of its partition and the policy version that its record names. Owner: its creator; one thread.
/// Failure: <see cref="WorkflowException"/> that says what is missing.
/// </summary>
/// <param name="policies">Versions that are at hand; the one that is needed is found by its hash.</param>
public sealed class DecisionRecomputation(
    WorkflowManifest manifest, IReadOnlyList<PolicyBundle> policies, KafkaConnection connection, ILogger log)
{
    /// <summary>Decides the event of a record once more.</summary>
    /// <param name="recorded">The record as it is stored.</param>
    public Recomputed Recompute(ReadOnlyMemory<byte> recorded)
    {
        DecisionRecord decision = DecisionRecord.Parse(recorded.Span);
        PolicyBundle policy = policies.FirstOrDefault(each => each.Hash == decision.PolicyHash) ?? throw new WorkflowException(
            $"the decision was made under policy {decision.PolicyName} {decision.PolicyVersion} with hash {decision.PolicyHash}, and none that is at "
            + $"hand is that version ({string.Join(", ", policies.Select(each => $"{each.Name} {each.Version}: {each.Hash[..12]}…"))}): "
            + "name its file with --policy");
        var source = new TopicPartition(decision.Topic, decision.Partition);
        using var reader = new LogReader(connection, log);
        DecisionEngine engine = PastState.At(reader, manifest.Name, source, policy, decision.Offset, log);
        (long low, long high) = reader.Bounds(source);
        if (engine.NextOffset < low || decision.Offset >= high)
        {
            throw new WorkflowException(
                $"{source.Topic}/{source.Partition.Value} holds offsets {low} to {high - 1}, and there is no snapshot that stands behind what is gone: "
                + $"the events that led to offset {decision.Offset} are not all there any more");
        }

        long from = engine.NextOffset;
        byte[] again = DecideAgain(engine, source, decision.Offset);
        bool isEqual = recorded.Span.SequenceEqual(again);
        return new Recomputed(
            isEqual, again, from, isEqual ? null : DecisionComparison.Describe(decision.Partition, decision.Offset, recorded.Span, again));
    }

    private byte[] DecideAgain(DecisionEngine engine, TopicPartition source, long offset)
    {
        using var events = new LogCursor(connection, source, engine.NextOffset, offset + 1, withHeaders: false, log);
        while (events.MoveNext())
        {
            if (events.Offset == offset)
            {
                return engine.Decide(offset, events.TimestampMs, events.Key, events.Value).Record.ToArray();
            }

            engine.Fold(events.Offset, events.TimestampMs, events.Key, events.Value);
        }

        throw new WorkflowException($"the event {source.Topic}/{source.Partition.Value} offset {offset} is not there any more");
    }
}
