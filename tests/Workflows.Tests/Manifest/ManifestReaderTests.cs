using PipeRoll.Workflows.Manifest;

namespace PipeRoll.Workflows.Tests.Manifest;

public sealed class ManifestReaderTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("manifest").FullName;

    public ManifestReaderTests() => File.WriteAllText(Path.Combine(_folder, "p.yaml"), "name: p");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void A_whole_manifest_is_read()
    {
        WorkflowManifest manifest = Good("""
            workflow: payments
            source: { topic: pay, partitions: 3, key: account, time: at }
            policy: p.yaml
            decisions: pay.decided
            routes: { block: pay.blocked, hold: pay.held }
            deadLetters: pay.dead
            """);
        Assert.Equal(
            ("payments", "pay", 3, "account", "at"),
            (manifest.Name, manifest.SourceTopic, manifest.Partitions, manifest.KeyField, manifest.TimeField));
        Assert.Equal(Path.Combine(_folder, "p.yaml"), manifest.PolicyFile);
        Assert.Equal(["pay.decided", "pay.blocked", "pay.held"], manifest.OutputTopics);
        Assert.Equal("piperoll.payments", manifest.Group);
    }

    [Fact]
    public void What_is_left_out_has_a_default()
    {
        WorkflowManifest manifest = Good("workflow: w\nsource: { topic: t }\npolicy: p.yaml\n");
        Assert.Equal((1, "w.decisions", "w.dead-letters"), (manifest.Partitions, manifest.DecisionTopic, manifest.DeadLetterTopic));
        Assert.Empty(manifest.Routes);
        Assert.Null(manifest.KeyField);
    }

    [Theory]
    [InlineData("source: { topic: t }\npolicy: p.yaml\n", 1, 1, "'workflow' is missing: write 'workflow: payments'")]
    [InlineData("workflow: w\npolicy: p.yaml\n", 1, 1, "'source' is missing")]
    [InlineData("workflow: w\nsource: { partitions: 2 }\npolicy: p.yaml\n", 2, 9, "'topic' is missing")]
    [InlineData(
        "workflow: w\nsource:\n  topic: t\n  partitions: many\npolicy: p.yaml\n",
        4, 15, "'partitions' is a whole number from 1 to 10000, not 'many'")]
    [InlineData("workflow: w\nsource:\n  topic: a b\npolicy: p.yaml\n", 3, 10, "'a b' cannot name a topic")]
    [InlineData("workflow: w\nsource: { topic: t }\npolicy: nowhere.yaml\n", 3, 9, "there is no policy file")]
    [InlineData(
        "workflow: w\nsource: { topic: t }\npolicy: p.yaml\nroute: { block: x }\n",
        4, 1, "a manifest has no field 'route': it knows workflow, source")]
    [InlineData("workflow: w\nsource: { topic: t }\npolicy: p.yaml\nroutes: [x]\n", 4, 9, "'routes' must be a mapping")]
    [InlineData(
        "workflow: w\nsource: { topic: t }\npolicy: p.yaml\ndecisions: t\n",
        1, 1, "topic t is the source and is written to as well")]
    [InlineData("workflow: w\nsource: { topic: t }\npolicy: p.yaml\ndecisions: d\nroutes: { block: d }\n", 1, 1, "a route goes to d")]
    [InlineData("workflow: w\nsource: { topic: t }\npolicy: p.yaml\ndeadLetters: w.decisions\n", 1, 1, "dead letters share w.decisions")]
    [InlineData("workflow: w\n  source: x\n", 2, 9, "not valid YAML")]
    [InlineData("- a\n", 1, 1, "a manifest is one mapping")]
    [InlineData("", 1, 1, "a manifest is one mapping")]
    public void Each_problem_has_its_place_and_advice(string text, int line, int column, string message)
    {
        ManifestResult result = ManifestReader.Parse(text, _folder);
        Assert.Null(result.Manifest);
        ManifestProblem problem = result.Problems[0];
        Assert.Contains(message, problem.Message);
        Assert.Equal((line, column), (problem.Line, problem.Column));
    }

    [Fact]
    public void All_problems_are_named_at_once_in_the_order_of_the_file()
    {
        ManifestResult result = ManifestReader.Parse(
            "workflow: w w\nsource: { topic: '', partitions: 0 }\npolicy: x.yaml\nfoo: 1\n", _folder);
        Assert.Equal(5, result.Problems.Count);
        Assert.Equal(
            result.Problems.Select(each => (each.Line, each.Column)).Order(), result.Problems.Select(each => (each.Line, each.Column)));
    }

    [Fact]
    public void Blocking_fails_closed_after_a_second_unless_the_manifest_says_otherwise()
    {
        const string Text = "workflow: w\nsource: { topic: t }\npolicy: p.yaml\n";
        WorkflowManifest silent = Good(Text);
        Assert.Equal((1_000, "block"), (silent.DeadlineMs, silent.DeadlineOutcome));
        WorkflowManifest told = Good(Text + "blocking: { deadline: 250ms, onDeadline: allow }\n");
        Assert.Equal((250, "allow"), (told.DeadlineMs, told.DeadlineOutcome));
        ManifestResult wrong = ManifestReader.Parse(Text + "blocking: { deadline: 2h, onDeadline: wait, other: 1 }\n", _folder);
        Assert.Equal(3, wrong.Problems.Count);
        Assert.Contains(wrong.Problems, problem => problem.Message.Contains("'deadline' is 1ms to 60000ms, not '2h'", StringComparison.Ordinal));
    }

    [Fact]
    public void A_shadow_is_a_policy_file_beside_the_one_that_decides()
    {
        const string Text = "workflow: w\nsource: { topic: t }\npolicy: p.yaml\n";
        Assert.Null(Good(Text).ShadowPolicyFile);
        Assert.Equal(Path.Combine(_folder, "p.yaml"), Good(Text + "shadow: p.yaml\n").ShadowPolicyFile);
        ManifestResult wrong = ManifestReader.Parse(Text + "shadow: none.yaml\n", _folder);
        Assert.Contains("there is no policy file", Assert.Single(wrong.Problems).Message);
    }

    [Fact]
    public void A_file_that_is_not_there_is_a_problem_and_no_exception() =>
        Assert.Contains("there is no file", ManifestReader.Load(Path.Combine(_folder, "none.yaml")).Problems[0].Message);

    [Fact]
    public void The_sample_is_right()
    {
        DirectoryInfo? root = new(AppContext.BaseDirectory);
        while (root is not null && !File.Exists(Path.Combine(root.FullName, "PipeRoll.slnx")))
        {
            root = root.Parent;
        }

        ManifestResult result = ManifestReader.Load(Path.Combine(root!.FullName, "samples", "workflows", "payments.yaml"));
        Assert.Empty(result.Problems);
        Assert.Equal("payments", result.Manifest!.Name);
    }

    private WorkflowManifest Good(string text)
    {
        ManifestResult result = ManifestReader.Parse(text, _folder);
        Assert.Empty(result.Problems);
        return result.Manifest!;
    }
}
