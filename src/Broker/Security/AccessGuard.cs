using PipeRoll.Broker.Handlers;
using PipeRoll.Wire;

namespace PipeRoll.Broker.Security;

/// <summary>A request that was not allowed.</summary>
/// <param name="Api">Name of the API (<c>Produce</c>), or of the HTTP route.</param>
internal readonly record struct Denial(ClientIdentity Client, string Api, AccessQuestion Question);

/// <summary>What requests are checked with: the authoriser, and who is told of denials.</summary>
/// <remarks>Any thread; never waits.</remarks>
internal sealed class AccessGuard(IAuthorizer authorizer, Action<Denial>? onDenied = null)
{
    /// <summary>Of a broker without security, and of tests that call handlers directly.</summary>
    public static readonly AccessGuard Open = new(AllowAll.Instance);

    public IAuthorizer Authorizer => authorizer;

    /// <param name="isAudited">False for filters, which leave out in silence what one may not see.</param>
    public bool Allows(ClientIdentity client, ApiKey api, AclOperation operation, ResourceType type, string name, bool isAudited)
    {
        var question = new AccessQuestion(client.Principal, client.RemoteAddress, operation, type, name);
        if (authorizer.Allows(question))
        {
            return true;
        }

        if (isAudited)
        {
            onDenied?.Invoke(new Denial(client, api.ToString(), question));
        }

        return false;
    }
}

/// <summary>Which operations a resource has, as bits by their codes (KIP-430).</summary>
internal static class AuthorizedOperations
{
    private static readonly AclOperation[] Topic =
    [
        AclOperation.Read, AclOperation.Write, AclOperation.Create, AclOperation.Delete, AclOperation.Alter, AclOperation.Describe,
        AclOperation.DescribeConfigs, AclOperation.AlterConfigs,
    ];

    private static readonly AclOperation[] Group = [AclOperation.Read, AclOperation.Delete, AclOperation.Describe];

    private static readonly AclOperation[] Cluster =
    [
        AclOperation.Create, AclOperation.Alter, AclOperation.Describe, AclOperation.ClusterAction, AclOperation.DescribeConfigs,
        AclOperation.AlterConfigs, AclOperation.IdempotentWrite,
    ];

    /// <exception cref="ArgumentOutOfRangeException">Nobody asks for the operations of such a resource.</exception>
    public static AclOperation[] Of(ResourceType type) => type switch
    {
        ResourceType.Topic => Topic,
        ResourceType.Group => Group,
        ResourceType.Cluster => Cluster,
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, "the protocol has no authorized operations for it"),
    };
}
