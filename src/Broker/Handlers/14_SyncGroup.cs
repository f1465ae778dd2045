using PipeRoll.Broker.Groups;
using PipeRoll.Broker.Security;
using PipeRoll.Foundation.Scheduling;
using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Handlers;

/// <summary>
/// SyncGroup (14): the leader hands in the assignment, everyone gets their part once it is durable.
/// </summary>
/// <remarks>Version 5 on must name protocol type and protocol, which are checked (KIP-559).</remarks>
internal sealed class SyncGroupHandler(GroupCoordinator groups) : Handler<SyncGroupRequest, SyncGroupResponse>
{
    public override async ValueTask<SyncGroupResponse> HandleAsync(SyncGroupRequest request, RequestContext context)
    {
        if (!context.Allows(AclOperation.Read, ResourceType.Group, request.GroupId))
        {
            return new SyncGroupResponse { ErrorCode = (short)KafkaError.GroupAuthorizationFailed };
        }

        if (context.Version >= 5 && (request.ProtocolType is null || request.ProtocolName is null))
        {
            return new SyncGroupResponse { ErrorCode = (short)KafkaError.InconsistentGroupProtocol };
        }

        Dictionary<string, ReadOnlyMemory<byte>> assignments = new(request.Assignments.Count, StringComparer.Ordinal);
        foreach (SyncGroupRequest.SyncGroupRequestAssignment assignment in request.Assignments)
        {
            assignments[assignment.MemberId] = assignment.Assignment;
        }

        SyncCall call = new(
            request.MemberId, request.GroupInstanceId, request.GenerationId, request.ProtocolType, request.ProtocolName, assignments);
        SyncResult result = await groups.SyncAsync(request.GroupId, call).Follow().WaitAsync(context.Cancellation);
        return new SyncGroupResponse
        {
            ErrorCode = (short)result.Error,
            ProtocolType = result.ProtocolType,
            ProtocolName = result.ProtocolName,
            Assignment = result.Assignment,
        };
    }
}
