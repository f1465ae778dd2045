using System.CommandLine;
using System.Globalization;
using Confluent.Kafka;
using Confluent.Kafka.Admin;
using PipeRoll.Policies;
using PipeRoll.Workflows.Capture;
using PipeRoll.Workflows.Deciding;
using PipeRoll.Workflows.Kafka;
using PipeRoll.Workflows.Life;
using PipeRoll.Workflows.Manifest;
using PipeRoll.Workflows.Replay;
using PipeRoll.Workflows.Versions;

namespace PipeRoll.Cli.Commands;

/// <summary><c>piperoll workflow check|capture|run|status|replay|compare</c>.</summary>
internal static class WorkflowCommands
{
    public static Command Create(CliConsole console)
    {
        var workflow = new Command("workflow", "Workflows: check, capture, run, status, replay, compare");
        workflow.Subcommands.Add(Check(console));
        workflow.Subcommands.Add(Capture(console));
        workflow.Subcommands.Add(Run(console));
        workflow.Subcommands.Add(Status(console));
        workflow.Subcommands.Add(WorkflowReplayCommand.Create(console));
        workflow.Subcommands.Add(WorkflowCompareCommand.Create(console));
        return workflow;
    }

    public static Argument<string> ManifestArgument => new("manifest") { Description = "A workflow manifest (YAML)" };

    /// <summary>A manifest that is right; problems are printed as the manifest's file:line:column and end the command.</summary>
    public static WorkflowManifest Manifest(string file)
    {
        ManifestResult result = ManifestReader.Load(file);
        return result.Manifest ?? throw new WorkflowException(string.Join('\n', result.Problems.Select(problem => $"{file}:{problem}")));
    }

    private static Command Check(CliConsole console)
    {
        Argument<string> file = ManifestArgument;
        var command = new Command("check", "Says whether a manifest and its policy are right, and where they are not") { file };
        command.SetAction(parsed =>
        {
            string path = parsed.GetRequiredValue(file);
            ManifestResult result = ManifestReader.Load(path);
            List<string> problems = [.. result.Problems.Select(problem => $"{path}:{problem}")];
            WorkflowPlan? plan = null;
            if (result.Manifest is { } manifest)
            {
                try
                {
                    plan = WorkflowPlan.Load(manifest);
                }
                catch (PolicyException error)
                {
                    problems.AddRange(error.Problems.Select(problem => problem.ToString()));
                }
                catch (WorkflowException error)
                {
                    problems.Add($"{path}: {error.Message}");
                }
            }

            if (parsed.IsJson())
            {
                console.WriteJson(new { ok = plan is not null, problems, policy = plan?.Policy.Hash, outputs = plan?.Outputs });
            }
            else if (plan is null)
            {
                problems.ForEach(console.Error.WriteLine);
            }
            else
            {
                console.Output.WriteLine($"{plan.Manifest.Name} is right: {plan.Manifest.SourceTopic} ({plan.Manifest.Partitions} "
                    + $"partitions) → {string.Join(", ", plan.Outputs)}");
                console.Output.WriteLine($"policy {plan.Policy.Name} {plan.Policy.Version}, hash {plan.Policy.Hash}");
            }

            return plan is null ? ExitCode.Failed : ExitCode.Ok;
        });
        return command;
    }

    private static Command Capture(CliConsole console)
    {
        Argument<string> file = ManifestArgument;
        var input = new Argument<string>("input") { Description = "CSV or JSON Lines file" };
        var command = new Command("capture", "Captures a file into the workflow's source topic") { file, input };
        command.SetAction(async (parsed, stop) =>
        {
            WorkflowManifest manifest = Manifest(parsed.GetRequiredValue(file));
            var plan = WorkflowPlan.Load(manifest);
            var hints = new CaptureHints { KeyField = manifest.KeyField, TimeField = manifest.TimeField, Policy = plan.Policy.Event };
            CaptureSource source = CaptureSource.Open(parsed.GetRequiredValue(input), hints);
            using (TopicAdmin admin = parsed.Admin())
            {
                await admin.EnsureAsync(plan.Topics);
            }

            var run = new CaptureRun(
                source, manifest.SourceTopic, manifest.Partitions, manifest.DeadLetterTopic, parsed.Connection(), CommonOptions.Log);
            CaptureReport report = await Task.Run(() => run.Run(TimeProvider.System, stop), CancellationToken.None);
            if (parsed.IsJson())
            {
                console.WriteJson(report);
            }
            else
            {
                console.Output.WriteLine(string.Create(
                    CultureInfo.InvariantCulture,
                    $"{report.Captured} events captured into {manifest.SourceTopic}, {report.DeadLetters} broken rows into "
                    + $"{manifest.DeadLetterTopic}, {report.ElapsedSeconds:0.0} s"));
            }

            return ExitCode.Ok;
        });
        return command;
    }

    private static Command Run(CliConsole console)
    {
        Argument<string> file = ManifestArgument;
        var workers = new Option<int>("--workers", "-w")
        {
            Description = "Members of the consumer group in this process",
            DefaultValueFactory = _ => Environment.ProcessorCount,
        };
        var once = new Option<bool>("--until-end", "-e") { Description = "Stop when everything that is there now is decided" };
        var command = new Command("run", "Decides the workflow's events until stopped (Ctrl-C)") { file, workers, once };
        command.SetAction(async (parsed, stop) =>
        {
            WorkflowManifest manifest = Manifest(parsed.GetRequiredValue(file));
            var plan = WorkflowPlan.Load(manifest);
            using (TopicAdmin admin = parsed.Admin())
            {
                await admin.EnsureAsync(plan.Topics);
            }

            using LivePolicies? versions = manifest.IsGoverned ? await FollowAsync(console, parsed, manifest, stop) : null;
            plan = versions is null ? plan : new WorkflowPlan(manifest, versions.Current.Active, plan.Shadow, versions);
            using var progress = new WorkflowProgress();
            using var enough = CancellationTokenSource.CreateLinkedTokenSource(stop);
            Task running = new WorkflowRunner(plan, parsed.Connection(), new WorkerOptions(), progress, CommonOptions.Log).RunAsync(
                parsed.GetValue(workers), enough.Token);
            console.Error.WriteLine($"workflow {manifest.Name} runs with policy {plan.Policy.Name} {plan.Policy.Version} "
                + $"({plan.Policy.Hash[..12]}); Ctrl-C stops it in order");
            if (parsed.GetValue(once))
            {
                await UntilEnd(parsed.Connection(), manifest, progress, running, stop);
                await enough.CancelAsync();
            }

            await running;
            var outcomes = progress.Outcomes.ToDictionary(each => each.Key.ToText(), each => each.Value);
            if (parsed.IsJson())
            {
                console.WriteJson(new { workflow = manifest.Name, decided = progress.Decided, outcomes });
            }
            else
            {
                console.Output.WriteLine(
                    $"{progress.Decided} decisions: {string.Join(", ", outcomes.Select(each => $"{each.Key} {each.Value}"))}");
            }

            return ExitCode.Ok;
        });
        return command;
    }

    /// <summary>The versions that may decide; waits for the first.</summary>
    private static async Task<LivePolicies> FollowAsync(CliConsole console, ParseResult parsed, WorkflowManifest manifest, CancellationToken stop)
    {
        using (TopicAdmin admin = parsed.Admin())
        {
            await admin.EnsureAsync([PolicyLog.Plan, ActivationLog.Plan]);
        }

        var versions = new LivePolicies(manifest, parsed.Connection(), CommonOptions.Log);
        console.Error.WriteLine($"workflow {manifest.Name} is governed: it runs what is activated, and waits until something is");
        if (!await Task.Run(() => versions.WaitForOrder(stop), CancellationToken.None))
        {
            versions.Dispose();
            stop.ThrowIfCancellationRequested();
        }

        return versions;
    }

    private static async Task UntilEnd(
        KafkaConnection connection, WorkflowManifest manifest, WorkflowProgress progress, Task running, CancellationToken stop)
    {
        using var reader = new LogReader(connection, CommonOptions.Log);
        long[] ends =
        [
            .. Enumerable.Range(0, manifest.Partitions)
                .Select(partition => reader.Bounds(new TopicPartition(manifest.SourceTopic, partition)).High),
        ];
        while (!running.IsCompleted && !ends.Index().All(end => progress.Committed.GetValueOrDefault(end.Index, -1) >= end.Item))
        {
            await Task.Delay(50, stop);
        }
    }

    private static Command Status(CliConsole console)
    {
        Argument<string> file = ManifestArgument;
        var command = new Command("status", "What is captured, decided and waiting, per partition") { file };
        command.SetAction(async (parsed, _) =>
        {
            WorkflowManifest manifest = Manifest(parsed.GetRequiredValue(file));
            using TopicAdmin admin = parsed.Admin();
            if (admin.Partitions(manifest.SourceTopic) is null)
            {
                throw new WorkflowException(
                    $"topic {manifest.SourceTopic} does not exist yet: 'piperoll workflow capture' or 'workflow run' creates it");
            }

            List<ListConsumerGroupOffsetsResult> listed = await admin.Client.ListConsumerGroupOffsetsAsync(
                [new ConsumerGroupTopicPartitions(manifest.Group, null)],
                new ListConsumerGroupOffsetsOptions { RequestTimeout = TimeSpan.FromSeconds(15) });
            Dictionary<int, long> committed = listed[0].Partitions.Where(
                each => each.Topic == manifest.SourceTopic && each.Offset.Value >= 0)
                .ToDictionary(each => each.Partition.Value, each => each.Offset.Value);
            using var reader = new LogReader(parsed.Connection(), CommonOptions.Log);
            var partitions = Enumerable.Range(0, manifest.Partitions).Select(partition =>
            {
                (long low, long high) = reader.Bounds(new TopicPartition(manifest.SourceTopic, partition));
                long decided = committed.GetValueOrDefault(partition, low);
                return new { partition, first = low, end = high, decided, waiting = high - decided };
            }).ToArray();
            if (parsed.IsJson())
            {
                console.WriteJson(new { workflow = manifest.Name, group = manifest.Group, partitions });
            }
            else
            {
                console.WriteTable(
                    ["PARTITION", "FIRST", "END", "DECIDED BELOW", "WAITING"],
                    partitions.Select(
                        each => new[] { $"{each.partition}", $"{each.first}", $"{each.end}", $"{each.decided}", $"{each.waiting}" }));
            }

            return ExitCode.Ok;
        });
        return command;
    }
}
