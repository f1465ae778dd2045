using PipeRoll.Broker.Groups;
using PipeRoll.Broker.Security;
using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Handlers;

/// <summary>
/// LeaveGroup (13): takes members out of their group at once, so that the others need not wait for their sessions.
/// </summary>
/// <remarks>
/// Before version 3 one member, whose error is the answer's; from then on many, each with its own, and administrators
/// may name static members by instance id alone (KIP-345).
/// </remarks>
internal sealed class LeaveGroupHandler(GroupCoordinator groups) : Handler<LeaveGroupRequest, LeaveGroupResponse>
{
    public override ValueTask<LeaveGroupResponse> HandleAsync(LeaveGroupRequest request, RequestContext context)
    {
        if (!context.Allows(AclOperation.Read, ResourceType.Group, request.GroupId))
        {
            return ValueTask.FromResult(new LeaveGroupResponse { ErrorCode = (short)KafkaError.GroupAuthorizationFailed });
        }

        bool isBatch = context.Version >= 3;
        LeavingMember[] leaving = isBatch
            ? [.. request.Members.Select(static member => new LeavingMember(member.MemberId, member.GroupInstanceId))]
            : [new LeavingMember(request.MemberId, null)];
        (KafkaError error, IReadOnlyList<KafkaError> members) = groups.Leave(request.GroupId, leaving);
        LeaveGroupResponse response = new() { ErrorCode = (short)error };
        if (!isBatch)
        {
            response.ErrorCode = (short)(error == KafkaError.None ? members[0] : error);
            return ValueTask.FromResult(response);
        }

        for (int index = 0; index < members.Count; index++)
        {
            response.Members.Add(new LeaveGroupResponse.MemberResponse
            {
                MemberId = leaving[index].MemberId,
                GroupInstanceId = leaving[index].InstanceId,
                ErrorCode = (short)members[index],
            });
        }

        return ValueTask.FromResult(response);
    }
}
