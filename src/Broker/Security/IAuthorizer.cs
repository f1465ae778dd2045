namespace PipeRoll.Broker.Security;

/// <summary>One question to the authoriser.</summary>
/// <param name="Principal">Such as <c>User:alice</c>.</param>
/// <param name="Host">IP address of the client.</param>
/// <param name="Operation">One that is done: neither <see cref="AclOperation.Any"/> nor <see cref="AclOperation.All"/>.</param>
/// <param name="Name">Of the resource, exactly.</param>
public readonly record struct AccessQuestion(string Principal, string Host, AclOperation Operation, ResourceType Type, string Name);

/// <summary>Who may do what: one for the Kafka port and HTTP.</summary>
/// <remarks>Any thread; never waits.</remarks>
public interface IAuthorizer
{
    /// <summary>True while nobody is defined, so that nobody is restricted.</summary>
    bool AllowsEverything { get; }

    bool Allows(in AccessQuestion question);

    /// <summary>Whether there is any resource of the type on which the principal may do this: for idempotent producers (KIP-679).</summary>
    bool AllowsOnAny(string principal, string host, AclOperation operation, ResourceType type);
}

/// <summary>The authoriser of a broker without users.</summary>
public sealed class AllowAll : IAuthorizer
{
    public static readonly AllowAll Instance = new();

    public bool AllowsEverything => true;

    public bool Allows(in AccessQuestion question) => true;

    public bool AllowsOnAny(string principal, string host, AclOperation operation, ResourceType type) => true;
}
