using System.CommandLine;
using Confluent.Kafka.Admin;
using PipeRoll.Workflows.Kafka;

namespace PipeRoll.Cli.Commands;

/// <summary><c>piperoll acl add|list|remove</c>: access control entries, on any Kafka cluster.</summary>
internal static class AclCommands
{
    private const string Everything = "*";
    private const string ClusterName = "kafka-cluster";

    // Kafka's code; the client library passes it on and has no name for it.
    private const ResourceType TransactionalId = (ResourceType)5;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(15);

    private static readonly Option<string[]> Topics = Resource("--topic", "NAME");
    private static readonly Option<string[]> Groups = Resource("--group", "NAME");
    private static readonly Option<string[]> Transactions = Resource("--transactional-id", "ID");
    private static readonly Option<bool> Cluster = new("--cluster") { Description = "The cluster itself" };
    private static readonly Option<bool> Prefixed = new("--prefixed") { Description = "Names are beginnings of names" };
    private static readonly Option<bool> Deny = new("--deny") { Description = "Deny rather than allow: it wins over every other entry" };
    private static readonly Option<string> Host = new("--host")
    {
        Description = "From this address only",
        DefaultValueFactory = _ => Everything,
        HelpName = "ADDRESS",
    };

    private static readonly Option<string[]> Operations = new("--operation", "-o")
    {
        Description = "read, write, create, delete, alter, describe, describeconfigs, alterconfigs, clusteraction, idempotentwrite, all; may be repeated",
        HelpName = "OPERATION",
        Required = true,
    };

    public static Command Create(CliConsole console)
    {
        var acl = new Command("acl", "Access control entries: add, list, remove");
        acl.Subcommands.Add(Change(console, "add", "Adds entries for a principal, such as User:alice", AddAsync));
        acl.Subcommands.Add(List(console));
        acl.Subcommands.Add(Change(console, "remove", "Removes exactly these entries", RemoveAsync));
        return acl;
    }

    /// <summary>Entries that let a principal do everything that the client library has a name for.</summary>
    public static IEnumerable<AclBinding> AllRights(string principal) =>
        from resource in ((ResourceType Type, string Name)[])
            [(ResourceType.Topic, Everything), (ResourceType.Group, Everything), (TransactionalId, Everything), (ResourceType.Broker, ClusterName)]
        select Binding(resource.Type, resource.Name, ResourcePatternType.Literal, principal, Everything, AclOperation.All, AclPermissionType.Allow);

    /// <summary>Removes all entries of a principal. Returns how many.</summary>
    public static async Task<int> RemoveAllAsync(TopicAdmin admin, string principal) =>
        (await admin.Client.DeleteAclsAsync([Filter(principal)], new DeleteAclsOptions { RequestTimeout = Patience })).Sum(each => each.AclBindings.Count);

    private static Command Change(
        CliConsole console, string verb, string description, Func<TopicAdmin, IReadOnlyList<AclBinding>, Task<IReadOnlyList<AclBinding>>> change)
    {
        var principal = new Argument<string>("principal") { Description = "Who: User:alice, or User:* for everybody" };
        var command = new Command(verb, description) { principal, Operations, Topics, Groups, Transactions, Cluster, Prefixed, Deny, Host };
        command.SetAction(async (parsed, _) =>
        {
            List<AclBinding> bindings = [.. Bindings(parsed, parsed.GetRequiredValue(principal))];
            using TopicAdmin admin = parsed.Admin();
            Show(console, parsed, await change(admin, bindings));
            return ExitCode.Ok;
        });
        return command;
    }

    private static Command List(CliConsole console)
    {
        var principal = new Argument<string?>("principal") { Description = "Whose entries; all of them when left out", Arity = ArgumentArity.ZeroOrOne };
        var command = new Command("list", "Lists entries") { principal };
        command.SetAction(async (parsed, _) =>
        {
            using TopicAdmin admin = parsed.Admin();
            DescribeAclsResult found = await admin.Client.DescribeAclsAsync(
                Filter(parsed.GetValue(principal)), new DescribeAclsOptions { RequestTimeout = Patience });
            Show(console, parsed, found.AclBindings);
            return ExitCode.Ok;
        });
        return command;
    }

    private static async Task<IReadOnlyList<AclBinding>> AddAsync(TopicAdmin admin, IReadOnlyList<AclBinding> bindings)
    {
        await admin.Client.CreateAclsAsync(bindings, new CreateAclsOptions { RequestTimeout = Patience });
        return bindings;
    }

    private static async Task<IReadOnlyList<AclBinding>> RemoveAsync(TopicAdmin admin, IReadOnlyList<AclBinding> bindings)
    {
        List<DeleteAclsResult> removed = await admin.Client.DeleteAclsAsync(
            bindings.Select(binding => binding.ToFilter()), new DeleteAclsOptions { RequestTimeout = Patience });
        AclBinding[] gone = [.. removed.SelectMany(each => each.AclBindings)];
        return gone.Length > 0 ? gone : throw new WorkflowException("there is no such entry ('piperoll acl list' shows which there are)");
    }

    private static IEnumerable<AclBinding> Bindings(ParseResult parsed, string principal)
    {
        ResourcePatternType pattern = parsed.GetValue(Prefixed) ? ResourcePatternType.Prefixed : ResourcePatternType.Literal;
        List<(ResourceType Type, string Name, ResourcePatternType Pattern)> resources =
        [
            .. (parsed.GetValue(Topics) ?? []).Select(name => (ResourceType.Topic, name, pattern)),
            .. (parsed.GetValue(Groups) ?? []).Select(name => (ResourceType.Group, name, pattern)),
            .. (parsed.GetValue(Transactions) ?? []).Select(name => (TransactionalId, name, pattern)),
        ];
        if (parsed.GetValue(Cluster))
        {
            resources.Add((ResourceType.Broker, ClusterName, ResourcePatternType.Literal));
        }

        if (resources.Count == 0)
        {
            throw new UsageException("name what the entries are for: --topic, --group, --transactional-id or --cluster");
        }

        if (principal.IndexOf(':', StringComparison.Ordinal) <= 0)
        {
            throw new UsageException($"'{principal}' is no principal: write its type too, such as User:{principal}");
        }

        AclPermissionType permission = parsed.GetValue(Deny) ? AclPermissionType.Deny : AclPermissionType.Allow;
        return from operation in parsed.GetValue(Operations) ?? []
               from resource in resources
               select Binding(
                   resource.Type, resource.Name, resource.Pattern, principal, parsed.GetValue(Host) ?? Everything, Parse(operation), permission);
    }

    private static AclOperation Parse(string operation) =>
        Enum.TryParse(
            operation.Replace("-", "", StringComparison.Ordinal).Replace("_", "", StringComparison.Ordinal), ignoreCase: true, out AclOperation parsed)
            && char.IsAsciiLetter(operation[0]) && parsed > AclOperation.Any
            ? parsed
            : throw new UsageException(
                $"there is no operation '{operation}'; there are "
                + string.Join(", ", Enum.GetValues<AclOperation>().Where(each => each > AclOperation.Any)).ToLowerInvariant());

    private static AclBinding Binding(
        ResourceType type, string name, ResourcePatternType pattern, string principal, string host, AclOperation operation,
        AclPermissionType permission) => new()
        {
            Pattern = new ResourcePattern { Type = type, Name = name, ResourcePatternType = pattern },
            Entry = new AccessControlEntry { Principal = principal, Host = host, Operation = operation, PermissionType = permission },
        };

    private static AclBindingFilter Filter(string? principal) => new()
    {
        PatternFilter = new ResourcePatternFilter { Type = ResourceType.Any, ResourcePatternType = ResourcePatternType.Any },
        EntryFilter = new AccessControlEntryFilter { Principal = principal, Operation = AclOperation.Any, PermissionType = AclPermissionType.Any },
    };

    private static void Show(CliConsole console, ParseResult parsed, IEnumerable<AclBinding> bindings)
    {
        var rows = bindings.Select(binding => new
        {
            principal = binding.Entry.Principal,
            permission = binding.Entry.PermissionType.ToString().ToLowerInvariant(),
            operation = binding.Entry.Operation.ToString().ToLowerInvariant(),
            resource = binding.Pattern.Type == ResourceType.Broker ? "cluster"
                : binding.Pattern.Type == TransactionalId ? "transactional-id" : binding.Pattern.Type.ToString().ToLowerInvariant(),
            name = binding.Pattern.Name,
            pattern = binding.Pattern.ResourcePatternType.ToString().ToLowerInvariant(),
            host = binding.Entry.Host,
        }).ToArray();
        if (parsed.IsJson())
        {
            console.WriteJson(rows);
            return;
        }

        console.WriteTable(
            ["PRINCIPAL", "PERMISSION", "OPERATION", "RESOURCE", "NAME", "PATTERN", "HOST"],
            rows.Select(row => new[] { row.principal, row.permission, row.operation, row.resource, row.name, row.pattern, row.host }));
    }

    private static Option<string[]> Resource(string option, string value) =>
        new(option) { Description = "What it is for; may be repeated, '*' is all", HelpName = value };
}
