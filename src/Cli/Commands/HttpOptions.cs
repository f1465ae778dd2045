using System.CommandLine;
using PipeRoll.Operations.Api;

namespace PipeRoll.Cli.Commands;

/// <summary>Which server a command talks to over HTTP.</summary>
internal static class HttpOptions
{
    public static readonly Option<string?> Http = new("--http")
    {
        Description = $"HTTP addresses, with commas: the first that answers; else PIPEROLL_HTTP, else {ServerApi.DefaultAddress}",
        Recursive = true,
        HelpName = "ADDRESS,...",
    };

    public static readonly Option<string?> As = new("--as")
    {
        Description = "Who does it, where the server asks nobody who he is; it is kept as not authenticated",
        HelpName = "NAME",
    };

    public static ServerApi Api(this ParseResult parsed)
    {
        string addresses = parsed.GetValue(Http) ?? Environment.GetEnvironmentVariable("PIPEROLL_HTTP") ?? ServerApi.DefaultAddress;
        try
        {
            return new ServerApi(addresses, login: Credentials.Http(parsed) ?? (Said(parsed) is { } name ? new ServerLogin(name, null, null) : null));
        }
        catch (FormatException wrong)
        {
            throw new UsageException($"--http: {wrong.Message}");
        }
    }

    private static string? Said(ParseResult parsed) => parsed.CommandResult.Command.Options.Contains(As) ? parsed.GetValue(As) : null;
}
