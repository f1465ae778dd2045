using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Client;

/// <summary>Who commits, as the coordinator knows him: what fences those that the group has gone on without (KIP-447).</summary>
public readonly record struct GroupIdentity(string Group, int Generation, string MemberId, string? InstanceId);

/// <summary>How a member takes part in its group.</summary>
/// <param name="StallTimeoutMs">
/// How long the owner may go without <see cref="GroupMember.Touch"/> before the member leaves by itself; and how long the group waits for it to join again.
/// </param>
/// <param name="InstanceId">Makes the member a static one (KIP-345); null for an ordinary one.</param>
public sealed record GroupOptions(string Group, string Topic, int SessionTimeoutMs, int StallTimeoutMs, string? InstanceId)
{
    public int HeartbeatMs => Math.Max(100, SessionTimeoutMs / 10);
}

/// <summary>
/// A member of a classic consumer group, subscribed to one topic. It gives everything back before each round of joining (the eager protocol).
/// </summary>
/// <remarks>
/// Owner: its creator; one call at a time. Heartbeats go on by themselves between <see cref="JoinAsync"/> and <see cref="StopAsync"/>, whatever the owner
/// does meanwhile. Failure: <see cref="ClientException"/>; the member may join again, except after one that is not retriable.
/// </remarks>
public sealed class GroupMember(KafkaCluster cluster, GroupOptions options) : IAsyncDisposable
{
    private CancellationTokenSource? _stopBeating;
    private Task _beating = Task.CompletedTask;
    private string _memberId = "";
    private int _generation = -1;
    private volatile bool _isRebalancing;
    private volatile bool _isLost;
    private volatile ClientException? _fatal;
    private long _touchedAt;

    /// <summary>The group wants to share out anew: commit, and join again.</summary>
    public bool IsRebalancing => _isRebalancing || _isLost;

    /// <summary>The group has gone on without this member, or may have: what is not committed never will be.</summary>
    public bool IsLost => _isLost;

    public GroupIdentity Identity => new(options.Group, _generation, _memberId, options.InstanceId);

    /// <summary>The owner is at work. Heartbeats alone would keep the partitions of one that hangs.</summary>
    public void Touch() => Volatile.Write(ref _touchedAt, Environment.TickCount64);

    /// <summary>After this, there is no way back in: somebody else has the instance id, or the right was taken away.</summary>
    public void ThrowIfFatal()
    {
        if (_fatal is { } fatal)
        {
            throw fatal;
        }
    }

    /// <summary>Takes part in a round of joining, and in as many more as follow at once.</summary>
    /// <returns>The partitions that are this member's now.</returns>
    public async Task<IReadOnlyList<int>> JoinAsync(CancellationToken cancellation)
    {
        await StopAsync();
        for (int tries = 1; ; tries++)
        {
            try
            {
                if (await TryJoinAsync(cancellation) is { } assigned)
                {
                    (_isRebalancing, _isLost) = (false, false);
                    Touch();
                    _stopBeating = new CancellationTokenSource();
                    _beating = BeatAsync(_stopBeating.Token);
                    return assigned;
                }

                tries = 0;
            }
            catch (ClientException error) when (error.IsRetriable)
            {
                cluster.ForgetCoordinator(KafkaCluster.GroupKey, options.Group);
                await cluster.PauseAsync(tries, error, cancellation);
            }
        }
    }

    /// <summary>Ends the heartbeats; the group goes on without this member after the session timeout, unless it joins again.</summary>
    public async Task StopAsync()
    {
        if (_stopBeating is { } stop)
        {
            _stopBeating = null;
            await stop.CancelAsync();
            await _beating;
            stop.Dispose();
        }
    }

    /// <summary>
    /// Leaves, so that nobody waits for the session timeout. A static member stays: whoever comes back under its name goes on where it was.
    /// </summary>
    public async Task LeaveAsync(CancellationToken cancellation)
    {
        await StopAsync();
        if (options.InstanceId is null)
        {
            await SendLeaveAsync(cancellation);
        }
    }

    /// <summary>
    /// The group's committed offsets, null for none. Those that a transaction under way is about to change are waited for (KIP-447).
    /// </summary>
    public async Task<IReadOnlyDictionary<int, long?>> CommittedAsync(IReadOnlyList<int> partitions, CancellationToken cancellation)
    {
        long giveUpAt = Environment.TickCount64 + options.StallTimeoutMs;
        return await cluster.RetryAsync(
            async () =>
            {
                try
                {
                    return await FetchCommittedAsync(partitions, cancellation);
                }
                catch (ClientException error) when (error.IsRetriable && error.Error != KafkaError.UnstableOffsetCommit)
                {
                    cluster.ForgetCoordinator(KafkaCluster.GroupKey, options.Group);
                    throw;
                }
            },
            giveUpAt,
            cancellation);
    }

    public async ValueTask DisposeAsync() => await StopAsync();

    private Task<BrokerLink> CoordinatorAsync(CancellationToken cancellation) =>
        cluster.CoordinatorAsync(KafkaCluster.GroupKey, options.Group, LinkUse.Group, cancellation);

    /// <summary>Null if the round came to nothing and another begins.</summary>
    private async Task<IReadOnlyList<int>?> TryJoinAsync(CancellationToken cancellation)
    {
        BrokerLink link = await CoordinatorAsync(cancellation);
        short version = link.Version(ApiKey.JoinGroup, 5);
        var request = new JoinGroupRequest
        {
            GroupId = options.Group,
            SessionTimeoutMs = options.SessionTimeoutMs,
            RebalanceTimeoutMs = options.StallTimeoutMs,
            MemberId = _memberId,
            GroupInstanceId = options.InstanceId,
            ProtocolType = "consumer",
            Protocols = [new JoinGroupRequest.JoinGroupRequestProtocol { Name = RangeAssignor.Name, Metadata = RangeAssignor.Subscription(options.Topic) }],
        };
        JoinGroupResponse joined = await link.CallAsync<JoinGroupRequest, JoinGroupResponse>(
            request, version, TimeSpan.FromMilliseconds(options.StallTimeoutMs) + KafkaCluster.CallTimeout, cancellation);
        switch ((KafkaError)joined.ErrorCode)
        {
            case KafkaError.MemberIdRequired:
                _memberId = joined.MemberId;
                return null;
            case KafkaError.UnknownMemberId:
                _memberId = "";
                return null;
            case KafkaError.RebalanceInProgress:
                return null;
        }

        ClientException.ThrowOn(joined.ErrorCode, $"group {options.Group} does not take this member");
        (_memberId, _generation) = (joined.MemberId, joined.GenerationId);
        return await SyncAsync(link, joined, cancellation);
    }

    private async Task<IReadOnlyList<int>?> SyncAsync(BrokerLink link, JoinGroupResponse joined, CancellationToken cancellation)
    {
        var request = new SyncGroupRequest
        {
            GroupId = options.Group,
            GenerationId = joined.GenerationId,
            MemberId = joined.MemberId,
            GroupInstanceId = options.InstanceId,
            ProtocolType = "consumer",
            ProtocolName = RangeAssignor.Name,
        };
        if (joined.Leader == joined.MemberId)
        {
            request.Assignments.AddRange(
                (await RangeAssignor.AssignAsync(joined.Members, topic => cluster.PartitionsAsync(topic, cancellation)))
                .Select(static each => new SyncGroupRequest.SyncGroupRequestAssignment { MemberId = each.Key, Assignment = each.Value }));
        }

        SyncGroupResponse synced = await link.CallAsync<SyncGroupRequest, SyncGroupResponse>(
            request, link.Version(ApiKey.SyncGroup, 3), TimeSpan.FromMilliseconds(options.StallTimeoutMs) + KafkaCluster.CallTimeout, cancellation);
        switch ((KafkaError)synced.ErrorCode)
        {
            case KafkaError.RebalanceInProgress or KafkaError.IllegalGeneration:
                return null;
            case KafkaError.UnknownMemberId:
                _memberId = "";
                return null;
        }

        ClientException.ThrowOn(synced.ErrorCode, $"group {options.Group} does not share out");
        return RangeAssignor.Partitions(synced.Assignment, options.Topic);
    }

    private async Task SendLeaveAsync(CancellationToken cancellation)
    {
        if (_memberId.Length == 0)
        {
            return;
        }

        BrokerLink link = await CoordinatorAsync(cancellation);
        short version = link.Version(ApiKey.LeaveGroup, 4);
        var request = new LeaveGroupRequest
        {
            GroupId = options.Group,
            MemberId = _memberId,
            Members = [new LeaveGroupRequest.MemberIdentity { MemberId = _memberId, GroupInstanceId = options.InstanceId }],
        };
        await link.CallAsync<LeaveGroupRequest, LeaveGroupResponse>(request, version, KafkaCluster.CallTimeout, cancellation);
        _memberId = "";
    }

    private async Task BeatAsync(CancellationToken stop)
    {
        long heard = Environment.TickCount64;
        while (!stop.IsCancellationRequested && !_isLost)
        {
            try
            {
                await Task.Delay(options.HeartbeatMs, stop);
                if (Environment.TickCount64 - Volatile.Read(ref _touchedAt) > options.StallTimeoutMs)
                {
                    _isLost = true;
                    await SendLeaveAsync(stop);
                    return;
                }

                heard = await BeatOnceAsync(stop) ? Environment.TickCount64 : heard;
            }
            catch (ClientException error) when (error.IsRetriable)
            {
                cluster.ForgetCoordinator(KafkaCluster.GroupKey, options.Group);
            }
            catch (ClientException error)
            {
                (_fatal, _isLost) = (error, true);
            }
            catch (OperationCanceledException)
            {
                return;
            }

            // Whoever has not been heard for so long may be counted out already.
            _isLost |= Environment.TickCount64 - heard > options.SessionTimeoutMs;
        }
    }

    private async Task<bool> BeatOnceAsync(CancellationToken stop)
    {
        BrokerLink link = await CoordinatorAsync(stop);
        var request = new HeartbeatRequest
        {
            GroupId = options.Group,
            GenerationId = _generation,
            MemberId = _memberId,
            GroupInstanceId = options.InstanceId,
        };
        HeartbeatResponse answer = await link.CallAsync<HeartbeatRequest, HeartbeatResponse>(
            request, link.Version(ApiKey.Heartbeat, 3), TimeSpan.FromMilliseconds(Math.Max(1_000, options.SessionTimeoutMs / 2)), stop);
        switch ((KafkaError)answer.ErrorCode)
        {
            case KafkaError.None:
                return true;
            case KafkaError.RebalanceInProgress:
                _isRebalancing = true;
                return true;
            case KafkaError.IllegalGeneration:
                _isLost = true;
                return false;
            case KafkaError.UnknownMemberId:
                _memberId = "";
                _isLost = true;
                return false;
            default:
                throw new ClientException($"group {options.Group} does not know this member any more", (KafkaError)answer.ErrorCode);
        }
    }

    private async Task<IReadOnlyDictionary<int, long?>> FetchCommittedAsync(IReadOnlyList<int> partitions, CancellationToken cancellation)
    {
        BrokerLink link = await CoordinatorAsync(cancellation);
        short version = link.Version(ApiKey.OffsetFetch, 7);
        var request = new OffsetFetchRequest
        {
            GroupId = options.Group,
            RequireStable = true,
            Topics = [new OffsetFetchRequest.OffsetFetchRequestTopic { Name = options.Topic, PartitionIndexes = [.. partitions] }],
        };
        OffsetFetchResponse answer = await link.CallAsync<OffsetFetchRequest, OffsetFetchResponse>(request, version, KafkaCluster.CallTimeout, cancellation);
        ClientException.ThrowOn(answer.ErrorCode, $"the offsets of group {options.Group}");
        Dictionary<int, long?> committed = partitions.ToDictionary(static partition => partition, static _ => (long?)null);
        foreach (OffsetFetchResponse.OffsetFetchResponsePartition each in answer.Topics.SelectMany(static topic => topic.Partitions))
        {
            ClientException.ThrowOn(each.ErrorCode, $"the offset of {options.Topic}/{each.PartitionIndex}");
            committed[each.PartitionIndex] = each.CommittedOffset >= 0 ? each.CommittedOffset : null;
        }

        return committed;
    }
}
