using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using PipeRoll.Workflows.Deciding;
using PipeRoll.Workflows.Explain;
using PipeRoll.Workflows.Kafka;
using PipeRoll.Workflows.Tests.Deciding;

namespace PipeRoll.Workflows.Tests.Explain;

/// <summary>Any past decision can be made again, and what is not the same is named.</summary>
public class RecomputationTests(DecidingFixture fixture) : IClassFixture<DecidingFixture>
{
    private const int PerPartition = 150;

    [Fact]
    public void EveryDecisionIsMadeAgainToTheByteFromASnapshotOrFromTheStart()
    {
        WorkflowPlan plan = Decided("recomputed");
        var explainer = new DecisionExplainer(plan.Manifest, fixture.Cluster.Connection, NullLogger.Instance);
        var starts = new HashSet<long>();
        foreach (long offset in new long[] { 0, 7, 61, 100, PerPartition - 1 })
        {
            Explanation explanation = explainer.Explain(1, offset)!;
            Recomputed again = Recomputation(plan).Recompute(explanation.Record);
            Assert.True(again.IsEqual, again.Words);
            Assert.Equal(explanation.Record.ToArray(), again.Record.ToArray());
            Assert.EndsWith("equal, byte for byte", again.Words);
            starts.Add(again.FromOffset);
        }

        Assert.Contains(0, starts);
        Assert.True(starts.Count > 1, "no snapshot was used");
    }

    [Fact]
    public void AnAlteredRecordIsNotEqualAndItsPartsAreNamed()
    {
        WorkflowPlan plan = Decided("altered");
        string record = Encoding.UTF8.GetString(
            new DecisionExplainer(plan.Manifest, fixture.Cluster.Connection, NullLogger.Instance).Explain(0, 20)!.Record.Span);
        string outcome = record.Contains("\"outcome\":\"allow\"", StringComparison.Ordinal) ? "block" : "allow";
        string altered = System.Text.RegularExpressions.Regex.Replace(record, "\"outcome\":\"[a-z]+\"", $"\"outcome\":\"{outcome}\"");
        Recomputed again = Recomputation(plan).Recompute(Encoding.UTF8.GetBytes(altered));
        Assert.False(again.IsEqual);
        Assert.Equal(["outcome"], again.Difference!.Fields);
        Assert.Contains("NOT EQUAL in outcome", again.Words);
    }

    [Fact]
    public void AVersionThatIsNotAtHandIsAskedFor()
    {
        WorkflowPlan plan = Decided("elsewhere");
        Explanation explanation = new DecisionExplainer(plan.Manifest, fixture.Cluster.Connection, NullLogger.Instance).Explain(0, 3)!;
        var other = new DecisionRecomputation(plan.Manifest, [fixture.OtherPolicy], fixture.Cluster.Connection, NullLogger.Instance);
        WorkflowException error = Assert.Throws<WorkflowException>(() => other.Recompute(explanation.Record));
        Assert.Contains(plan.Policy.Hash, error.Message);
        Assert.Contains("--policy", error.Message);
    }

    private WorkflowPlan Decided(string name)
    {
        WorkflowPlan plan = fixture.NewPlan(name);
        fixture.Produce(plan, PerPartition, seed: 3);
        fixture.RunToEnd(plan, PerPartition);
        return plan;
    }

    private DecisionRecomputation Recomputation(WorkflowPlan plan) =>
        new(plan.Manifest, [fixture.OtherPolicy, plan.Policy], fixture.Cluster.Connection, NullLogger.Instance);
}
