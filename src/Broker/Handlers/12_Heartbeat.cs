using PipeRoll.Broker.Groups;
using PipeRoll.Broker.Security;
using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Handlers;

/// <summary>Heartbeat (12): keeps a member's session alive; REBALANCE_IN_PROGRESS tells it to join again.</summary>
/// <remarks>While the group is being loaded, every heartbeat is well: no session runs then.</remarks>
internal sealed class HeartbeatHandler(GroupCoordinator groups) : Handler<HeartbeatRequest, HeartbeatResponse>
{
    public override ValueTask<HeartbeatResponse> HandleAsync(HeartbeatRequest request, RequestContext context) =>
        ValueTask.FromResult(new HeartbeatResponse
        {
            ErrorCode = (short)(context.Allows(AclOperation.Read, ResourceType.Group, request.GroupId)
                ? groups.Heartbeat(request.GroupId, request.MemberId, request.GroupInstanceId, request.GenerationId)
                : KafkaError.GroupAuthorizationFailed),
        });
}
