using System.CommandLine;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using PipeRoll.Workflows.Kafka;

namespace PipeRoll.Cli.Commands;

/// <summary>What every command understands.</summary>
internal static class CommonOptions
{
    public const string DefaultBootstrap = "localhost:9092";

    public static readonly Option<string> Output = new("--output")
    {
        Description = "text or json",
        DefaultValueFactory = _ => "text",
        Recursive = true,
        HelpName = "text|json",
    };

    public static readonly Option<string?> Bootstrap = new("--bootstrap", "-b")
    {
        Description = $"Kafka address; else PIPEROLL_BOOTSTRAP, else {DefaultBootstrap}",
        Recursive = true,
        HelpName = "HOST:PORT",
    };

    static CommonOptions() => Output.AcceptOnlyFromAmong("text", "json");

    public static ILogger Log => NullLogger.Instance;

    public static bool IsJson(this ParseResult parsed) => parsed.GetValue(Output) == "json";

    /// <summary>The cluster to talk to.</summary>
    public static KafkaConnection Connection(this ParseResult parsed) => new(
        parsed.GetValue(Bootstrap) ?? Environment.GetEnvironmentVariable("PIPEROLL_BOOTSTRAP") ?? DefaultBootstrap)
    {
        Properties = Credentials.Properties(parsed),
    };

    /// <summary>An admin client of a cluster that answers; throws <see cref="ClusterUnreachableException"/> if none does.</summary>
    public static TopicAdmin Admin(this ParseResult parsed)
    {
        var admin = new TopicAdmin(parsed.Connection(), Log);
        try
        {
            _ = admin.Metadata(TimeSpan.FromSeconds(4));
            return admin;
        }
        catch
        {
            admin.Dispose();
            throw;
        }
    }

    /// <summary>"name=value" pairs; a wrong one is a usage error.</summary>
    public static Dictionary<string, string> Pairs(IEnumerable<string> texts, string option)
    {
        var pairs = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (string text in texts)
        {
            int at = text.IndexOf('=');
            if (at <= 0)
            {
                throw new UsageException($"{option} takes name=value, not '{text}'");
            }

            pairs[text[..at]] = text[(at + 1)..];
        }

        return pairs;
    }
}
