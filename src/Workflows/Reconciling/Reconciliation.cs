using System.Text;
using Confluent.Kafka;
using Microsoft.Extensions.Logging;
using PipeRoll.Policies;
using PipeRoll.Workflows.Capture;
using PipeRoll.Workflows.Deciding;
using PipeRoll.Workflows.Kafka;
using PipeRoll.Workflows.Replay;

namespace PipeRoll.Workflows.Reconciling;

/// <summary>What is there, what is missing, what is there twice: events → decisions → routed copies.</summary>
public sealed record ReconciliationReport
{
    /// <summary>Events in the source topic.</summary>
    public long Events { get; init; }

    /// <summary>Events whose captured row is in the topic already.</summary>
    public long EventsTwice { get; init; }

    /// <summary>Events with a decision.</summary>
    public long Decided { get; init; }

    public long Undecided { get; init; }

    public long DecidedTwice { get; init; }

    /// <summary>Copies in outcome topics.</summary>
    public long Routed { get; init; }

    public long RoutesMissing { get; init; }

    /// <summary>Copies that no decision asks for, or that are there twice.</summary>
    public long RoutesSurplus { get; init; }

    public IReadOnlyDictionary<Outcome, long> Outcomes { get; init; } = new Dictionary<Outcome, long>();

    /// <summary>The first blocked event (or else held, or else alerted): partition and offset; null if all was allowed.</summary>
    public (int Partition, long Offset)? Strictest { get; init; }
}

/// <summary>
/// Reads back everything a workflow wrote and compares it with its source. Owner: its creator; one thread. Memory: a few bytes per event.
/// </summary>
public sealed class Reconciliation(WorkflowPlan plan, KafkaConnection connection, ILogger log)
{
    private readonly HashSet<string> _rows = new(StringComparer.Ordinal);
    private readonly long[] _outcomes = new long[Enum.GetValues<Outcome>().Length];
    private ReconciliationReport _report = new();
    private Outcome _strictest = Outcome.Allow;

    public ReconciliationReport Run(CancellationToken stop)
    {
        using var bounds = new LogReader(connection, log);
        for (int partition = 0; partition < plan.Manifest.Partitions; partition++)
        {
            (OffsetRange range, long count) = Events(bounds, partition, stop);
            Dictionary<string, HashSet<long>> routes = Decisions(bounds, partition, range, count, stop);
            foreach (string topic in plan.Outputs.Skip(1))
            {
                Routed(bounds, new TopicPartition(topic, partition), routes.GetValueOrDefault(topic) ?? [], stop);
            }
        }

        return _report with { Outcomes = Enum.GetValues<Outcome>().ToDictionary(outcome => outcome, outcome => _outcomes[(int)outcome]) };
    }

    /// <summary>The offsets between which events lie, and how many there are: marks of transactions take offsets too.</summary>
    private (OffsetRange Range, long Count) Events(LogReader bounds, int partition, CancellationToken stop)
    {
        var source = new TopicPartition(plan.Manifest.SourceTopic, partition);
        (long low, long high) = bounds.Bounds(source);
        using var events = new LogCursor(connection, source, low, high, withHeaders: true, log);
        long count = 0;
        long twice = 0;
        while (events.MoveNext())
        {
            stop.ThrowIfCancellationRequested();
            count++;
            if (events.Headers is { } headers && headers.TryGetLastBytes(CaptureHeaders.Source, out byte[] row))
            {
                twice += _rows.Add(Encoding.UTF8.GetString(row)) ? 0 : 1;
            }
        }

        _report = _report with { Events = _report.Events + count, EventsTwice = _report.EventsTwice + twice };
        return (new OffsetRange(low, high), count);
    }

    private Dictionary<string, HashSet<long>> Decisions(
        LogReader bounds, int partition, OffsetRange range, long count, CancellationToken stop)
    {
        using var decisions = new DecisionCursor(connection, new TopicPartition(plan.Manifest.DecisionTopic, partition), bounds, log);
        var routes = new Dictionary<string, HashSet<long>>(StringComparer.Ordinal);
        var seen = new HashSet<long>();
        long twice = 0;
        while (decisions.MoveNext())
        {
            stop.ThrowIfCancellationRequested();
            if (!seen.Add(decisions.SourceOffset) || decisions.SourceOffset < range.From || decisions.SourceOffset >= range.To)
            {
                twice++;
                continue;
            }

            Outcome outcome = Note(partition, decisions.SourceOffset, decisions.Value);
            foreach (string topic in DecisionComparison.RoutesOf(decisions.Value).Append(plan.ManifestRoute(outcome)).OfType<string>())
            {
                if (!routes.TryGetValue(topic, out HashSet<long>? offsets))
                {
                    routes.Add(topic, offsets = []);
                }

                offsets.Add(decisions.SourceOffset);
            }
        }

        _report = _report with
        {
            Decided = _report.Decided + seen.Count,
            Undecided = _report.Undecided + Math.Max(0, count - seen.Count),
            DecidedTwice = _report.DecidedTwice + twice,
        };
        return routes;
    }

    private Outcome Note(int partition, long offset, ReadOnlySpan<byte> record)
    {
        if (!OutcomeNames.TryParse(Encoding.UTF8.GetString(DecisionComparison.OutcomeOf(record)), out Outcome outcome))
        {
            throw new WorkflowException(
                $"{plan.Manifest.DecisionTopic}/{partition} holds no decision record for offset {offset}: did something else write there?");
        }

        _outcomes[(int)outcome]++;
        if (outcome > _strictest)
        {
            _strictest = outcome;
            _report = _report with { Strictest = (partition, offset) };
        }

        return outcome;
    }

    private void Routed(LogReader bounds, TopicPartition output, HashSet<long> expected, CancellationToken stop)
    {
        using var copies = new DecisionCursor(connection, output, bounds, log);
        long count = 0;
        long surplus = 0;
        while (copies.MoveNext())
        {
            stop.ThrowIfCancellationRequested();
            count++;
            surplus += expected.Remove(copies.SourceOffset) ? 0 : 1;
        }

        _report = _report with
        {
            Routed = _report.Routed + count,
            RoutesMissing = _report.RoutesMissing + expected.Count,
            RoutesSurplus = _report.RoutesSurplus + surplus,
        };
    }
}
