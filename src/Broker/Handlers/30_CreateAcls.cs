using PipeRoll.Broker.Security;
using PipeRoll.Streams.Metadata;
using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Handlers;

/// <summary>
/// CreateAcls (30): adds access control entries; what is wrong with one does not touch the others. Needs to alter the cluster.
/// </summary>
/// <remarks>Entries may be made before anybody is defined: they take effect when security does.</remarks>
internal sealed class CreateAclsHandler(BrokerSecurity security) : Handler<CreateAclsRequest, CreateAclsResponse>
{
    public override async ValueTask<CreateAclsResponse> HandleAsync(CreateAclsRequest request, RequestContext context)
    {
        (KafkaError Error, string? Message) all = !context.AllowsOnCluster(AclOperation.Alter)
            ? (KafkaError.ClusterAuthorizationFailed, "not allowed to alter the cluster")
            : security.Directory.HasCatalog ? (KafkaError.None, null)
            : (KafkaError.SecurityDisabled, "this broker has no place to keep entries in");
        List<(KafkaError Error, string? Message)> results = [];
        List<AclEntry> good = [];
        foreach (CreateAclsRequest.AclCreation creation in request.Creations)
        {
            var entry = new AclEntry(
                (ResourceType)creation.ResourceType, creation.ResourceName, (PatternType)creation.ResourcePatternType, creation.Principal,
                creation.Host, (AclOperation)creation.Operation, (AclPermission)creation.PermissionType);
            string? problem = all.Error == KafkaError.None ? Problem(entry) : null;
            results.Add(problem is null ? all : (KafkaError.InvalidRequest, problem));
            if (problem is null && all.Error == KafkaError.None)
            {
                good.Add(entry);
            }
        }

        if (good.Count > 0 && await TryAsync(context, good) is { } failure)
        {
            results = [.. results.Select(result => result.Error == KafkaError.None ? failure : result)];
        }

        return new CreateAclsResponse
        {
            Results = [.. results.Select(static result => new CreateAclsResponse.AclCreationResult
            {
                ErrorCode = (short)result.Error,
                ErrorMessage = result.Message,
            })],
        };
    }

    private async ValueTask<(KafkaError Error, string? Message)?> TryAsync(RequestContext context, List<AclEntry> entries)
    {
        try
        {
            await security.Directory.CreateAclsAsync(context.Client.Principal, entries, CancellationToken.None);
        }
        catch (MetadataUnavailableException)
        {
            return (KafkaError.RequestTimedOut, "the metadata database does not answer: try again");
        }

        foreach (AclEntry entry in entries)
        {
            security.Audit.Changed(context.Client, "CreateAcls", entry.Type.ToString(), entry.Name, "made the entry: " + Describe(entry));
        }

        return null;
    }

    /// <summary>An entry in words, for the audit.</summary>
    internal static string Describe(AclEntry entry) =>
        $"{entry.Permission} {entry.Principal} from {entry.Host} to {entry.Operation} {entry.Type} {entry.Pattern} '{entry.Name}'";

    private static string? Problem(AclEntry entry) =>
        !Enum.IsDefined(entry.Type) || entry.Type <= ResourceType.Any ? "The resource type must be one that there is."
        : entry.Pattern is not (PatternType.Literal or PatternType.Prefixed) ? "The pattern type must be LITERAL or PREFIXED."
        : !Enum.IsDefined(entry.Operation) || entry.Operation <= AclOperation.Any ? "The operation must be one that there is."
        : entry.Permission is not (AclPermission.Allow or AclPermission.Deny) ? "The permission must be ALLOW or DENY."
        : entry.Name.Length == 0 ? "The name of the resource is empty."
        : entry.Type == ResourceType.Cluster && entry.Name != AclNames.Cluster ? $"The only cluster is called '{AclNames.Cluster}'."
        : entry.Principal.IndexOf(':', StringComparison.Ordinal) <= 0 ? $"'{entry.Principal}' is no principal: write its type too, such as User:alice."
        : entry.Host.Length == 0 ? "The host is empty: '*' is every host."
        : null;
}
