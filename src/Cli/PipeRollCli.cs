using System.CommandLine;
using Confluent.Kafka;
using PipeRoll.Cli.Commands;
using PipeRoll.Operations.Demo;
using PipeRoll.Policies;
using PipeRoll.Workflows.Kafka;

namespace PipeRoll.Cli;

/// <summary>The <c>piperoll</c> command: parses, runs, and turns what went wrong into one line and an exit code.</summary>
public static class PipeRollCli
{
    /// <summary>Runs one command line.</summary>
    public static async Task<int> RunAsync(string[] args, CliConsole console, CancellationToken stop)
    {
        var root = new RootCommand("PipeRoll: a Kafka-compatible stream and the decisions made on it, provable");
        root.Options.Add(CommonOptions.Output);
        root.Options.Add(CommonOptions.Bootstrap);
        root.Subcommands.Add(DemoCommand.Create(console));
        root.Subcommands.Add(TopicCommands.Create(console));
        root.Subcommands.Add(GroupCommands.Create(console));
        root.Subcommands.Add(RecordCommands.Create(console));
        root.Subcommands.Add(WorkflowCommands.Create(console));
        root.Subcommands.Add(PolicyCommands.Create(console));
        root.Subcommands.Add(VersionCommand.Create(console));
        ParseResult parsed = root.Parse(args);
        if (parsed.Errors.Count > 0)
        {
            console.Error.WriteLine($"piperoll: {parsed.Errors[0].Message} (see 'piperoll {parsed.CommandResult.Command.Name} --help')".Replace("piperoll piperoll", "piperoll"));
            return ExitCode.Usage;
        }

        try
        {
            var invocation = new InvocationConfiguration { Output = console.Output, Error = console.Error, EnableDefaultExceptionHandler = false };
            return await parsed.InvokeAsync(invocation, stop);
        }
        catch (Exception error)
        {
            return Report(error, console.Error);
        }
    }

    private static int Report(Exception error, TextWriter to)
    {
        switch (error)
        {
            case OperationCanceledException:
                to.WriteLine("piperoll: stopped");
                return ExitCode.Failed;
            case UsageException:
                to.WriteLine($"piperoll: {error.Message}");
                return ExitCode.Usage;
            case ClusterUnreachableException:
                to.WriteLine($"piperoll: {error.Message}");
                return ExitCode.Unreachable;
            case KafkaException { Error.Code: ErrorCode.Local_Transport or ErrorCode.Local_AllBrokersDown or ErrorCode.Local_TimedOut } kafka:
                to.WriteLine($"piperoll: the cluster does not answer ({kafka.Error.Reason}): is it up, and is --bootstrap right?");
                return ExitCode.Unreachable;
            case KafkaException kafka:
                to.WriteLine($"piperoll: the cluster refused: {kafka.Error.Reason}");
                return ExitCode.Failed;
            case AggregateException { InnerException: { } inner }:
                return Report(inner, to);
            case WorkflowException or DemoException or PolicyException or IOException or UnauthorizedAccessException:
                to.WriteLine($"piperoll: {error.Message}");
                return ExitCode.Failed;
            default:
                to.WriteLine($"piperoll: unexpected: {error}");
                return ExitCode.Failed;
        }
    }
}
