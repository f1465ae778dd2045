using System.CommandLine;
using System.Text;
using Confluent.Kafka.Admin;
using PipeRoll.Workflows.Kafka;

namespace PipeRoll.Cli.Commands;

/// <summary><c>piperoll user add|list|remove</c>: users are their SCRAM credentials, on any Kafka cluster.</summary>
internal static class UserCommands
{
    private const int Iterations = 8192;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(15);
    private static readonly ScramMechanism[] Mechanisms = [ScramMechanism.ScramSha256, ScramMechanism.ScramSha512];

    public static Command Create(CliConsole console)
    {
        var user = new Command("user", "Users: add, list, remove");
        user.Subcommands.Add(Add(console));
        user.Subcommands.Add(List(console));
        user.Subcommands.Add(Remove(console));
        return user;
    }

    private static Argument<string> Name => new("name") { Description = "The user's name, without a type: alice" };

    private static Command Add(CliConsole console)
    {
        Argument<string> name = Name;
        var file = new Option<string?>("--password-file")
        {
            Description = "Where the new user's password is; else it is read from standard input",
            HelpName = "FILE",
        };
        var isAdmin = new Option<bool>("--admin") { Description = "Allow the user everything" };
        var command = new Command("add", "Adds a user, or sets a new password; the first user of a cluster is its administrator") { name, file, isAdmin };
        command.SetAction(async (parsed, stop) =>
        {
            string user = parsed.GetRequiredValue(name);
            string password = (parsed.GetValue(file) is { } path ? await File.ReadAllTextAsync(path, stop) : await console.Input.ReadLineAsync(stop) ?? "")
                .TrimEnd('\r', '\n');
            if (password.Length == 0)
            {
                throw new UsageException("the password is empty: give one on standard input, or with --password-file");
            }

            using TopicAdmin admin = parsed.Admin();
            if (parsed.GetValue(isAdmin))
            {
                // First the rights: the moment that the first user is there, whoever asks must be somebody.
                await admin.Client.CreateAclsAsync(AclCommands.AllRights("User:" + user), new CreateAclsOptions { RequestTimeout = Patience });
            }

            await admin.Client.AlterUserScramCredentialsAsync(
                Mechanisms.Select(mechanism => new UserScramCredentialUpsertion
                {
                    User = user,
                    ScramCredentialInfo = new ScramCredentialInfo { Mechanism = mechanism, Iterations = Iterations },
                    Password = Encoding.UTF8.GetBytes(password),
                }),
                new AlterUserScramCredentialsOptions { RequestTimeout = Patience });
            Say(console, parsed, new { user, admin = parsed.GetValue(isAdmin) }, $"user {user} may log in");
            return ExitCode.Ok;
        });
        return command;
    }

    private static Command List(CliConsole console)
    {
        var command = new Command("list", "Lists users and how they may log in");
        command.SetAction(async (parsed, _) =>
        {
            using TopicAdmin admin = parsed.Admin();
            var users = (await DescribeAsync(admin)).Select(each => new
            {
                user = each.User,
                mechanisms = each.ScramCredentialInfos.Select(info => $"{NameOf(info.Mechanism)} ({info.Iterations})").ToArray(),
            }).OrderBy(each => each.user, StringComparer.Ordinal).ToArray();
            if (parsed.IsJson())
            {
                console.WriteJson(users);
            }
            else
            {
                console.WriteTable(["USER", "MECHANISMS (ITERATIONS)"], users.Select(each => new[] { each.user, string.Join(", ", each.mechanisms) }));
            }

            return ExitCode.Ok;
        });
        return command;
    }

    private static Command Remove(CliConsole console)
    {
        Argument<string> name = Name;
        var keep = new Option<bool>("--keep-acls") { Description = "Leave the user's access control entries" };
        var command = new Command("remove", "Removes a user, whose connections end at once, and the user's access control entries") { name, keep };
        command.SetAction(async (parsed, _) =>
        {
            string user = parsed.GetRequiredValue(name);
            using TopicAdmin admin = parsed.Admin();
            UserScramCredentialsDescription found = (await DescribeAsync(admin)).FirstOrDefault(each => each.User == user)
                ?? throw new WorkflowException($"there is no user {user} ('piperoll user list' shows who there is)");
            int entries = parsed.GetValue(keep) ? 0 : await AclCommands.RemoveAllAsync(admin, "User:" + user);
            await admin.Client.AlterUserScramCredentialsAsync(
                found.ScramCredentialInfos.Select(info => new UserScramCredentialDeletion { User = user, Mechanism = info.Mechanism }),
                new AlterUserScramCredentialsOptions { RequestTimeout = Patience });
            Say(console, parsed, new { user, removed = true, entries }, $"removed user {user} and {entries} access control entries");
            return ExitCode.Ok;
        });
        return command;
    }

    private static async Task<IReadOnlyList<UserScramCredentialsDescription>> DescribeAsync(TopicAdmin admin) =>
        (await admin.Client.DescribeUserScramCredentialsAsync([], new DescribeUserScramCredentialsOptions { RequestTimeout = Patience }))
        .UserScramCredentialsDescriptions;

    private static string NameOf(ScramMechanism mechanism) => mechanism == ScramMechanism.ScramSha256 ? "SCRAM-SHA-256" : "SCRAM-SHA-512";

    private static void Say(CliConsole console, ParseResult parsed, object json, string text)
    {
        if (parsed.IsJson())
        {
            console.WriteJson(json);
        }
        else
        {
            console.Output.WriteLine(text);
        }
    }
}
