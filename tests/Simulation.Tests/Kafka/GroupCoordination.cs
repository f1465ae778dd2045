using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Simulation.Kafka;

/// <summary>The requests that a member of a group sends to its coordinator, each answered with an error code alone or what matters.</summary>
/// <remarks>Owner: one member. No answer is told as NETWORK_EXCEPTION, and the coordinator looked for anew.</remarks>
internal sealed class GroupCoordination(KafkaClient client, string group)
{
    private const int Lane = 1;
    private const string ProtocolType = "simulation";
    private const string ProtocolName = "spread";
    private int _coordinator = -1;

    public const int SessionTimeoutMs = 3000;
    public const int RebalanceTimeoutMs = 4000;

    public void Forget() => _coordinator = -1;

    public async Task<bool> FindAsync()
    {
        if (_coordinator >= 0)
        {
            return true;
        }

        FindCoordinatorResponse answer = await client.CallAnyAsync<FindCoordinatorRequest, FindCoordinatorResponse>(
            new FindCoordinatorRequest { Key = group, KeyType = 0, CoordinatorKeys = [] }, 2);
        if (answer.ErrorCode != 0)
        {
            Retriable.Require((KafkaError)answer.ErrorCode, "FindCoordinator");
            return false;
        }

        client.Know(answer.NodeId, answer.Host, answer.Port);
        _coordinator = answer.NodeId;
        return true;
    }

    public async Task<JoinGroupResponse?> JoinAsync(string memberId)
    {
        var request = new JoinGroupRequest
        {
            GroupId = group,
            SessionTimeoutMs = SessionTimeoutMs,
            RebalanceTimeoutMs = RebalanceTimeoutMs,
            MemberId = memberId,
            ProtocolType = ProtocolType,
            Protocols = [new() { Name = ProtocolName, Metadata = new byte[] { 1 } }],
        };
        return await CallAsync<JoinGroupRequest, JoinGroupResponse>(request, 5, RebalanceTimeoutMs + KafkaClient.RequestTimeoutMs);
    }

    public Task<SyncGroupResponse?> SyncAsync(string memberId, int generation, IReadOnlyList<(string Member, byte[] Assignment)> assignments) =>
        CallAsync<SyncGroupRequest, SyncGroupResponse>(new SyncGroupRequest
        {
            GroupId = group,
            GenerationId = generation,
            MemberId = memberId,
            Assignments = [.. assignments.Select(static one => new SyncGroupRequest.SyncGroupRequestAssignment
            {
                MemberId = one.Member,
                Assignment = one.Assignment,
            })],
        }, 3);

    public async Task<KafkaError> HeartbeatAsync(string memberId, int generation)
    {
        HeartbeatResponse? answer = await CallAsync<HeartbeatRequest, HeartbeatResponse>(
            new HeartbeatRequest { GroupId = group, GenerationId = generation, MemberId = memberId }, 3);
        return answer is null ? KafkaError.NetworkException : (KafkaError)answer.ErrorCode;
    }

    public async Task<KafkaError> CommitAsync(string memberId, int generation, CommitAttempt commit, short version = 7)
    {
        var request = new OffsetCommitRequest
        {
            GroupId = group,
            GenerationIdOrMemberEpoch = generation,
            MemberId = memberId,
            Topics =
            [
                new()
                {
                    Name = client.Topic,
                    Partitions =
                    [
                        new() { PartitionIndex = commit.Partition, CommittedOffset = commit.Offset, CommittedLeaderEpoch = commit.LeaderEpoch, CommittedMetadata = commit.Note },
                    ],
                },
            ],
        };
        OffsetCommitResponse? answer = await CallAsync<OffsetCommitRequest, OffsetCommitResponse>(request, version);
        return answer is null ? KafkaError.NetworkException : (KafkaError)answer.Topics[0].Partitions[0].ErrorCode;
    }

    /// <returns>Null when it can't be told now.</returns>
    public async Task<FetchedCommit?> FetchAsync(int partition)
    {
        var request = new OffsetFetchRequest
        {
            GroupId = group,
            Topics = [new() { Name = client.Topic, PartitionIndexes = [partition] }],
            Groups = [],
            RequireStable = false,
        };
        OffsetFetchResponse? answer = await CallAsync<OffsetFetchRequest, OffsetFetchResponse>(request, 6);
        KafkaError error = answer is null ? KafkaError.NetworkException
            : answer.ErrorCode != 0 ? (KafkaError)answer.ErrorCode
            : (KafkaError)answer.Topics[0].Partitions[0].ErrorCode;
        if (error != KafkaError.None)
        {
            Retriable.Require(error, "OffsetFetch");
            Forget();
            return null;
        }

        OffsetFetchResponse.OffsetFetchResponsePartition found = answer!.Topics[0].Partitions[0];
        return new FetchedCommit(found.CommittedOffset, found.CommittedLeaderEpoch, found.Metadata ?? "");
    }

    public Task<LeaveGroupResponse?> LeaveAsync(string memberId) => CallAsync<LeaveGroupRequest, LeaveGroupResponse>(
        new LeaveGroupRequest { GroupId = group, MemberId = "", Members = [new() { MemberId = memberId }] }, 3);

    /// <returns>Null when there was no answer.</returns>
    public async Task<TResponse?> CallAsync<TRequest, TResponse>(TRequest request, short version, int timeoutMs = KafkaClient.RequestTimeoutMs)
        where TRequest : class, IKafkaRequest, IKafkaMessage<TRequest>
        where TResponse : class, IKafkaResponse, IKafkaMessage<TResponse>
    {
        TResponse? answer = await client.CallAsync<TRequest, TResponse>(_coordinator, request, version, Lane, timeoutMs);
        if (answer is null)
        {
            Forget();
        }

        return answer;
    }
}
