using PipeRoll.Broker.Groups;
using PipeRoll.Broker.Security;
using PipeRoll.Foundation.Scheduling;
using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Handlers;

/// <summary>
/// JoinGroup (11): joins a classic group and waits for the generation; the leader gets the list of members.
/// </summary>
/// <remarks>
/// Version 4 on, a new dynamic member first only gets its id (KIP-394); version 5 has static members (KIP-345); version
/// 9 tells a leader of a stable group that there is nothing to assign (KIP-814). Version 0 has no rebalance timeout: the
/// session's counts.
/// </remarks>
internal sealed class JoinGroupHandler(GroupCoordinator groups) : Handler<JoinGroupRequest, JoinGroupResponse>
{
    public override async ValueTask<JoinGroupResponse> HandleAsync(JoinGroupRequest request, RequestContext context)
    {
        if (!context.Allows(AclOperation.Read, ResourceType.Group, request.GroupId))
        {
            return new JoinGroupResponse
            {
                ErrorCode = (short)KafkaError.GroupAuthorizationFailed,
                GenerationId = -1,
                ProtocolName = context.Version >= 7 ? null : "",
                Leader = "",
                MemberId = request.MemberId,
                Members = [],
            };
        }

        JoinCall call = new(
            request.MemberId,
            request.GroupInstanceId,
            RequireKnownMemberId: context.Version >= 4 && request.GroupInstanceId is null,
            SupportsSkippingAssignment: context.Version >= 9,
            context.ClientId ?? "",
            "/" + context.Client.RemoteAddress,
            request.RebalanceTimeoutMs < 0 ? request.SessionTimeoutMs : request.RebalanceTimeoutMs,
            request.SessionTimeoutMs,
            request.ProtocolType,
            [.. request.Protocols.Select(static protocol => new GroupProtocol(protocol.Name, protocol.Metadata))]);

        await groups.WhenLoadedAsync(request.GroupId, context.Cancellation);

        // Whoever is gone keeps its place in the group until its time is up, as in Kafka, but holds no request.
        JoinResult result = await groups.JoinAsync(request.GroupId, call).Follow().WaitAsync(context.Cancellation);
        return new JoinGroupResponse
        {
            ErrorCode = (short)result.Error,
            GenerationId = result.Generation,
            ProtocolType = result.ProtocolType,
            ProtocolName = context.Version >= 7 ? result.ProtocolName : result.ProtocolName ?? "",
            Leader = result.LeaderId,
            SkipAssignment = result.SkipAssignment,
            MemberId = result.MemberId,
            Members = [.. result.Members.Select(static member => new JoinGroupResponse.JoinGroupResponseMember
            {
                MemberId = member.MemberId,
                GroupInstanceId = member.InstanceId,
                Metadata = member.Metadata,
            })],
        };
    }
}
