namespace PipeRoll.Broker.Security;

/// <summary>What a principal does to a resource; codes and names are Kafka's (AclOperation).</summary>
public enum AclOperation : sbyte
{
    Unknown = 0,

    /// <summary>In filters: whichever.</summary>
    Any = 1,

    /// <summary>In entries: every one.</summary>
    All = 2,
    Read = 3,
    Write = 4,
    Create = 5,
    Delete = 6,
    Alter = 7,
    Describe = 8,
    ClusterAction = 9,
    DescribeConfigs = 10,
    AlterConfigs = 11,
    IdempotentWrite = 12,
    CreateTokens = 13,
    DescribeTokens = 14,
    TwoPhaseCommit = 15,
}

/// <summary>What is protected; codes and names are Kafka's (ResourceType).</summary>
public enum ResourceType : sbyte
{
    Unknown = 0,

    /// <summary>In filters: whichever.</summary>
    Any = 1,
    Topic = 2,
    Group = 3,

    /// <summary>There is one, with the name <see cref="AclNames.Cluster"/>.</summary>
    Cluster = 4,
    TransactionalId = 5,
    DelegationToken = 6,

    /// <summary>Named as principals are (<c>User:alice</c>).</summary>
    User = 7,
}

/// <summary>How the name of an entry stands for names of resources; codes and names are Kafka's (PatternType).</summary>
public enum PatternType : sbyte
{
    Unknown = 0,

    /// <summary>In filters: whichever.</summary>
    Any = 1,

    /// <summary>In filters: every entry that holds for a resource of this name.</summary>
    Match = 2,

    /// <summary>Exactly this name; <c>*</c> is every name.</summary>
    Literal = 3,

    /// <summary>Every name that begins so.</summary>
    Prefixed = 4,
}

/// <summary>Codes and names are Kafka's (AclPermissionType).</summary>
public enum AclPermission : sbyte
{
    Unknown = 0,

    /// <summary>In filters: whichever.</summary>
    Any = 1,
    Deny = 2,
    Allow = 3,
}

/// <summary>Names with a meaning of their own.</summary>
public static class AclNames
{
    /// <summary>The name of the one resource of type <see cref="ResourceType.Cluster"/>.</summary>
    public const string Cluster = "kafka-cluster";

    /// <summary>As the name of a literal entry, and as host: all of them.</summary>
    public const string Wildcard = "*";

    /// <summary>As principal of an entry: everybody.</summary>
    public const string Everybody = "User:*";

    /// <summary>Who did not say who he is.</summary>
    public const string Anonymous = "User:ANONYMOUS";

    /// <summary>Brokers among themselves.</summary>
    public const string Broker = "User:piperoll-broker";
}
