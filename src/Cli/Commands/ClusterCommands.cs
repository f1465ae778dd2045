using System.CommandLine;
using System.Globalization;
using PipeRoll.Operations.Api;

namespace PipeRoll.Cli.Commands;

/// <summary><c>piperoll cluster status|move|drain|balance</c>, over the HTTP API of any broker.</summary>
internal static class ClusterCommands
{
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(250);

    public static Command Create(CliConsole console)
    {
        var cluster = new Command("cluster", "Brokers and who leads what: status, move, drain, balance") { HttpOptions.Http };
        cluster.Subcommands.Add(Status(console));
        cluster.Subcommands.Add(Move(console));
        cluster.Subcommands.Add(Drain(console));
        cluster.Subcommands.Add(Balance(console));
        return cluster;
    }

    private static Command Status(CliConsole console)
    {
        var all = new Option<bool>("--all") { Description = "Also lives of brokers that are over and done with" };
        var command = new Command("status", "Brokers with their load, partitions without a leader, moves and recoveries") { all };
        command.SetAction(async (parsed, stop) =>
        {
            using ServerApi api = parsed.Api();
            ClusterReport report = await api.ClusterAsync(stop);
            if (parsed.IsJson())
            {
                console.WriteJson(report);
            }
            else
            {
                Print(console, report, parsed.GetValue(all));
            }

            // For scripts: 0 only when every partition has a leader and the database answers.
            return report.Leaderless == 0 && report.MetadataAwaySince is null ? ExitCode.Ok : ExitCode.Failed;
        });
        return command;
    }

    private static Command Move(CliConsole console)
    {
        var partition = new Argument<string?>("partition")
        {
            Description = "TOPIC/PARTITION; left out: lists the moves under way",
            Arity = ArgumentArity.ZeroOrOne,
        };
        var to = new Option<int?>("--to") { Description = "Node id of the broker that is to lead it", HelpName = "NODE" };
        var cancel = new Option<bool>("--cancel") { Description = "Calls its move off" };
        var command = new Command("move", "Has a partition led by another broker; lists moves; calls one off") { partition, to, cancel };
        command.SetAction(async (parsed, stop) =>
        {
            string? named = parsed.GetValue(partition);
            int? node = parsed.GetValue(to);
            bool isCancelled = parsed.GetValue(cancel);
            using ServerApi api = parsed.Api();
            if (named is null)
            {
                if (node is not null || isCancelled)
                {
                    throw new UsageException("which partition? name it TOPIC/PARTITION");
                }

                IReadOnlyList<MoveReport> moves = await api.MovesAsync(stop);
                Say(console, parsed, moves, () => PrintMoves(console, moves, "no moves under way"));
                return ExitCode.Ok;
            }

            if (node is null == !isCancelled)
            {
                throw new UsageException("give either --to NODE or --cancel");
            }

            (string topic, int index) = Partition(named);
            OrderNoted noted = await api.MoveAsync(new MoveOrder(topic, index, node), stop);
            Say(console, parsed, noted, () => console.Output.WriteLine(noted.What));
            return ExitCode.Ok;
        });
        return command;
    }

    private static Command Drain(CliConsole console)
    {
        var node = new Argument<int>("node") { Description = "Node id of the broker" };
        var wait = new Option<bool>("--wait") { Description = "Ends when the broker has left" };
        var command = new Command("drain", "Has a broker hand over all it leads, and stop") { node, wait };
        command.SetAction(async (parsed, stop) =>
        {
            int id = parsed.GetValue(node);
            using ServerApi api = parsed.Api();
            long? life = (await api.ClusterAsync(stop)).Brokers.LastOrDefault(broker => broker.NodeId == id && broker.IsServing)?.Epoch;
            OrderNoted noted = await api.DrainAsync(new DrainOrder(id), stop);
            Say(console, parsed, noted, () => console.Output.WriteLine(noted.What));
            while (parsed.GetValue(wait) && await IsThere(api, id, life, stop))
            {
                await Task.Delay(Poll, stop);
            }

            return ExitCode.Ok;
        });
        return command;
    }

    private static Command Balance(CliConsole console)
    {
        var what = new Argument<string>("what") { Description = "on, off, or now: one round at once" };
        what.AcceptOnlyFromAmong("on", "off", "now");
        var band = new Option<double?>("--dead-band")
        {
            Description = "How far from the mean a broker may be, in percent (20)",
            HelpName = "PERCENT",
        };
        var command = new Command("balance", "Switches balancing by load on or off, or has one round done now") { what, band };
        command.SetAction(async (parsed, stop) =>
        {
            string wanted = parsed.GetRequiredValue(what);
            double? percent = parsed.GetValue(band);
            if (percent is < 1 or > 100)
            {
                throw new UsageException("--dead-band is a percentage from 1 to 100");
            }

            using ServerApi api = parsed.Api();
            bool? enabled = wanted == "now" ? null : wanted == "on";
            BalanceReport report = await api.BalanceAsync(new BalanceOrder(enabled, percent / 100, wanted == "now"), stop);
            Say(console, parsed, report, () =>
            {
                if (wanted == "now")
                {
                    PrintMoves(console, report.Moves, "nothing to move: the brokers carry alike");
                }
                else
                {
                    console.Output.WriteLine($"balancing is {wanted} (controller: broker {report.Controller})");
                }
            });
            return ExitCode.Ok;
        });
        return command;
    }

    private static async Task<bool> IsThere(ServerApi api, int node, long? life, CancellationToken stop) =>
        (await api.ClusterAsync(stop)).Brokers.Any(broker => broker.NodeId == node && broker.Epoch == life && broker.IsServing);

    private static (string Topic, int Partition) Partition(string text)
    {
        int slash = text.LastIndexOf('/');
        return slash > 0 && int.TryParse(text[(slash + 1)..], NumberStyles.None, CultureInfo.InvariantCulture, out int partition)
            ? (text[..slash], partition)
            : throw new UsageException($"a partition is named TOPIC/PARTITION, not '{text}'");
    }

    private static void Print(CliConsole console, ClusterReport report, bool isAll)
    {
        string controller = report.Controller is { } node ? $"broker {node}" : "none";
        console.Output.WriteLine(report.Mode == "embedded"
            ? $"cluster {report.ClusterId}: one embedded server, {report.Partitions} partitions"
            : $"cluster {report.ClusterId}: controller {controller}, {report.Partitions} partitions, {report.Leaderless} without a leader");
        if (report.MetadataAwaySince is { } since)
        {
            console.Output.WriteLine($"THE DATABASE HAS NOT ANSWERED SINCE {since:u}: what follows was known before");
        }

        console.WriteTable(
            ["NODE", "LIFE", "STATE", "RACK", "KAFKA", "HTTP", "PARTITIONS", "IN/s", "OUT/s", "WAL p99"],
            report.Brokers.Where(broker => isAll || broker.State != "gone").Select(broker => new[]
            {
                $"{broker.NodeId}{(broker.IsController ? "*" : "")}", $"{broker.Epoch}",
                broker.IsExcluded ? $"{broker.State}, slow" : broker.State, broker.Rack ?? "-", broker.Kafka, broker.Http,
                $"{broker.Partitions}", Bytes(broker.BytesInPerSecond), Bytes(broker.BytesOutPerSecond),
                broker.WalLatencyMs == 0 ? "-" : string.Create(CultureInfo.InvariantCulture, $"{broker.WalLatencyMs:0} ms"),
            }));
        foreach (RecoveryReport recovery in report.Recoveries)
        {
            string by = recovery.By is { } recoverer ? $"is being recovered by broker {recoverer}" : "waits for recovery";
            console.Output.WriteLine($"the log of broker {recovery.NodeId} (life {recovery.Epoch}) {by}");
        }

        if (report.Moves.Count > 0)
        {
            PrintMoves(console, report.Moves, "");
        }
    }

    private static void PrintMoves(CliConsole console, IReadOnlyList<MoveReport> moves, string none)
    {
        if (moves.Count == 0)
        {
            console.Output.WriteLine(none);
            return;
        }

        console.WriteTable(
            ["TOPIC", "PARTITION", "FROM", "TO"],
            moves.Select(move => new[] { move.Topic, $"{move.Partition}", move.From is { } from ? $"{from}" : "-", $"{move.To}" }));
    }

    private static string Bytes(double perSecond) => perSecond switch
    {
        0 => "-",
        < 1024 => string.Create(CultureInfo.InvariantCulture, $"{perSecond:0} B"),
        < 1024 * 1024 => string.Create(CultureInfo.InvariantCulture, $"{perSecond / 1024:0.0} KiB"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{perSecond / (1024 * 1024):0.0} MiB"),
    };

    private static void Say(CliConsole console, ParseResult parsed, object json, Action text)
    {
        if (parsed.IsJson())
        {
            console.WriteJson(json);
        }
        else
        {
            text();
        }
    }
}
