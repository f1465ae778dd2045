using PipeRoll.Broker.Security;
using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Handlers;

/// <summary>DescribeAcls (29): the access control entries that a filter matches. Needs to describe the cluster.</summary>
internal sealed class DescribeAclsHandler(BrokerSecurity security) : Handler<DescribeAclsRequest, DescribeAclsResponse>
{
    public override ValueTask<DescribeAclsResponse> HandleAsync(DescribeAclsRequest request, RequestContext context)
    {
        if (!context.AllowsOnCluster(AclOperation.Describe))
        {
            return Refuse(KafkaError.ClusterAuthorizationFailed, "not allowed to describe the cluster");
        }

        if (!security.Directory.HasCatalog)
        {
            return Refuse(KafkaError.SecurityDisabled, "this broker has no place to keep entries in");
        }

        var filter = new AclFilter(
            (ResourceType)request.ResourceTypeFilter, request.ResourceNameFilter, (PatternType)request.PatternTypeFilter,
            request.PrincipalFilter, request.HostFilter, (AclOperation)request.Operation, (AclPermission)request.PermissionType);
        if (filter.Problem is { } problem)
        {
            return Refuse(KafkaError.InvalidRequest, $"The filter can't be used: {problem}.");
        }

        return ValueTask.FromResult(new DescribeAclsResponse
        {
            Resources =
            [
                .. security.Directory.Current.Acls.All.Where(entry => filter.Matches(entry))
                    .GroupBy(static entry => (entry.Type, entry.Name, entry.Pattern))
                    .Select(static resource => new DescribeAclsResponse.DescribeAclsResource
                    {
                        ResourceType = (sbyte)resource.Key.Type,
                        ResourceName = resource.Key.Name,
                        PatternType = (sbyte)resource.Key.Pattern,
                        Acls = [.. resource.Select(static entry => new DescribeAclsResponse.AclDescription
                        {
                            Principal = entry.Principal,
                            Host = entry.Host,
                            Operation = (sbyte)entry.Operation,
                            PermissionType = (sbyte)entry.Permission,
                        })],
                    }),
            ],
        });
    }

    private static ValueTask<DescribeAclsResponse> Refuse(KafkaError error, string message) =>
        ValueTask.FromResult(new DescribeAclsResponse { ErrorCode = (short)error, ErrorMessage = message, Resources = [] });
}
