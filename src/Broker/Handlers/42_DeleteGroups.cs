using PipeRoll.Broker.Groups;
using PipeRoll.Broker.Groups.Offsets;
using PipeRoll.Broker.Security;
using PipeRoll.Broker.Shares;
using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Handlers;

/// <summary>DeleteGroups (42): deletes empty groups with their offsets (KIP-229), or what a share group had consumed. Answered when that is durable.</summary>
internal sealed class DeleteGroupsHandler(GroupCoordinator groups, ShareBroker shares) : Handler<DeleteGroupsRequest, DeleteGroupsResponse>
{
    public override async ValueTask<DeleteGroupsResponse> HandleAsync(DeleteGroupsRequest request, RequestContext context)
    {
        Committer by = new(context.Client.Principal, context.ClientId ?? "");
        string[] groupIds = [.. request.GroupsNames.Distinct(StringComparer.Ordinal)];
        DeleteGroupsResponse response = new() { Results = new(groupIds.Length) };
        foreach (string groupId in groupIds)
        {
            KafkaError error = context.Allows(AclOperation.Delete, ResourceType.Group, groupId)
                ? await DeleteAsync(groupId, by, context.Cancellation)
                : KafkaError.GroupAuthorizationFailed;
            response.Results.Add(new DeleteGroupsResponse.DeletableGroupResult { GroupId = groupId, ErrorCode = (short)error });
        }

        return response;
    }

    private async Task<KafkaError> DeleteAsync(string groupId, Committer by, CancellationToken cancellation)
    {
        bool isShare = groups.DescribeShare(groupId).Group is not null;
        KafkaError error = await groups.DeleteAsync(groupId, by);
        return isShare && error == KafkaError.None ? await shares.ForgetGroupAsync(groupId, cancellation) : error;
    }
}
