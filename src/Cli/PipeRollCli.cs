using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Parsing;
using Confluent.Kafka;
using PipeRoll.Cli.Commands;
using PipeRoll.Operations.Api;
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
        // A plain command and not a RootCommand: the name is ours, whatever the executable is called.
        var root = new Command("piperoll", "PipeRoll: a Kafka-compatible stream and the decisions made on it, provable");
        root.Options.Add(new HelpOption());
        root.Options.Add(CommonOptions.Output);
        root.Options.Add(CommonOptions.Bootstrap);
        root.Options.Add(Credentials.User);
        root.Options.Add(Credentials.Authority);
        root.Options.Add(Credentials.ClientConfig);
        root.Subcommands.Add(DemoCommand.Create(console));
        root.Subcommands.Add(TopicCommands.Create(console));
        root.Subcommands.Add(GroupCommands.Create(console));
        root.Subcommands.Add(UserCommands.Create(console));
        root.Subcommands.Add(AclCommands.Create(console));
        root.Subcommands.Add(RecordCommands.Create(console));
        root.Subcommands.Add(WorkflowCommands.Create(console));
        root.Subcommands.Add(DecisionCommands.Create(console));
        root.Subcommands.Add(HoldCommands.Create(console));
        root.Subcommands.Add(PolicyCommands.Create(console));
        root.Subcommands.Add(CelCommands.Create(console));
        root.Subcommands.Add(ListCommands.Create(console));
        root.Subcommands.Add(SigmaCommands.Create(console));
        root.Subcommands.Add(ClusterCommands.Create(console));
        root.Subcommands.Add(StorageCommands.Create(console));
        root.Subcommands.Add(SchemaCommands.Create(console));
        root.Subcommands.Add(VersionCommand.Create(console));
        // "@" begins a time here (record consume -o @TIME), never the name of a response file.
        ParseResult parsed = root.Parse(args, new ParserConfiguration { ResponseFileTokenReplacer = null });
        if (parsed.Errors.Count > 0)
        {
            console.Error.WriteLine(UsageLine(parsed));
            return ExitCode.Usage;
        }

        try
        {
            var invocation = new InvocationConfiguration
            {
                Output = console.Output,
                Error = console.Error,
                EnableDefaultExceptionHandler = false,
            };
            return await parsed.InvokeAsync(invocation, stop);
        }
        catch (Exception error)
        {
            return Report(error, console.Error);
        }
    }

    private static string UsageLine(ParseResult parsed)
    {
        var path = new List<string>();
        for (CommandResult? at = parsed.CommandResult; at is not null; at = at.Parent as CommandResult)
        {
            path.Insert(0, at.Command.Name);
        }

        string what = parsed.UnmatchedTokens.Count > 0
            && !parsed.UnmatchedTokens[0].StartsWith('-')
            && parsed.CommandResult.Command.Subcommands.Count > 0
            ? $"there is no command '{parsed.UnmatchedTokens[0]}'"
            : string.Join(
                ' ', parsed.Errors[0].Message.TrimEnd('.').Split((char[])['\n', '\r', '\t'], StringSplitOptions.RemoveEmptyEntries));
        return $"piperoll: {what} (see '{string.Join(' ', path)} --help')";
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
            case ClusterUnreachableException or ServerUnreachableException:
                to.WriteLine($"piperoll: {error.Message}");
                return ExitCode.Unreachable;
            case KafkaException
            {
                Error.Code: ErrorCode.Local_Transport or ErrorCode.Local_AllBrokersDown or ErrorCode.Local_TimedOut,
            } kafka:
                to.WriteLine($"piperoll: the cluster does not answer ({kafka.Error.Reason}): is it up, and is --bootstrap right?");
                return ExitCode.Unreachable;
            case KafkaException kafka:
                to.WriteLine($"piperoll: the cluster refused: {kafka.Error.Reason}");
                return ExitCode.Failed;
            case AggregateException { InnerException: { } inner }:
                return Report(inner, to);
            case ServerRefusedException:
                to.WriteLine($"piperoll: the server refused: {error.Message}");
                return ExitCode.Failed;
            case WorkflowException or DemoException or PolicyException or ListFileException or IOException or UnauthorizedAccessException:
                to.WriteLine($"piperoll: {error.Message}");
                return ExitCode.Failed;
            default:
                to.WriteLine($"piperoll: unexpected: {error}");
                return ExitCode.Failed;
        }
    }
}
