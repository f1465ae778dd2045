using Confluent.Kafka;
using Microsoft.Extensions.Logging;
using PipeRoll.Workflows.Deciding;
using PipeRoll.Workflows.Kafka;
using PipeRoll.Workflows.Manifest;
using PipeRoll.Workflows.Replay;

namespace PipeRoll.Workflows.Scoring;

/// <summary>Where the known outcomes are.</summary>
public sealed record ScoreRequest
{
    /// <summary>The event field that holds the label of the event itself.</summary>
    public string? LabelField { get; init; }

    /// <summary>Labels of subjects beside the events.</summary>
    public LabelFile? Labels { get; init; }

    /// <summary>
    /// With <see cref="Labels"/>: the event fields that name a subject. One field that is unique per event scores events; account fields
    /// score
    /// accounts, where an account is flagged if any event that names it is.
    /// </summary>
    public IReadOnlyList<string> SubjectFields { get; init; } = [];
}

/// <summary>
/// Reads events and the decisions about them side by side and scores the decisions against labels. Owner: its creator; one thread.
/// Memory: one entry per labelled subject.
/// </summary>
/// <param name="alsoDecidedIn">Count only events that have a decision in this topic too; null for all.</param>
public sealed class ScoreRun(WorkflowManifest manifest, KafkaConnection connection, ILogger log, string? alsoDecidedIn = null)
{
    private readonly Dictionary<string, bool> _flagged = new(StringComparer.Ordinal);

    public Scores Run(ScoreRequest request, CancellationToken stop)
    {
        var scores = new Scores("event", 0, 0, 0, 0, 0);
        for (int partition = 0; partition < manifest.Partitions; partition++)
        {
            foreach ((byte[] json, bool isFlagged) in Decided(partition))
            {
                stop.ThrowIfCancellationRequested();
                if (request.LabelField is { } field)
                {
                    scores = scores.Add(isFlagged, LabelText.Parse(JsonFields.Text(json, field)));
                }
                else
                {
                    Note(JsonFields.Texts(json, request.SubjectFields), isFlagged);
                }
            }
        }

        return request.Labels is { } labels && request.LabelField is null ? Subjects(labels) : scores;
    }

    private Scores Subjects(LabelFile labels)
    {
        var scores = new Scores("subject", 0, 0, 0, 0, 0);
        foreach ((string subject, bool isFlagged) in _flagged)
        {
            scores = scores.Add(isFlagged, labels.Labels.TryGetValue(subject, out bool isBad) ? isBad : null);
        }

        return scores;
    }

    private void Note(IReadOnlyList<string?> subjects, bool isFlagged)
    {
        foreach (string? subject in subjects)
        {
            if (subject is not null)
            {
                _flagged[subject] = isFlagged || _flagged.GetValueOrDefault(subject);
            }
        }
    }

    private IEnumerable<(byte[] Json, bool IsFlagged)> Decided(int partition)
    {
        var source = new TopicPartition(manifest.SourceTopic, partition);
        using var reader = new LogReader(connection, log);
        (long low, long high) = reader.Bounds(source);
        using var events = new LogCursor(connection, source, low, high, withHeaders: false, log);
        using var decisions = new DecisionCursor(connection, new TopicPartition(manifest.DecisionTopic, partition), reader, log);
        using DecisionCursor? others = alsoDecidedIn is null
            ? null
            : new DecisionCursor(connection, new TopicPartition(alsoDecidedIn, partition), reader, log);
        while (events.MoveNext())
        {
            decisions.MoveTo(events.Offset);
            others?.MoveTo(events.Offset);
            if (decisions.SourceOffset == events.Offset && (others is null || others.SourceOffset == events.Offset))
            {
                yield return (events.Value.ToArray(), IsFlagged(decisions));
            }
        }
    }

    private static bool IsFlagged(DecisionCursor decision) => !DecisionComparison.OutcomeOf(decision.Value).SequenceEqual("allow"u8);
}
