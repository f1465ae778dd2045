using PipeRoll.Policies;
using PipeRoll.Workflows.Capture;
using PipeRoll.Workflows.Kafka;
using PipeRoll.Workflows.Scoring;

namespace PipeRoll.Workflows.Replay;

/// <summary>What one policy says about the events of a file.</summary>
public sealed record TrialReport(
    long Events, long BrokenRows, long Fallbacks, IReadOnlyDictionary<string, long> Outcomes, IReadOnlyDictionary<string, long> Rules,
    Scores? Scores);

/// <summary>
/// Tries policies on a file of events, without any cluster: all events in the order of the file, as one partition. Pure but for reading
/// the file.
/// </summary>
public static class PolicyTrial
{
    /// <summary>Decides every event under one policy.</summary>
    public static TrialReport Run(CaptureSource source, PolicyBundle policy)
    {
        var outcomes = Enum.GetValues<Outcome>().ToDictionary(outcome => outcome.ToText(), _ => 0L);
        var rules = policy.Rules.ToDictionary(rule => rule.Id, _ => 0L);
        var scores = new Scores("event", 0, 0, 0, 0, 0);
        long broken = 0;
        long fallbacks = 0;
        long events = 0;
        RequireTimes(source, policy);
        var engine = new DecisionEngine(policy, source.Name, 0);
        using ISourceReader reader = source.Read();
        while (reader.TryNext(out SourceRow row))
        {
            if (row.Problem is not null)
            {
                broken++;
                continue;
            }

            Decision decision = engine.Decide(events++, row.TimeMs ?? 0, row.Key, row.Json);
            outcomes[decision.Outcome.ToText()]++;
            fallbacks += decision.IsFallback ? 1 : 0;
            foreach (RuleValue rule in DecisionRecord.Parse(decision.Record.Span).Rules.Where(rule => rule.Held == true))
            {
                rules[rule.Rule]++;
            }

            if (source.LabelField is { } label)
            {
                scores = scores.Add(decision.Outcome != Outcome.Allow, LabelText.Parse(JsonFields.Text(row.Json!, label)));
            }
        }

        return new TrialReport(events, broken, fallbacks, outcomes, rules, source.LabelField is null ? null : scores);
    }

    /// <summary>Decides every event under two policies and compares the outcomes.</summary>
    public static ReplayReport Compare(CaptureSource source, PolicyBundle before, PolicyBundle after, int samplesMax, TimeProvider time)
    {
        var tally = new ReplayTally(samplesMax) { SawOtherVersion = before.Hash != after.Hash, FirstTick = time.GetTimestamp() };
        RequireTimes(source, before);
        RequireTimes(source, after);
        var first = new DecisionEngine(before, source.Name, 0);
        var second = new DecisionEngine(after, source.Name, 0);
        using ISourceReader reader = source.Read();
        while (reader.TryNext(out SourceRow row))
        {
            if (row.Problem is not null)
            {
                continue;
            }

            long offset = tally.Events++;
            Decision old = first.Decide(offset, row.TimeMs ?? 0, row.Key, row.Json);
            Decision now = second.Decide(offset, row.TimeMs ?? 0, row.Key, row.Json);
            if (old.Outcome == now.Outcome)
            {
                tally.Equal++;
            }
            else
            {
                tally.Add(DecisionComparison.Describe(0, offset, old.Record.Span, now.Record.Span));
            }
        }

        tally.LastTick = time.GetTimestamp();
        return tally.Report(after.Hash, time);
    }

    /// <exception cref="WorkflowException">The policy takes the records' time, and nothing in the file is to be that.</exception>
    private static void RequireTimes(CaptureSource source, PolicyBundle policy)
    {
        if (policy.Event.TimeField.Length == 0 && source.Schema.TimeField is null)
        {
            throw new WorkflowException(
                $"policy '{policy.Name}' says `time: record`, and a file has no records: name the column of {source.Name} with their time with --time "
                + $"({string.Join(", ", source.Columns)})");
        }
    }
}
