using System.Globalization;
using System.Net;

namespace PipeRoll.Server.Hosting;

/// <summary>Merges the layers of settings into options, and finds everything that is wrong with them at once.</summary>
public static class ServerOptionsReader
{
    private static readonly string[] Known = ["data", "kafka-port", "http-port", "listen", "advertise", "log-format"];

    private static readonly string[] Sections = ["broker", "storage", "cluster", "store", "security", "tls", "workflows", "workflow-client"];

    // Variables that are ours but no setting of the server.
    private static readonly string[] OtherVariables = ["server", "bootstrap", "samples", "http", "user", "password", "ca"];

    /// <param name="layers">From the weakest to the strongest.</param>
    /// <param name="problems">One line for each thing that is wrong: where, what, and what to write instead.</param>
    public static ServerOptions Read(IEnumerable<SettingLayer> layers, List<string> problems)
    {
        var merged = new Dictionary<string, SettingValue>(StringComparer.Ordinal);
        foreach ((string name, SettingValue value) in layers.SelectMany(layer => layer.Values))
        {
            merged[name] = value;
        }

        var options = new ServerOptions();
        Dictionary<string, Dictionary<string, SettingValue>> sections = Sections.ToDictionary(
            section => section, _ => new Dictionary<string, SettingValue>(StringComparer.Ordinal), StringComparer.Ordinal);
        foreach ((string name, SettingValue setting) in merged)
        {
            switch (name)
            {
                case "data": options = options with { DataFolder = setting.Value }; break;
                case "advertise": options = options with { AdvertisedHost = setting.Value }; break;
                case "kafka-port": options = options with { KafkaPort = Port(name, setting, problems) }; break;
                case "http-port": options = options with { HttpPort = Port(name, setting, problems) }; break;
                case "listen": options = options with { Listen = Address(setting, problems) }; break;
                case "log-format": options = options with { LogFormat = Format(setting, problems) }; break;
                case var _ when name.Split('/', 2) is [string section, string own] && sections.TryGetValue(section, out var values):
                    values[own] = setting;
                    break;
                case var _ when IsForSomebodyElse(name, setting): break;
                default:
                    problems.Add($"{setting.Origin}: no setting is called '{name}'; there are {string.Join(", ", Known)} and the sections "
                        + string.Join(", ", Sections));
                    break;
            }
        }

        Check(options, problems);
        return options with
        {
            Broker = sections["broker"],
            Storage = sections["storage"],
            Cluster = sections["cluster"],
            Store = sections["store"],
            Security = sections["security"],
            Tls = sections["tls"],
            Workflows = sections["workflows"],
            WorkflowClient = sections["workflow-client"],
        };
    }

    private static bool IsForSomebodyElse(string name, SettingValue setting) =>
        setting.Origin.StartsWith("PIPEROLL_", StringComparison.Ordinal)
        && (OtherVariables.Contains(name, StringComparer.Ordinal)
            || name.StartsWith("test-", StringComparison.Ordinal) || name.StartsWith("sim-", StringComparison.Ordinal));

    private static void Check(ServerOptions options, List<string> problems)
    {
        if (options.DataFolder.Length == 0)
        {
            problems.Add("data: an empty folder name; leave it out for ./data");
        }

        if (options.AdvertisedHost.Length is 0 or > 255 || options.AdvertisedHost.Any(char.IsWhiteSpace))
        {
            problems.Add($"advertise: '{options.AdvertisedHost}' is no host name; give the name by which clients reach this machine");
        }

        if (options.KafkaPort != 0 && options.KafkaPort == options.HttpPort)
        {
            problems.Add($"kafka-port and http-port are both {options.KafkaPort}; give two different ports");
        }
    }

    private static int Port(string name, SettingValue setting, List<string> problems)
    {
        if (int.TryParse(setting.Value, NumberStyles.None, CultureInfo.InvariantCulture, out int port) && port <= 65_535)
        {
            return port;
        }

        problems.Add($"{setting.Origin}: {name} is '{setting.Value}'; give a number from 0 (any free port) to 65535");
        return 0;
    }

    private static IPAddress Address(SettingValue setting, List<string> problems)
    {
        if (IPAddress.TryParse(setting.Value, out IPAddress? address))
        {
            return address;
        }

        problems.Add($"{setting.Origin}: listen is '{setting.Value}'; give an address such as 127.0.0.1, or 0.0.0.0 for every interface");
        return IPAddress.Loopback;
    }

    private static LogFormat Format(SettingValue setting, List<string> problems)
    {
        if (Enum.TryParse(setting.Value, ignoreCase: true, out LogFormat format))
        {
            return format;
        }

        problems.Add($"{setting.Origin}: log-format is '{setting.Value}'; give json or text");
        return LogFormat.Json;
    }
}
