using System.CommandLine;
using System.CommandLine.Parsing;

namespace PipeRoll.Server.Hosting;

/// <summary>The flags of <c>piperoll up</c>, and how they are layered over variables and the settings file.</summary>
internal sealed class UpCommand
{
    private readonly Option<string?> _config = Flag("config", "FILE", "settings file (default: piperoll.yaml, where there is one)");
    private readonly Option<string[]> _set = new("--set") { HelpName = "NAME=VALUE", Description = "any setting of the file, such as broker/num.partitions=3" };
    private readonly Option<string?>[] _flags =
    [
        Flag("data", "DIR", "folder of the write-ahead log, objects and metadata (default: ./data)"),
        Flag("kafka-port", "N", "Kafka port (default: 9092; 0: any free one)"),
        Flag("http-port", "N", "HTTP port (default: 8080; 0: any free one)"),
        Flag("advertise", "HOST", "host name that clients are told to connect to (default: localhost)"),
        Flag("listen", "ADDRESS", "address to listen on (default: 127.0.0.1, loopback only)"),
        Flag("log-format", "json|text", "how logs are written to standard error (default: json)"),
    ];

    public UpCommand()
    {
        Command = new Command("up", "Starts the server: Kafka protocol, HTTP, storage; until SIGTERM or Ctrl-C.") { _config, _set };
        foreach (Option<string?> flag in _flags)
        {
            Command.Options.Add(flag);
        }

        Root = new RootCommand("PipeRoll server") { Command };
    }

    public RootCommand Root { get; }

    public Command Command { get; }

    /// <returns>Null when something is wrong; then <paramref name="problems"/> says all of it.</returns>
    public ServerSettings? ReadSettings(ParseResult parsed, List<string> problems)
    {
        List<SettingLayer> layers = [ReadFile(parsed.GetValue(_config), problems), SettingLayer.FromEnvironment(Environment.GetEnvironmentVariables())];
        List<(string, string?)> flags = [.. _flags.Select(flag => (flag.Name[2..], parsed.GetValue(flag)))];
        foreach (string assignment in parsed.GetValue(_set) ?? [])
        {
            int equals = assignment.IndexOf('=', StringComparison.Ordinal);
            if (equals <= 0)
            {
                problems.Add($"--set {assignment}: give a name and a value, such as broker/num.partitions=3");
                continue;
            }

            flags.Add((assignment[..equals], assignment[(equals + 1)..]));
        }

        layers.Add(SettingLayer.FromFlags(flags));
        ServerOptions options = ServerOptionsReader.Read(layers, problems);
        ServerSettings settings = ServerSettings.Resolve(options, problems);
        return problems.Count == 0 ? settings : null;
    }

    private static Option<string?> Flag(string name, string value, string description) => new("--" + name) { HelpName = value, Description = description };

    private static SettingLayer ReadFile(string? named, List<string> problems)
    {
        string file = named ?? "piperoll.yaml";
        if (File.Exists(file))
        {
            return SettingLayer.FromYaml(Path.GetFileName(file), File.ReadAllText(file), problems);
        }

        if (named is not null)
        {
            problems.Add($"--config: there is no file {named}");
        }

        return SettingLayer.FromFlags([]);
    }
}
