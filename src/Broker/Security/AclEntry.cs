using PipeRoll.Streams.Metadata;

namespace PipeRoll.Broker.Security;

/// <summary>One access control entry.</summary>
internal sealed record AclEntry(
    ResourceType Type, string Name, PatternType Pattern, string Principal, string Host, AclOperation Operation, AclPermission Permission)
{
    public static AclEntry Of(AclRecord record) => new(
        (ResourceType)record.ResourceType, record.ResourceName, (PatternType)record.PatternType, record.Principal, record.Host,
        (AclOperation)record.Operation, (AclPermission)record.Permission);

    public AclRecord ToRecord() => new((int)Type, Name, (int)Pattern, Principal, Host, (int)Operation, (int)Permission);

    /// <summary>Whether the entry speaks of this principal, host and operation; the resource has been looked at.</summary>
    /// <remarks>
    /// An entry that allows reading, writing, deleting or altering allows to describe too, one that allows to alter configs allows to
    /// describe them. Entries that deny imply nothing.
    /// </remarks>
    public bool Concerns(string principal, string host, AclOperation operation) =>
        (Principal == principal || Principal == AclNames.Everybody)
        && (Host == AclNames.Wildcard || Host == host)
        && (Operation == operation || Operation == AclOperation.All || (Permission == AclPermission.Allow && Implies(operation)));

    private bool Implies(AclOperation operation) => operation switch
    {
        AclOperation.Describe => Operation is AclOperation.Read or AclOperation.Write or AclOperation.Delete or AclOperation.Alter,
        AclOperation.DescribeConfigs => Operation == AclOperation.AlterConfigs,
        _ => false,
    };
}

/// <summary>Which entries are meant; nulls and <c>Any</c> stand for all.</summary>
internal readonly record struct AclFilter(
    ResourceType Type, string? Name, PatternType Pattern, string? Principal, string? Host, AclOperation Operation, AclPermission Permission)
{
    /// <summary>What is wrong with the filter, or null.</summary>
    public string? Problem =>
        !Enum.IsDefined(Type) || Type == ResourceType.Unknown ? "the resource type is unknown"
        : !Enum.IsDefined(Pattern) || Pattern == PatternType.Unknown ? "the pattern type is unknown"
        : !Enum.IsDefined(Operation) || Operation == AclOperation.Unknown ? "the operation is unknown"
        : !Enum.IsDefined(Permission) || Permission == AclPermission.Unknown ? "the permission type is unknown"
        : null;

    public bool Matches(AclEntry entry) =>
        (Type == ResourceType.Any || Type == entry.Type)
        && MatchesName(entry)
        && (Principal is null || Principal == entry.Principal)
        && (Host is null || Host == entry.Host)
        && (Operation == AclOperation.Any || Operation == entry.Operation)
        && (Permission == AclPermission.Any || Permission == entry.Permission);

    private bool MatchesName(AclEntry entry)
    {
        if (Pattern is PatternType.Literal or PatternType.Prefixed && Pattern != entry.Pattern)
        {
            return false;
        }

        if (Name is null)
        {
            return true;
        }

        if (Pattern != PatternType.Match)
        {
            return Name == entry.Name;
        }

        return entry.Pattern == PatternType.Prefixed
            ? Name.StartsWith(entry.Name, StringComparison.Ordinal)
            : Name == entry.Name || entry.Name == AclNames.Wildcard;
    }
}
