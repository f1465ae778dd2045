using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using PipeRoll.Policies;
using PipeRoll.Workflows.Deciding;
using PipeRoll.Workflows.Kafka;
using PipeRoll.Workflows.Scoring;
using PipeRoll.Workflows.Tests.Deciding;

namespace PipeRoll.Workflows.Tests.Scoring;

public class ScoringTests(DecidingFixture fixture) : IClassFixture<DecidingFixture>
{
    [Fact]
    public void Precision_and_recall_are_what_they_are_defined_to_be()
    {
        var scores = new Scores("event", 0, 0, 0, 0, 0);
        (bool, bool?, int)[] cases = [(true, true, 6), (true, false, 2), (false, true, 4), (false, false, 88), (true, null, 5)];
        foreach ((bool isFlagged, bool? isBad, int times) in cases)
        {
            for (int time = 0; time < times; time++)
            {
                scores = scores.Add(isFlagged, isBad);
            }
        }

        Assert.Equal(
            (6, 2, 4, 88, 5),
            (scores.TruePositives, scores.FalsePositives, scores.FalseNegatives, scores.TrueNegatives, scores.Unlabelled));
        Assert.Equal(0.75, scores.Precision!.Value, 10);
        Assert.Equal(0.6, scores.Recall!.Value, 10);
        Assert.Equal(2.0 / 90, scores.FalsePositiveRate!.Value, 10);
        Assert.Null(new Scores("event", 0, 0, 0, 5, 0).Precision);
        Assert.Null(new Scores("event", 0, 1, 0, 5, 0).Recall);
    }

    [Theory]
    [InlineData("1", true)]
    [InlineData("fraud", true)]
    [InlineData(" TRUE ", true)]
    [InlineData("legit", false)]
    [InlineData("0", false)]
    [InlineData("", null)]
    [InlineData(null, null)]
    [InlineData("perhaps", null)]
    public void Labels_are_read_as_people_write_them(string? text, bool? expected) => Assert.Equal(expected, LabelText.Parse(text));

    [Fact]
    public void A_labels_file_names_subjects_in_its_first_column()
    {
        LabelFile labels = Read("nodeid,isFraud,init_balance\n1,0,5.0\n2,1,6.0\n3,,7\n");
        Assert.Equal("nodeid", labels.SubjectColumn);
        Assert.Equal(new Dictionary<string, bool> { ["1"] = false, ["2"] = true }, labels.Labels);
        Assert.Equal(["a"], Read("who,what\na,yes\n").Labels.Keys);
        Assert.Contains("holds no labels", Assert.Throws<WorkflowException>(() => Read("who,what\na,perhaps\n")).Message);
        Assert.Contains("needs a subject column", Assert.Throws<WorkflowException>(() => Read("who\na\n")).Message);
    }

    [Fact]
    public void Decisions_are_scored_per_account_as_a_fold_over_the_events_says()
    {
        WorkflowPlan plan = fixture.NewPlan("scored");
        var events = fixture.Produce(plan, 300, seed: 21);
        fixture.RunToEnd(plan, 300);
        var flagged = new HashSet<string>();
        var seen = new HashSet<string>();
        for (int partition = 0; partition < DecidingFixture.Partitions; partition++)
        {
            var engine = new DecisionEngine(plan.Policy, plan.Manifest.SourceTopic, partition);
            for (int offset = 0; offset < events[partition].Count; offset++)
            {
                (byte[] key, byte[] value) = events[partition][offset];
                string account = Encoding.UTF8.GetString(key);
                bool isFlagged = engine.Decide(offset, 1_700_000_000_000 + offset, key, value).Outcome != Outcome.Allow;
                if (value[1] != 'b')
                {
                    seen.Add(account);
                    _ = isFlagged && flagged.Add(account);
                }
            }
        }

        LabelFile labels = Read("account,label\nacc0,1\nacc1,1\nacc2,0\nacc3,0\nacc4,0\nacc5,1\nacc6,0\n");
        Scores scores = new ScoreRun(plan.Manifest, fixture.Cluster.Connection, NullLogger.Instance)
            .Run(new ScoreRequest { Labels = labels, SubjectFields = ["account"] }, CancellationToken.None);
        Assert.Equal(flagged.Count(account => labels.Labels.TryGetValue(account, out bool bad) && bad), scores.TruePositives);
        Assert.Equal(flagged.Count(account => labels.Labels.TryGetValue(account, out bool bad) && !bad), scores.FalsePositives);
        Assert.Equal(seen.Count(account => !labels.Labels.ContainsKey(account)), scores.Unlabelled);
        Assert.Equal(
            seen.Count, scores.TruePositives + scores.FalsePositives + scores.FalseNegatives + scores.TrueNegatives + scores.Unlabelled);
    }

    private static LabelFile Read(string text) => LabelFile.Read(new MemoryStream(Encoding.UTF8.GetBytes(text)), "labels.csv");
}
