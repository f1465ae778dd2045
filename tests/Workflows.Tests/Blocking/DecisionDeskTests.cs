using System.Text;
using System.Text.Json;
using PipeRoll.Policies;
using PipeRoll.Workflows.Blocking;
using PipeRoll.Workflows.Kafka;
using PipeRoll.Workflows.Tests.Deciding;

namespace PipeRoll.Workflows.Tests.Blocking;

public sealed class DecisionDeskTests(DecidingFixture fixture) : IClassFixture<DecidingFixture>
{
    [Fact]
    public async Task TheAnswerIsTheDecisionThatStandsInTheTopic()
    {
        using var workflow = new DeskFixture(fixture, "desk");
        workflow.StartWorkers();
        using DecisionDesk desk = workflow.NewDesk();
        BlockingAnswer small = await desk.DecideAsync(DeskFixture.Event("a", 10));
        BlockingAnswer large = await desk.DecideAsync(DeskFixture.Event("a", 500));
        Assert.Equal((BlockingResult.Decided, "allow"), (small.Result, small.Outcome));
        Assert.Equal((BlockingResult.Decided, "block"), (large.Result, large.Outcome));
        Assert.Equal((small.Partition, small.Offset + 1), (large.Partition, large.Offset));
        DecisionRecord record = DecisionRecord.Parse(large.Record);
        Assert.Equal(["big"], record.Reasons.Select(reason => reason.Rule));
        Assert.Equal(
            [Encoding.UTF8.GetString(small.Record!), Encoding.UTF8.GetString(large.Record!)],
            fixture.Decided(workflow.Plan, large.Partition).Select(decision => decision.Value));
    }

    [Fact]
    public async Task AnEventThatThePolicyCannotReadIsDecidedByItsFallback()
    {
        using var workflow = new DeskFixture(fixture, "desk-fallback");
        workflow.StartWorkers();
        using DecisionDesk desk = workflow.NewDesk();
        BlockingAnswer answer = await desk.DecideAsync("""{"account":"a","amount":"much"}"""u8.ToArray());
        Assert.Equal((BlockingResult.Decided, "hold"), (answer.Result, answer.Outcome));
        Assert.NotNull(DecisionRecord.Parse(answer.Record).Error);
    }

    [Theory]
    [InlineData("[1]", "one JSON object")]
    [InlineData("{\"account\":", "no JSON")]
    [InlineData("{\"amount\":1}", "has no 'account'")]
    [InlineData("{\"account\":{}}", "has no 'account'")]
    public async Task AnEventThatCannotBePlacedIsRefusedInWordsAndNotStored(string body, string problem)
    {
        using var workflow = new DeskFixture(fixture, "desk-refused");
        using DecisionDesk desk = workflow.NewDesk();
        WorkflowRequestException refused = await Assert.ThrowsAsync<WorkflowRequestException>(
            () => desk.DecideAsync(Encoding.UTF8.GetBytes(body)));
        Assert.Contains(problem, refused.Message);
        Assert.Empty(workflow.Read(workflow.Plan.Manifest.SourceTopic, DecidingFixture.Partitions));
        await Assert.ThrowsAsync<WorkflowRequestException>(() => desk.DecideAsync(DeskFixture.Event("a", 1), new string('k', 256)));
        await Assert.ThrowsAsync<WorkflowRequestException>(() => desk.DecideAsync(new byte[900_001]));
        Assert.Equal(0, desk.UnderWay);
    }

    [Fact]
    public async Task OneKeyIsOneEventForAllDesksAndForEver()
    {
        using var workflow = new DeskFixture(fixture, "desk-key");
        workflow.StartWorkers();
        BlockingAnswer[] answers;
        using (DecisionDesk one = workflow.NewDesk())
        using (DecisionDesk other = workflow.NewDesk())
        {
            answers = await Task.WhenAll(Enumerable.Range(0, 60)
                .Select(index => (index % 2 == 0 ? one : other).DecideAsync(DeskFixture.Event("a", 7), $"key-{index % 3}")));
            BlockingAnswer reused = await other.DecideAsync(DeskFixture.Event("a", 8), "key-1");
            Assert.Equal(BlockingResult.KeyReused, reused.Result);
            Assert.Contains("stands for another event", reused.Problem);
        }

        Assert.All(answers, answer => Assert.Equal(BlockingResult.Decided, answer.Result));
        Assert.Equal(3, answers.Select(answer => answer.Offset).Distinct().Count());
        using DecisionDesk later = workflow.NewDesk();
        BlockingAnswer again = await later.DecideAsync(DeskFixture.Event("a", 7), "key-0");
        Assert.Equal(answers[0].Record, again.Record);
        Assert.Equal(3, workflow.Read(workflow.Plan.Manifest.SourceTopic, DecidingFixture.Partitions).Count);
    }

    [Fact]
    public async Task AServerThatDiesBetweenEventAndAnswerIsAskedAgainAndStoresNothingTwice()
    {
        using var workflow = new DeskFixture(fixture, "desk-crash");
        workflow.StartWorkers();
        using DecisionDesk dying = workflow.NewDesk(onCommitted: () => throw new WorkflowException("died"));
        BlockingAnswer lost = await dying.DecideAsync(DeskFixture.Event("a", 7), "key");
        Assert.Equal(BlockingResult.Unavailable, lost.Result);
        using DecisionDesk next = workflow.NewDesk();
        BlockingAnswer found = await next.DecideAsync(DeskFixture.Event("a", 7), "key");
        Assert.Equal(BlockingResult.Decided, found.Result);
        Assert.Single(workflow.Read(workflow.Plan.Manifest.SourceTopic, DecidingFixture.Partitions));
    }

    [Fact]
    public async Task ADeadlineGivesTheDeclaredOutcomeAndBothItAndTheDecisionAreRecorded()
    {
        using var workflow = new DeskFixture(fixture, "desk-deadline", deadlineMs: 50, onDeadline: "hold");
        using DecisionDesk desk = workflow.NewDesk();
        BlockingAnswer answer = await desk.DecideAsync(DeskFixture.Event("a", 500));
        Assert.Equal((BlockingResult.ByDeadline, "hold"), (answer.Result, answer.Outcome));
        string topic = BlockingTopics.Deadlines(workflow.Plan.Manifest);
        using JsonDocument answered = JsonDocument.Parse(Assert.Single(workflow.Read(topic, DecidingFixture.Partitions)));
        Assert.Equal(
            ("answered", "hold", 50),
            (Text(answered, "step"), Text(answered, "outcome"), answered.RootElement.GetProperty("deadlineMs").GetInt32()));

        workflow.StartWorkers();
        List<string> records = [];
        Assert.True(SpinWait.SpinUntil(
            () => (records = workflow.Read(topic, DecidingFixture.Partitions)).Count == 2, DecidingFixture.HangsAfterMs));
        using JsonDocument settled = JsonDocument.Parse(records[1]);
        Assert.Equal(("settled", "hold", "block"), (Text(settled, "step"), Text(settled, "answered"), Text(settled, "decided")));
        Assert.True(settled.RootElement.GetProperty("differs").GetBoolean());
        Assert.Equal(Text(answered, "request"), Text(settled, "request"));
        Assert.Equal(0, desk.UnderWay);
    }

    [Fact]
    public async Task WhatIsTooMuchIsTurnedAwayAndThereIsRoomAgainAfterwards()
    {
        using var workflow = new DeskFixture(fixture, "desk-busy");
        using DecisionDesk desk = workflow.NewDesk(new BlockingOptions { RequestsMax = 3 });
        Task<BlockingAnswer>[] waiting = [.. Enumerable.Range(0, 3).Select(index => desk.DecideAsync(DeskFixture.Event("a", index)))];
        Assert.Equal(BlockingResult.Busy, (await desk.DecideAsync(DeskFixture.Event("a", 9))).Result);
        workflow.StartWorkers();
        Assert.All(await Task.WhenAll(waiting), answer => Assert.Equal(BlockingResult.Decided, answer.Result));
        Assert.Equal(BlockingResult.Decided, (await desk.DecideAsync(DeskFixture.Event("a", 9))).Result);
        Assert.Equal(4, workflow.Read(workflow.Plan.Manifest.SourceTopic, DecidingFixture.Partitions).Count);
    }

    [Fact]
    public async Task WhileTheClusterIsAwayNothingIsAnsweredThatIsNotRecorded()
    {
        using var alone = new DecidingFixture();
        using var workflow = new DeskFixture(alone, "desk-away", deadlineMs: 100, onDeadline: "allow");
        workflow.StartWorkers();
        using DecisionDesk desk = workflow.NewDesk(new BlockingOptions { RecordingMs = 300 });
        await desk.DecideAsync(DeskFixture.Event("a", 1), "before", TimeSpan.FromMinutes(1));
        Task restart = Task.Factory.StartNew(
            () => alone.Cluster.Restart(TimeSpan.FromSeconds(4)), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        var answers = new List<BlockingAnswer>();
        while (!restart.IsCompleted)
        {
            answers.Add(await desk.DecideAsync(DeskFixture.Event("a", 2), "away"));
        }

        await restart;
        BlockingAnswer unavailable = answers.First(answer => answer.Result == BlockingResult.Unavailable);
        Assert.Null(unavailable.Outcome);
        Assert.Contains("repeat the request with the same idempotency key", unavailable.Problem);
        BlockingAnswer decided = await desk.DecideAsync(DeskFixture.Event("a", 2), "away", TimeSpan.FromMinutes(1));
        Assert.Equal(BlockingResult.Decided, decided.Result);
        Assert.Equal(2, workflow.Read(workflow.Plan.Manifest.SourceTopic, DecidingFixture.Partitions).Count);
    }

    private static string? Text(JsonDocument json, string member) => json.RootElement.GetProperty(member).GetString();
}
