using PipeRoll.Broker.Groups;
using PipeRoll.Broker.Groups.Offsets;
using PipeRoll.Broker.Security;
using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Handlers;

/// <summary>DeleteGroups (42): deletes empty groups with their offsets (KIP-229). Answered when that is durable.</summary>
internal sealed class DeleteGroupsHandler(GroupCoordinator groups) : Handler<DeleteGroupsRequest, DeleteGroupsResponse>
{
    public override async ValueTask<DeleteGroupsResponse> HandleAsync(DeleteGroupsRequest request, RequestContext context)
    {
        Committer by = new(context.Client.Principal, context.ClientId ?? "");
        string[] groupIds = [.. request.GroupsNames.Distinct(StringComparer.Ordinal)];
        DeleteGroupsResponse response = new() { Results = new(groupIds.Length) };
        foreach (string groupId in groupIds)
        {
            response.Results.Add(new DeleteGroupsResponse.DeletableGroupResult
            {
                GroupId = groupId,
                ErrorCode = (short)(context.Allows(AclOperation.Delete, ResourceType.Group, groupId)
                    ? await groups.DeleteAsync(groupId, by)
                    : KafkaError.GroupAuthorizationFailed),
            });
        }

        return response;
    }
}
