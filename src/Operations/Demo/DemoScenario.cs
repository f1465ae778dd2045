using System.Globalization;
using Microsoft.Extensions.Logging;
using PipeRoll.Policies;
using PipeRoll.Workflows.Capture;
using PipeRoll.Workflows.Deciding;
using PipeRoll.Workflows.Explain;
using PipeRoll.Workflows.Kafka;
using PipeRoll.Workflows.Manifest;
using PipeRoll.Workflows.Reconciling;
using PipeRoll.Workflows.Replay;
using PipeRoll.Workflows.Scoring;

namespace PipeRoll.Operations.Demo;

/// <summary>
/// The main job, from one command: start a server or a cluster, capture, decide, route; kill a server in the middle and go on; read everything back;
/// replay under the same and another policy version; explain one blocked event; sum up. Owner: its creator; runs once. Failure: throws
/// when it cannot go on; what it measured and did not like stands in <see cref="DemoSummary.Failures"/>. It leaves no process, and no
/// folder unless told to.
/// </summary>
public sealed class DemoScenario(DemoOptions options, IDemoView view, TimeProvider time, ILogger log) : IDisposable
{
    private readonly List<string> _failures = [];
    private IDemoServers? _servers;
    private ClusterFigures? _cluster;
    private int _restarts;

    public async Task<DemoSummary> RunAsync(CancellationToken stop)
    {
        string work = Path.Combine(options.TempFolder, $"piperoll-demo-{Guid.NewGuid():N}");
        Directory.CreateDirectory(work);
        try
        {
            DemoSummary summary = await RunIn(work, stop);
            await StopServers();
            summary = summary with { Failures = [.. _failures] };
            if (options.JsonFile is { } file)
            {
                await File.WriteAllTextAsync(file, summary.ToJson(), CancellationToken.None);
            }

            return summary;
        }
        finally
        {
            _servers?.Dispose();
            Leave(work);
        }
    }

    private async Task<DemoSummary> RunIn(string work, CancellationToken stop)
    {
        long started = time.GetTimestamp();
        view.Step("Input");
        DemoInput input = DemoInput.Prepare(options, work, view.Detail);
        view.Detail($"policy {input.Policy.Name} {input.Policy.Version}: {input.Policy.Rules.Count} rules, {input.Policy.Windows.Count} "
            + $"windows, {input.Policy.Lists.Count} lists, hash {input.Policy.Hash[..16]}");
        KafkaConnection connection = await Connect(work, stop);
        WorkflowPlan plan = Plan(input);
        using (var admin = new TopicAdmin(connection, log))
        {
            await admin.EnsureAsync(plan.Topics);
        }

        (CaptureReport capture, double seconds) = await CaptureAndDecide(input, plan, connection, stop);
        view.Step("Reading everything back");
        ReconciliationReport found = new Reconciliation(plan, connection, log).Run(stop);
        Judge(capture, found);
        ReplayReport replay = Replay(plan, input.Policy, connection, stop);
        ReplayReport? second = input.SecondPolicy is { } other ? Replay(plan, other, connection, stop) : null;
        Explanation? explanation = Explain(plan, found, connection);
        ScoreFigures? scores = Score(input, plan, connection, stop);
        return new DemoSummary
        {
            Captured = capture.Captured,
            Decided = found.Decided,
            Outcomes = found.Outcomes.ToDictionary(each => each.Key.ToText(), each => each.Value),
            Lost = Math.Max(0, capture.Captured - (found.Events - found.EventsTwice)) + found.Undecided + found.RoutesMissing,
            Duplicated = found.EventsTwice + found.DecidedTwice + found.RoutesSurplus,
            Restarts = _restarts,
            Cluster = _cluster is null ? null : _cluster with { ProduceLatencyMaxMs = Math.Round(capture.LatencyMaxMs) },
            Replay = ReplayFigures.Of(replay),
            ReplayV2 = second is null ? null : ReplayFigures.Of(second),
            DecisionsPerSecond = Math.Round(found.Decided / seconds),
            ProduceLatencyMs = new LatencyFigures(Math.Round(capture.LatencyP50Ms, 2), Math.Round(capture.LatencyP99Ms, 2)),
            ElapsedSeconds = Math.Round(time.GetElapsedTime(started).TotalSeconds, 2),
            DeadLetters = capture.DeadLetters,
            Policy = Figures(input.Policy, input.PolicyFile),
            PolicyV2 = input.SecondPolicy is { } v2 ? Figures(v2, input.SecondPolicyFile!) : null,
            Scores = scores,
            Explained = explanation?.Lines,
            CaptureSeconds = Math.Round(capture.ElapsedSeconds, 2),
            Failures = [],
        };
    }

    /// <summary>Ends the server process if it still lives.</summary>
    public void Dispose() => _servers?.Dispose();

    private static PolicyFigures Figures(PolicyBundle policy, string file) =>
        new(policy.Name, policy.Version, policy.Hash, Path.GetFileName(file));

    private async Task<KafkaConnection> Connect(string work, CancellationToken stop)
    {
        if (options.Bootstrap is { } bootstrap)
        {
            var given = new KafkaConnection(bootstrap);
            using var admin = new TopicAdmin(given, log);
            int brokers = admin.Metadata(TimeSpan.FromSeconds(10)).Brokers.Count;
            view.Step($"Using the cluster at {bootstrap} ({brokers} {(brokers == 1 ? "broker" : "brokers")}); nothing of it is killed");
            return given;
        }

        string data = options.DataFolder ?? Path.Combine(work, "data");
        _servers = options.Cluster is null
            ? new SingleServer(options.ServerExecutable(), data, time)
            : new ClusterServers(options, data, time);
        await _servers.StartAsync(view, stop);
        return new KafkaConnection(_servers.Bootstrap);
    }

    private WorkflowPlan Plan(DemoInput input)
    {
        // On a fresh server the plain name; where others (or an earlier demo) may have topics, a name of our own.
        bool isFresh = options.Bootstrap is null && options.DataFolder is null;
        string name = isFresh
            ? input.Workflow
            : $"{input.Workflow}-{time.GetUtcNow().ToString("yyyyMMdd-HHmmss", CultureInfo.InvariantCulture)}";
        return new WorkflowPlan(
            new WorkflowManifest
            {
                Name = name,
                SourceTopic = name,
                Partitions = options.Partitions ?? (options.Cluster * 2) ?? 4,
                KeyField = input.Source.Schema.KeyField,
                TimeField = input.Source.Schema.TimeField,
                PolicyFile = input.PolicyFile,
                DecisionTopic = name + ".decisions",
                Routes = new Dictionary<string, string> { ["allow"] = name + ".allowed" },
                DeadLetterTopic = name + ".dead-letters",
            },
            input.Policy);
    }

    private async Task<(CaptureReport Capture, double Seconds)> CaptureAndDecide(
        DemoInput input, WorkflowPlan plan, KafkaConnection connection, CancellationToken stop)
    {
        view.Step(
            $"Capturing into {plan.Manifest.SourceTopic} ({plan.Manifest.Partitions} partitions), deciding with {options.Workers} workers");
        using var progress = new WorkflowProgress();
        using var enough = CancellationTokenSource.CreateLinkedTokenSource(stop);
        var capture = new CaptureRun(
            input.Source, plan.Manifest.SourceTopic, plan.Manifest.Partitions, plan.Manifest.DeadLetterTopic, connection, log)
        {
            // Few enough under way that even a short input has a middle.
            InFlightMax = (int)Math.Clamp(input.Rows / 8, 50, EventProducer.InFlightMax),
        };
        var moment = new DemoMoment(capture, progress, input.Rows);
        var runner = new WorkflowRunner(plan, connection, new WorkerOptions { SessionTimeoutMs = 6_000 }, progress, log);
        Task deciding = runner.RunAsync(options.Workers, enough.Token);
        await AllAtWork(plan, progress, deciding, stop);
        long started = time.GetTimestamp();
        Task<CaptureReport> capturing = Task.Run(() => capture.Run(time, enough.Token, input.Rows), stop);
        Task<CaptureReport> work = Finish(input, plan, connection, capture, capturing, deciding, progress, moment, enough);
        await view.WatchAsync(moment, time, work);
        return (await work, time.GetElapsedTime(started).TotalSeconds);
    }

    /// <summary>Begins only when every partition has its worker, so that the kill strikes deciding as well as capturing.</summary>
    private async Task AllAtWork(WorkflowPlan plan, WorkflowProgress progress, Task deciding, CancellationToken stop)
    {
        long started = time.GetTimestamp();
        while (progress.Committed.Count < plan.Manifest.Partitions
            && !deciding.IsCompleted
            && time.GetElapsedTime(started) < TimeSpan.FromSeconds(20))
        {
            await Task.Delay(TimeSpan.FromMilliseconds(10), time, stop);
        }
    }

    private async Task<CaptureReport> Finish(
        DemoInput input, WorkflowPlan plan, KafkaConnection connection, CaptureRun capture, Task<CaptureReport> capturing, Task deciding,
        WorkflowProgress progress, DemoMoment moment, CancellationTokenSource enough)
    {
        try
        {
            await KillInTheMiddle(input, capture, capturing, deciding, progress, moment, enough.Token);
            CaptureReport report = await capturing;
            await Decided(plan, connection, deciding, progress, enough.Token);
            return report;
        }
        finally
        {
            await enough.CancelAsync();
            await deciding;
        }
    }

    /// <summary>Kills a server when half of the input is acknowledged and the workers are deciding.</summary>
    private async Task KillInTheMiddle(
        DemoInput input, CaptureRun capture, Task capturing, Task deciding, WorkflowProgress progress, DemoMoment moment, CancellationToken stop)
    {
        if (_servers is not { } servers)
        {
            return;
        }

        while (!capturing.IsCompleted && !deciding.IsCompleted && (capture.Latency.Count < input.Rows / 2 || progress.Decided == 0))
        {
            await Task.Delay(TimeSpan.FromMilliseconds(5), time, stop);
        }

        _cluster = await servers.KillAsync(moment, stop);
        _restarts++;
    }

    /// <summary>Waits until every captured event is decided, its outputs acknowledged and its offset committed.</summary>
    private async Task Decided(
        WorkflowPlan plan, KafkaConnection connection, Task deciding, WorkflowProgress progress, CancellationToken stop)
    {
        using var reader = new LogReader(connection, log);
        Dictionary<int, long> ends = Enumerable.Range(0, plan.Manifest.Partitions)
            .ToDictionary(partition => partition, partition => reader.Bounds(new(plan.Manifest.SourceTopic, partition)).High);
        while (!ends.All(end => progress.Committed.GetValueOrDefault(end.Key) >= end.Value))
        {
            if (deciding.IsCompleted)
            {
                await deciding;
                throw new DemoException("the workers ended before everything was decided");
            }

            await Task.Delay(TimeSpan.FromMilliseconds(10), time, stop);
        }
    }

    private void Judge(CaptureReport capture, ReconciliationReport found)
    {
        Expect(
            found.Events - found.EventsTwice == capture.Captured,
            $"{capture.Captured} events were acknowledged, {found.Events - found.EventsTwice} are in the topic");
        Expect(found.EventsTwice == 0, $"{found.EventsTwice} events are in the topic twice");
        Expect(found.Undecided == 0, $"{found.Undecided} events have no decision");
        Expect(found.DecidedTwice == 0, $"{found.DecidedTwice} events are decided twice");
        Expect(found.RoutesMissing == 0, $"{found.RoutesMissing} routed copies are missing");
        Expect(found.RoutesSurplus == 0, $"{found.RoutesSurplus} routed copies are too many");
        Expect(options.Bootstrap is not null || _restarts == 1, "the server was not killed and started again");
        view.Detail(string.Create(
            CultureInfo.InvariantCulture,
            $"{found.Events:N0} events, {found.Decided:N0} decisions, {found.Routed:N0} routed copies; "
            + $"{found.Undecided + found.RoutesMissing:N0} missing, "
            + $"{found.EventsTwice + found.DecidedTwice + found.RoutesSurplus:N0} doubled; {capture.DeadLetters:N0} dead letters"));
    }

    private ReplayReport Replay(WorkflowPlan plan, PolicyBundle policy, KafkaConnection connection, CancellationToken stop)
    {
        view.Step($"Replaying everything under {policy.Name} {policy.Version}");
        ReplayReport report = new ReplayRun(plan.Manifest, policy, connection, time, log).Run(new ReplayRequest(), stop);
        string speed = report.DecisionsPerSecond.ToString("N0", CultureInfo.InvariantCulture);
        if (policy.Hash == plan.Policy.Hash)
        {
            Expect(
                report.IsFaithful,
                $"replay under the same version differs: {report.Different} altered, {report.Missing} missing, {report.Surplus} surplus");
            double share = report.Events == 0 ? 0 : 100.0 * report.Equal / report.Events;
            view.Detail(string.Create(CultureInfo.InvariantCulture, $"{report.Equal:N0} of {report.Events:N0} decisions equal byte for "
                + $"byte ({share:0.##} %), {speed} decisions/s"));
            return report;
        }

        Expect(
            report.Missing == 0 && report.Surplus == 0,
            $"replay under {policy.Version}: {report.Missing} missing, {report.Surplus} surplus");
        view.Detail(string.Create(CultureInfo.InvariantCulture, $"{report.Changed:N0} of {report.Events:N0} outcomes would have been "
            + $"other, {speed} decisions/s"));
        foreach ((string change, long count) in report.ByOutcome)
        {
            view.Detail(string.Create(CultureInfo.InvariantCulture, $"  {change}: {count:N0}"));
        }

        foreach ((string rule, long count) in report.ByRule)
        {
            view.Detail(string.Create(CultureInfo.InvariantCulture, $"  rule {rule}: {count:N0}"));
        }

        return report;
    }

    private Explanation? Explain(WorkflowPlan plan, ReconciliationReport found, KafkaConnection connection)
    {
        if (found.Strictest is not { } at)
        {
            return null;
        }

        view.Step("One decision explained");
        Explanation? explanation = new DecisionExplainer(plan.Manifest, connection, log).Explain(at.Partition, at.Offset);
        Expect(
            explanation is not null,
            $"the decision about {plan.Manifest.SourceTopic}/{at.Partition} offset {at.Offset} was not found again");
        foreach (string line in explanation?.Lines ?? [])
        {
            view.Detail(line);
        }

        return explanation;
    }

    private ScoreFigures? Score(DemoInput input, WorkflowPlan plan, KafkaConnection connection, CancellationToken stop)
    {
        if (input.Labels is not { } request)
        {
            return null;
        }

        ScoreFigures scores = ScoreFigures.Of(new ScoreRun(plan.Manifest, connection, log).Run(request, stop));
        view.Step("Against the labels");
        view.Detail(string.Create(
            CultureInfo.InvariantCulture,
            $"precision {scores.Precision:0.###}, recall {scores.Recall:0.###} per {scores.Unit}: {scores.TruePositives:N0} found, "
            + $"{scores.FalseNegatives:N0} missed, "
            + $"{scores.FalsePositives:N0} false alarms, {scores.TrueNegatives:N0} rightly left alone"));
        return scores;
    }

    private async Task StopServers()
    {
        if (_servers is { } servers && await servers.StopAsync() is { } wrong)
        {
            _failures.Add(wrong);
        }
    }

    private void Leave(string work)
    {
        if (options.Keep)
        {
            view.Detail($"kept: {work}");
            return;
        }

        Directory.Delete(work, recursive: true);
    }

    private void Expect(bool isSo, string otherwise)
    {
        if (!isSo)
        {
            _failures.Add(otherwise);
        }
    }
}
