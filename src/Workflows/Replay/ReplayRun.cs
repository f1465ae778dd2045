using System.Text;
using Confluent.Kafka;
using Microsoft.Extensions.Logging;
using PipeRoll.Policies;
using PipeRoll.Workflows.Deciding;
using PipeRoll.Workflows.Kafka;
using PipeRoll.Workflows.Manifest;

namespace PipeRoll.Workflows.Replay;

/// <summary>
/// Decides recorded events again, in isolation: outside the consumer group, writing nothing, and compares with what was recorded.
/// Owner: its creator; <see cref="Run"/> works on several partitions at once. Failure: throws when the cluster does not deliver.
/// </summary>
public sealed class ReplayRun(WorkflowManifest manifest, PolicyBundle policy, KafkaConnection connection, TimeProvider time, ILogger log)
{
    private readonly byte[] _policyHash = Encoding.UTF8.GetBytes(policy.Hash);
    private long _events;

    /// <summary>Events decided again so far.</summary>
    public long Events => Interlocked.Read(ref _events);

    /// <summary>Replays and compares.</summary>
    public ReplayReport Run(ReplayRequest request, CancellationToken stop)
    {
        var total = new ReplayTally(request.SamplesMax);
        var gate = new Lock();
        var options = new ParallelOptions { MaxDegreeOfParallelism = Math.Max(1, request.Parallelism), CancellationToken = stop };
        IEnumerable<int> partitions = request.Ranges?.Keys.Order() ?? Enumerable.Range(0, manifest.Partitions);
        Parallel.ForEach(partitions, options, partition =>
        {
            OffsetRange? range = request.Ranges is { } ranges ? ranges[partition] : null;
            ReplayTally tally = Replay(partition, range, request, stop);
            lock (gate)
            {
                total.Add(tally);
            }
        });
        return total.Report(policy.Hash, time);
    }

    private ReplayTally Replay(int partition, OffsetRange? wanted, ReplayRequest request, CancellationToken stop)
    {
        var tally = new ReplayTally(request.SamplesMax);
        var source = new TopicPartition(manifest.SourceTopic, partition);
        using var reader = new LogReader(connection, log);
        (long low, long high) = reader.Bounds(source);
        long from = Math.Max(low, wanted?.From ?? low);
        long to = Math.Min(high, wanted?.To ?? high);
        DecisionEngine engine = PastState.At(reader, manifest.Name, source, policy, from, log);
        using var events = new LogCursor(connection, source, Math.Max(low, engine.NextOffset), to, withHeaders: false, log);
        using var recorded = new DecisionCursor(connection, new TopicPartition(manifest.DecisionTopic, partition), reader, log);
        bool hasRecord = Skip(recorded, from);
        while (events.MoveNext())
        {
            if (events.Offset < from || (request.OnlyOwn && IsOthers(recorded, ref hasRecord, events.Offset)))
            {
                engine.Fold(events.Offset, events.TimestampMs, events.Key, events.Value);
                continue;
            }

            if (tally.Events++ == 0)
            {
                tally.FirstTick = time.GetTimestamp();
            }

            Decision decision = engine.Decide(events.Offset, events.TimestampMs, events.Key, events.Value);
            hasRecord = Compare(tally, partition, events.Offset, decision, recorded, hasRecord);
            if ((tally.Events & 1023) == 0)
            {
                Interlocked.Add(ref _events, 1024);
                stop.ThrowIfCancellationRequested();
            }
        }

        tally.LastTick = tally.Events > 0 ? time.GetTimestamp() : tally.LastTick;
        Interlocked.Add(ref _events, tally.Events & 1023);
        while (hasRecord && recorded.SourceOffset < to)
        {
            tally.Add(DecisionComparison.Alone(partition, recorded.SourceOffset, DifferenceKind.Surplus, recorded.Value));
            hasRecord = recorded.MoveNext();
        }

        return tally;
    }

    /// <summary>Whether another version decided the event; then its record is passed over.</summary>
    private bool IsOthers(DecisionCursor recorded, ref bool hasRecord, long offset)
    {
        bool isOthers = hasRecord && recorded.SourceOffset == offset && recorded.Value.IndexOf(_policyHash) < 0;
        hasRecord = isOthers ? recorded.MoveNext() : hasRecord;
        return isOthers;
    }

    private static bool Skip(DecisionCursor recorded, long from)
    {
        bool hasRecord;
        do
        {
            hasRecord = recorded.MoveNext();
        }
        while (hasRecord && recorded.SourceOffset < from);
        return hasRecord;
    }

    private bool Compare(ReplayTally tally, int partition, long offset, Decision decision, DecisionCursor recorded, bool hasRecord)
    {
        while (hasRecord && recorded.SourceOffset < offset)
        {
            tally.Add(DecisionComparison.Alone(partition, recorded.SourceOffset, DifferenceKind.Surplus, recorded.Value));
            hasRecord = recorded.MoveNext();
        }

        if (!hasRecord || recorded.SourceOffset > offset)
        {
            tally.Add(DecisionComparison.Alone(partition, offset, DifferenceKind.Missing, decision.Record.Span));
            return hasRecord;
        }

        if (recorded.Value.SequenceEqual(decision.Record.Span))
        {
            tally.Equal++;
        }
        else
        {
            CompareUnequal(tally, partition, offset, decision, recorded);
        }

        return recorded.MoveNext();
    }

    private void CompareUnequal(ReplayTally tally, int partition, long offset, Decision decision, DecisionCursor recorded)
    {
        bool isOther = recorded.Value.IndexOf(_policyHash) < 0;
        tally.SawOtherVersion |= isOther;
        bool isSameOutcome = DecisionComparison.OutcomeOf(recorded.Value).SequenceEqual(Encoding.UTF8.GetBytes(decision.Outcome.ToText()));
        if (isOther && isSameOutcome)
        {
            // Another version always gives other bytes (its hash is in them); what counts is what would have happened.
            tally.Equal++;
        }
        else
        {
            tally.Add(DecisionComparison.Describe(partition, offset, recorded.Value, decision.Record.Span));
        }
    }
}
