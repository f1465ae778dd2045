using PipeRoll.Broker.Groups;
using PipeRoll.Broker.Security;
using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Handlers;

/// <summary>ListGroups (16): all groups of this coordinator, filtered by state (KIP-518) and type (KIP-848), whatever their case.</summary>
internal sealed class ListGroupsHandler(GroupCoordinator groups) : Handler<ListGroupsRequest, ListGroupsResponse>
{
    public override ValueTask<ListGroupsResponse> HandleAsync(ListGroupsRequest request, RequestContext context)
    {
        (KafkaError error, IReadOnlyList<ListedGroup> listed) = groups.List();
        ListGroupsResponse response = new() { ErrorCode = (short)error };
        bool maySeeAll = context.MaySee(AclOperation.Describe, ResourceType.Cluster, AclNames.Cluster);
        foreach (ListedGroup group in listed)
        {
            if (!maySeeAll && !context.MaySee(AclOperation.Describe, ResourceType.Group, group.GroupId))
            {
                continue;
            }

            bool isWanted = Allows(request.StatesFilter, group.State) && Allows(request.TypesFilter, group.Type);
            if (isWanted)
            {
                response.Groups.Add(new ListGroupsResponse.ListedGroup
                {
                    GroupId = group.GroupId,
                    ProtocolType = group.ProtocolType,
                    GroupState = group.State,
                    GroupType = group.Type,
                });
            }
        }

        return ValueTask.FromResult(response);
    }

    private static bool Allows(List<string> filter, string word) =>
        filter.Count == 0 || filter.Contains(word, StringComparer.OrdinalIgnoreCase);
}
