using PipeRoll.Broker.Groups;
using PipeRoll.Broker.Security;
using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Handlers;

/// <summary>DescribeGroups (15): state, protocol and members of classic groups. One that does not exist is described as Dead.</summary>
internal sealed class DescribeGroupsHandler(GroupCoordinator groups) : Handler<DescribeGroupsRequest, DescribeGroupsResponse>
{
    public override ValueTask<DescribeGroupsResponse> HandleAsync(DescribeGroupsRequest request, RequestContext context)
    {
        DescribeGroupsResponse response = new() { Groups = new(request.Groups.Count) };
        foreach (string groupId in request.Groups)
        {
            if (!context.Allows(AclOperation.Describe, ResourceType.Group, groupId))
            {
                response.Groups.Add(new DescribeGroupsResponse.DescribedGroup
                {
                    GroupId = groupId,
                    ErrorCode = (short)KafkaError.GroupAuthorizationFailed,
                });
                continue;
            }

            DescribeGroupsResponse.DescribedGroup described = Describe(groupId, context.Version);
            if (request.IncludeAuthorizedOperations)
            {
                described.AuthorizedOperations = context.AuthorizedOperations(ResourceType.Group, groupId);
            }

            response.Groups.Add(described);
        }

        return ValueTask.FromResult(response);
    }

    private DescribeGroupsResponse.DescribedGroup Describe(string groupId, short version)
    {
        (KafkaError error, GroupDescription? group) = groups.Describe(groupId);
        if (error != KafkaError.None)
        {
            return new DescribeGroupsResponse.DescribedGroup { GroupId = groupId, ErrorCode = (short)error };
        }

        if (group is null)
        {
            // Version 6 on says what older clients have to guess from a dead group (KIP-1043).
            return new DescribeGroupsResponse.DescribedGroup
            {
                GroupId = groupId,
                GroupState = nameof(GroupPhase.Dead),
                ErrorCode = (short)(version >= 6 ? KafkaError.GroupIdNotFound : KafkaError.None),
                ErrorMessage = $"Group {groupId} is not a classic group.",
            };
        }

        return new DescribeGroupsResponse.DescribedGroup
        {
            GroupId = groupId,
            GroupState = group.Phase.ToString(),
            ProtocolType = group.ProtocolType,
            ProtocolData = group.ProtocolName,
            Members = [.. group.Members.Select(static member => new DescribeGroupsResponse.DescribedGroupMember
            {
                MemberId = member.MemberId,
                GroupInstanceId = member.InstanceId,
                ClientId = member.ClientId,
                ClientHost = member.ClientHost,
                MemberMetadata = member.Subscription,
                MemberAssignment = member.Assignment,
            })],
        };
    }
}
