using System.Text;
using Confluent.Kafka;
using Microsoft.Extensions.Logging;
using PipeRoll.Policies;
using PipeRoll.Workflows.Deciding;
using PipeRoll.Workflows.Kafka;
using PipeRoll.Workflows.Manifest;
using PipeRoll.Workflows.Scoring;

namespace PipeRoll.Workflows.Replay;

/// <summary>Two policy versions on the same traffic.</summary>
/// <param name="Differences">Events that both decided; <see cref="ReplayReport.Changed"/> of them otherwise.</param>
/// <param name="Active">How well the policy that decides does against labels; null without labels.</param>
/// <param name="Shadow">The same of the shadow, over the same events.</param>
public sealed record ShadowReport(ReplayReport Differences, Scores? Active, Scores? Shadow);

/// <summary>
/// Compares what a workflow's policy decided with what its shadow would have, event by event, from the topics of both. Owner: its creator; one
/// thread. Failure: throws when the cluster does not deliver.
/// </summary>
public sealed class ShadowRun(WorkflowManifest manifest, PolicyBundle shadow, KafkaConnection connection, TimeProvider time, ILogger log)
{
    private readonly byte[] _shadowHash = Encoding.UTF8.GetBytes(shadow.Hash);

    /// <param name="labels">Where the known outcomes are; null for none.</param>
    /// <param name="samplesMax">Differences that are kept in full; all are counted.</param>
    public ShadowReport Run(ScoreRequest? labels, int samplesMax, CancellationToken stop)
    {
        var tally = new ReplayTally(samplesMax) { SawOtherVersion = true, FirstTick = time.GetTimestamp() };
        using (var reader = new LogReader(connection, log))
        {
            for (int partition = 0; partition < manifest.Partitions; partition++)
            {
                Compare(tally, partition, reader, stop);
            }
        }

        tally.LastTick = time.GetTimestamp();
        ReplayReport differences = tally.Report(shadow.Hash, time);
        return labels is null
            ? new ShadowReport(differences, null, null)
            : new ShadowReport(
                differences,
                new ScoreRun(manifest, connection, log, alsoDecidedIn: manifest.ShadowTopic).Run(labels, stop),
                new ScoreRun(
                    manifest with { DecisionTopic = manifest.ShadowTopic }, connection, log, alsoDecidedIn: manifest.DecisionTopic).Run(labels, stop));
    }

    private void Compare(ReplayTally tally, int partition, LogReader reader, CancellationToken stop)
    {
        using var active = new DecisionCursor(connection, new TopicPartition(manifest.DecisionTopic, partition), reader, log);
        using var other = new DecisionCursor(connection, new TopicPartition(manifest.ShadowTopic, partition), reader, log);
        while (other.MoveNext())
        {
            stop.ThrowIfCancellationRequested();

            // The topic may hold decisions of shadows that came before this one.
            if (other.Value.IndexOf(_shadowHash) < 0)
            {
                continue;
            }

            active.MoveTo(other.SourceOffset);
            if (active.SourceOffset != other.SourceOffset)
            {
                continue;
            }

            tally.Events++;
            if (DecisionComparison.OutcomeOf(active.Value).SequenceEqual(DecisionComparison.OutcomeOf(other.Value)))
            {
                tally.Equal++;
            }
            else
            {
                tally.Add(DecisionComparison.Describe(partition, other.SourceOffset, active.Value, other.Value));
            }
        }
    }
}
