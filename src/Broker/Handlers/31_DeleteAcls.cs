using PipeRoll.Broker.Security;
using PipeRoll.Streams.Metadata;
using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Handlers;

/// <summary>DeleteAcls (31): takes away the entries that filters match, and tells which. Needs to alter the cluster.</summary>
internal sealed class DeleteAclsHandler(BrokerSecurity security) : Handler<DeleteAclsRequest, DeleteAclsResponse>
{
    public override async ValueTask<DeleteAclsResponse> HandleAsync(DeleteAclsRequest request, RequestContext context)
    {
        (KafkaError Error, string? Message) all = !context.AllowsOnCluster(AclOperation.Alter)
            ? (KafkaError.ClusterAuthorizationFailed, "not allowed to alter the cluster")
            : security.Directory.HasCatalog ? (KafkaError.None, null)
            : (KafkaError.SecurityDisabled, "this broker has no place to keep entries in");
        var response = new DeleteAclsResponse { FilterResults = new(request.Filters.Count) };
        foreach (DeleteAclsRequest.DeleteAclsFilter asked in request.Filters)
        {
            var filter = new AclFilter(
                (ResourceType)asked.ResourceTypeFilter, asked.ResourceNameFilter, (PatternType)asked.PatternTypeFilter, asked.PrincipalFilter,
                asked.HostFilter, (AclOperation)asked.Operation, (AclPermission)asked.PermissionType);
            response.FilterResults.Add(all.Error != KafkaError.None ? Refused(all.Error, all.Message)
                : filter.Problem is { } problem ? Refused(KafkaError.InvalidRequest, $"The filter can't be used: {problem}.")
                : await DeleteAsync(filter, context));
        }

        return response;
    }

    private async ValueTask<DeleteAclsResponse.DeleteAclsFilterResult> DeleteAsync(AclFilter filter, RequestContext context)
    {
        List<AclEntry> matching = [.. security.Directory.Current.Acls.All.Where(entry => filter.Matches(entry))];
        try
        {
            if (matching.Count > 0)
            {
                await security.Directory.DeleteAclsAsync(context.Client.Principal, matching, CancellationToken.None);
            }
        }
        catch (MetadataUnavailableException)
        {
            return Refused(KafkaError.RequestTimedOut, "the metadata database does not answer: try again");
        }

        foreach (AclEntry entry in matching)
        {
            security.Audit.Changed(
                context.Client, "DeleteAcls", entry.Type.ToString(), entry.Name, "took away the entry: " + CreateAclsHandler.Describe(entry));
        }

        return new DeleteAclsResponse.DeleteAclsFilterResult
        {
            MatchingAcls = [.. matching.Select(static entry => new DeleteAclsResponse.DeleteAclsMatchingAcl
            {
                ResourceType = (sbyte)entry.Type,
                ResourceName = entry.Name,
                PatternType = (sbyte)entry.Pattern,
                Principal = entry.Principal,
                Host = entry.Host,
                Operation = (sbyte)entry.Operation,
                PermissionType = (sbyte)entry.Permission,
            })],
        };
    }

    private static DeleteAclsResponse.DeleteAclsFilterResult Refused(KafkaError error, string? message) =>
        new() { ErrorCode = (short)error, ErrorMessage = message, MatchingAcls = [] };
}
