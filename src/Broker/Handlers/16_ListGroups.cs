using PipeRoll.Broker.Groups;
using PipeRoll.Broker.Security;
using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Handlers;

/// <summary>ListGroups (16): all groups of this coordinator, filtered by state (KIP-518) and type (KIP-848), whatever their case.</summary>
internal sealed class ListGroupsHandler(GroupCoordinator groups) : Handler<ListGroupsRequest, ListGroupsResponse>
{
    private const string ClassicType = "classic";

    public override ValueTask<ListGroupsResponse> HandleAsync(ListGroupsRequest request, RequestContext context)
    {
        (KafkaError error, IReadOnlyList<ListedGroup> listed) = groups.List();
        ListGroupsResponse response = new() { ErrorCode = (short)error };
        if (request.TypesFilter.Count > 0 && !request.TypesFilter.Contains(ClassicType, StringComparer.OrdinalIgnoreCase))
        {
            return ValueTask.FromResult(response);
        }

        bool maySeeAll = context.MaySee(AclOperation.Describe, ResourceType.Cluster, AclNames.Cluster);
        foreach (ListedGroup group in listed)
        {
            if (!maySeeAll && !context.MaySee(AclOperation.Describe, ResourceType.Group, group.GroupId))
            {
                continue;
            }

            string state = group.Phase.ToString();
            if (request.StatesFilter.Count == 0 || request.StatesFilter.Contains(state, StringComparer.OrdinalIgnoreCase))
            {
                response.Groups.Add(new ListGroupsResponse.ListedGroup
                {
                    GroupId = group.GroupId,
                    ProtocolType = group.ProtocolType,
                    GroupState = state,
                    GroupType = ClassicType,
                });
            }
        }

        return ValueTask.FromResult(response);
    }
}
