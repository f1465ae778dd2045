using System.CommandLine;
using PipeRoll.Operations.Api;

namespace PipeRoll.Cli.Commands;

/// <summary>Who the command line is to the cluster. Passwords come from variables and files, never from the command line, which others can read.</summary>
internal static class Credentials
{
    public static readonly Option<string?> User = new("--user")
    {
        Description = "Whom to be; else PIPEROLL_USER. The password is read from PIPEROLL_PASSWORD",
        Recursive = true,
        HelpName = "NAME",
    };

    public static readonly Option<string?> Authority = new("--ca")
    {
        Description = "Speak TLS, and trust what the authorities in this PEM file have signed; else PIPEROLL_CA",
        Recursive = true,
        HelpName = "FILE",
    };

    public static readonly Option<string?> ClientConfig = new("--command-config")
    {
        Description = "File of client settings, name=value a line, by their librdkafka names",
        Recursive = true,
        HelpName = "FILE",
    };

    /// <summary>The client settings of whoever the command line is.</summary>
    public static IReadOnlyDictionary<string, string> Properties(ParseResult parsed)
    {
        var properties = new Dictionary<string, string>(StringComparer.Ordinal);
        string? authority = AuthorityOf(parsed);
        if (authority is not null)
        {
            properties["security.protocol"] = "ssl";
            properties["ssl.ca.location"] = authority;
        }

        if (LoginOf(parsed) is { } login)
        {
            properties["security.protocol"] = authority is null ? "sasl_plaintext" : "sasl_ssl";
            properties["sasl.mechanism"] = "SCRAM-SHA-256";
            properties["sasl.username"] = login.User;
            properties["sasl.password"] = login.Password;
        }

        if (parsed.GetValue(ClientConfig) is { } file)
        {
            foreach (string line in File.ReadLines(file).Select(line => line.Trim()).Where(line => line.Length > 0 && line[0] is not ('#' or '!')))
            {
                int equals = line.IndexOf('=', StringComparison.Ordinal);
                if (equals <= 0)
                {
                    throw new UsageException($"--command-config {file}: '{line}' is not name=value");
                }

                properties[line[..equals].Trim()] = line[(equals + 1)..].Trim();
            }
        }

        return properties;
    }

    /// <summary>The same for HTTP.</summary>
    public static ServerLogin? Http(ParseResult parsed)
    {
        (string User, string Password)? login = LoginOf(parsed);
        string? authority = AuthorityOf(parsed);
        return login is null && authority is null ? null : new ServerLogin(login?.User, login?.Password, authority);
    }

    private static string? AuthorityOf(ParseResult parsed)
    {
        string? file = parsed.GetValue(Authority) ?? Environment.GetEnvironmentVariable("PIPEROLL_CA");
        return string.IsNullOrEmpty(file) ? null : file;
    }

    private static (string User, string Password)? LoginOf(ParseResult parsed)
    {
        string? user = parsed.GetValue(User) ?? Environment.GetEnvironmentVariable("PIPEROLL_USER");
        if (string.IsNullOrEmpty(user))
        {
            return null;
        }

        string? password = Environment.GetEnvironmentVariable("PIPEROLL_PASSWORD");
        return password is { Length: > 0 } ? (user, password) : throw new UsageException($"for user {user}, put the password into PIPEROLL_PASSWORD");
    }
}
