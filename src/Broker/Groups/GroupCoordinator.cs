using System.Collections.Concurrent;
using System.Collections.Immutable;
using Microsoft.Extensions.Logging;
using PipeRoll.Broker.Groups.Consumer;
using PipeRoll.Broker.Groups.Offsets;
using PipeRoll.Broker.Groups.Share;
using PipeRoll.Wire;

namespace PipeRoll.Broker.Groups;

/// <param name="State">The word that describe calls use for it.</param>
/// <param name="Type">One of <see cref="GroupTypes"/>.</param>
internal sealed record ListedGroup(string GroupId, string ProtocolType, string State, string Type);

/// <summary>
/// All groups that this broker coordinates: those of the partitions of the offsets topic that it leads. Finds or makes the
/// group, answers while a partition is being loaded, lets go of it when another broker leads it, and removes what has expired.
/// </summary>
/// <remarks>
/// Owner: the broker, which disposes it before the partitions close. Any thread. Loads at start when the offsets topic
/// exists, else makes it when the first group is asked for; until a group's partition has been read to its end, requests
/// are told to come again. Background work ends before <see cref="DisposeAsync"/> does.
/// </remarks>
internal sealed partial class GroupCoordinator : IAsyncDisposable
{
    private const int LoadWaitMaxMs = 1_000;
    private const int LoadPollMs = 10;

    private readonly GroupServices _services;
    private readonly OffsetsLoader _loader;
    private readonly ConcurrentDictionary<string, GroupLoop> _groups = new(StringComparer.Ordinal);
    private readonly CancellationTokenSource _stopping = new();
    private readonly Lock _gate = new();
    private Task? _expiring;

    public GroupCoordinator(GroupServices services)
    {
        _services = services;
        _loader = new OffsetsLoader(services, new LoaderCallbacks(LoadedAsync, Unloaded), _stopping.Token);
    }

    public int GroupCount => _groups.Count;

    /// <summary>Loads the groups in the background if there are any, and starts to expire offsets.</summary>
    public void Start()
    {
        lock (_gate)
        {
            _expiring ??= ExpireLoopAsync();
        }

        _services.Log.TermChanged += _loader.TermChanged;
        if (_services.Log.IsReady)
        {
            _loader.Start();
        }
    }

    /// <summary>
    /// Whether this broker can serve the group now. NOT_COORDINATOR when another broker leads its partition;
    /// COORDINATOR_LOAD_IN_PROGRESS until that is loaded, which asking begins.
    /// </summary>
    public KafkaError Status(string groupId)
    {
        if (_stopping.IsCancellationRequested)
        {
            return KafkaError.CoordinatorNotAvailable;
        }

        return _loader.StateOf(groupId, out _) switch
        {
            LoadState.Loaded => KafkaError.None,
            LoadState.Loading => KafkaError.CoordinatorLoadInProgress,
            _ => KafkaError.NotCoordinator,
        };
    }

    /// <summary>
    /// Ends when the group's partition is loaded, or after a moment: a client that is told to come again sleeps longer
    /// than most loads take.
    /// </summary>
    public async Task WhenLoadedAsync(string groupId, CancellationToken cancellation)
    {
        for (int waitedMs = 0; Status(groupId) == KafkaError.CoordinatorLoadInProgress && waitedMs < LoadWaitMaxMs; waitedMs += LoadPollMs)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(LoadPollMs), _services.Time, cancellation);
        }
    }

    public Task<JoinResult> JoinAsync(string groupId, JoinCall call)
    {
        KafkaError error = groupId.Length == 0 ? KafkaError.InvalidGroupId : Status(groupId);
        if (error != KafkaError.None)
        {
            return Task.FromResult(new JoinResult(error, call.MemberId));
        }

        bool isNew = call.MemberId.Length == 0;
        if (isNew && _services.Budget.IsExhausted)
        {
            LogFull(_services.Logger, groupId);
            return Task.FromResult(new JoinResult(KafkaError.GroupMaxSizeReached, ""));
        }

        GroupLoop? group = Find(groupId);
        if (group is null && isNew)
        {
            (group, error) = TryAdd(groupId);
        }
        else if (group is null)
        {
            error = KafkaError.UnknownMemberId;
        }

        return group is null ? Task.FromResult(new JoinResult(error, call.MemberId)) : group.JoinAsync(call);
    }

    public Task<SyncResult> SyncAsync(string groupId, SyncCall call)
    {
        KafkaError error = groupId.Length == 0 ? KafkaError.InvalidGroupId : Status(groupId);
        if (error == KafkaError.CoordinatorLoadInProgress)
        {
            // The rebalance is forgotten anyway, and older clients don't know the other error here.
            error = KafkaError.RebalanceInProgress;
        }

        if (error == KafkaError.None && Find(groupId) is { } group)
        {
            return group.SyncAsync(call);
        }

        return Task.FromResult(new SyncResult(error == KafkaError.None ? KafkaError.UnknownMemberId : error));
    }

    public KafkaError Heartbeat(string groupId, string memberId, string? instanceId, int generation)
    {
        KafkaError error = groupId.Length == 0 ? KafkaError.InvalidGroupId : Status(groupId);
        return error switch
        {
            // Nobody's session runs while its group is loaded: a member that lives is well.
            KafkaError.CoordinatorLoadInProgress => KafkaError.None,
            KafkaError.None => Find(groupId)?.Heartbeat(memberId, instanceId, generation) ?? KafkaError.UnknownMemberId,
            _ => error,
        };
    }

    /// <returns>An error for all, or one result per member.</returns>
    public (KafkaError Error, IReadOnlyList<KafkaError> Members) Leave(string groupId, IReadOnlyList<LeavingMember> leaving)
    {
        KafkaError error = groupId.Length == 0 ? KafkaError.InvalidGroupId : Status(groupId);
        if (error != KafkaError.None)
        {
            return (error, []);
        }

        return Find(groupId) is { } group
            ? (KafkaError.None, group.Leave(leaving))
            : (KafkaError.None, [.. leaving.Select(static _ => KafkaError.UnknownMemberId)]);
    }

    /// <summary>All entries are committed, durably, or none is. The place in the log is fixed when the call returns.</summary>
    public Task<KafkaError> CommitAsync(
        string groupId, CommitIdentity from, IReadOnlyList<OffsetCommitEntry> entries, Committer by)
    {
        KafkaError error = Status(groupId);
        if (error != KafkaError.None)
        {
            return Task.FromResult(error);
        }

        GroupLoop? group = Find(groupId);
        if (group is null && from.Epoch >= 0)
        {
            return Task.FromResult(KafkaError.IllegalGeneration);
        }

        if (_services.Budget.IsExhausted && entries.Count > 0)
        {
            LogFull(_services.Logger, groupId);
            return Task.FromResult(KafkaError.InvalidCommitOffsetSize);
        }

        if (group is null)
        {
            (group, error) = TryAdd(groupId);
        }

        return group is null
            ? Task.FromResult(error)
            : group.CommitAsync(from, entries, by);
    }

    /// <param name="partitions">Null for all that have a committed offset.</param>
    public (KafkaError Error, IReadOnlyList<FetchedOffset> Offsets) FetchOffsets(
        string groupId, IReadOnlyList<GroupPartition>? partitions, bool requireStable, string? memberId = null, int epoch = -1)
    {
        KafkaError error = Status(groupId);
        if (error != KafkaError.None)
        {
            return (error, []);
        }

        return Find(groupId) is { } group
            ? group.FetchOffsets(partitions, requireStable, memberId, epoch)
            : (KafkaError.None, [.. (partitions ?? []).Select(static partition => new FetchedOffset(partition, null, KafkaError.None))]);
    }

    /// <summary>For tests within the project: of a classic group; 0 when there is none.</summary>
    internal int GenerationOf(string groupId) => Find(groupId)?.Generation ?? 0;

    /// <returns>The description, or null when there is no such group.</returns>
    public (KafkaError Error, GroupDescription? Group) Describe(string groupId)
    {
        KafkaError error = Status(groupId);
        return (error, error == KafkaError.None ? Find(groupId)?.Describe() : null);
    }

    /// <summary>A heartbeat of the consumer protocol. The first of a member may make the group.</summary>
    public Task<ConsumerHeartbeatResult> ConsumerHeartbeatAsync(string groupId, ConsumerHeartbeatCall call)
    {
        KafkaError error = Status(groupId);
        if (error != KafkaError.None)
        {
            return Task.FromResult(ConsumerHeartbeatResult.Refused(error));
        }

        GroupLoop? group = Find(groupId);
        if (group is null && call.Epoch != ConsumerEpochs.Join)
        {
            // It joins anew when it is told so, whatever became of the group.
            return Task.FromResult(ConsumerHeartbeatResult.Refused(KafkaError.UnknownMemberId, $"Group {groupId} does not exist."));
        }

        if (call.Epoch == ConsumerEpochs.Join && _services.Budget.IsExhausted)
        {
            LogFull(_services.Logger, groupId);
            return Task.FromResult(ConsumerHeartbeatResult.Refused(KafkaError.GroupMaxSizeReached, "The bound on the bytes of all groups is reached."));
        }

        if (group is null)
        {
            (group, error) = TryAdd(groupId);
        }

        return group is null ? Task.FromResult(ConsumerHeartbeatResult.Refused(error)) : group.ConsumerHeartbeatAsync(call);
    }

    /// <returns>The description, or null when there is no such group of the consumer protocol.</returns>
    public (KafkaError Error, ConsumerGroupDescription? Group) DescribeConsumer(string groupId)
    {
        KafkaError error = Status(groupId);
        return (error, error == KafkaError.None ? Find(groupId)?.DescribeConsumer() : null);
    }

    /// <summary>A heartbeat of a member of a share group. The first makes the group.</summary>
    public Task<ConsumerHeartbeatResult> ShareHeartbeatAsync(string groupId, ShareHeartbeatCall call)
    {
        KafkaError error = Status(groupId);
        if (error != KafkaError.None)
        {
            return Task.FromResult(ConsumerHeartbeatResult.Refused(error));
        }

        GroupLoop? group = Find(groupId);
        if (group is null && call.Epoch != ConsumerEpochs.Join)
        {
            return Task.FromResult(ConsumerHeartbeatResult.Refused(KafkaError.UnknownMemberId, $"Group {groupId} does not exist."));
        }

        if (group is null && _services.Budget.IsExhausted)
        {
            LogFull(_services.Logger, groupId);
            return Task.FromResult(ConsumerHeartbeatResult.Refused(KafkaError.GroupMaxSizeReached, "The bound on the bytes of all groups is reached."));
        }

        if (group is null)
        {
            (group, error) = TryAdd(groupId);
        }

        return group is null ? Task.FromResult(ConsumerHeartbeatResult.Refused(error)) : group.ShareHeartbeatAsync(call);
    }

    /// <returns>The description, or null when there is no such share group.</returns>
    public (KafkaError Error, ConsumerGroupDescription? Group) DescribeShare(string groupId)
    {
        KafkaError error = Status(groupId);
        return (error, error == KafkaError.None ? Find(groupId)?.DescribeShare() : null);
    }

    /// <summary>What is loaded so far; the error says whether more will come.</summary>
    public (KafkaError Error, IReadOnlyList<ListedGroup> Groups) List()
    {
        if (_stopping.IsCancellationRequested)
        {
            return (KafkaError.CoordinatorNotAvailable, []);
        }

        List<ListedGroup> groups = [];
        foreach (GroupLoop group in _groups.Values)
        {
            groups.Add(group.Listed);
        }

        return (_loader.IsLoading ? KafkaError.CoordinatorLoadInProgress : KafkaError.None, groups);
    }

    public async Task<KafkaError> DeleteAsync(string groupId, Committer by)
    {
        KafkaError error = Status(groupId);
        if (error != KafkaError.None)
        {
            return error;
        }

        if (Find(groupId) is not { } group)
        {
            return KafkaError.GroupIdNotFound;
        }

        error = await group.DeleteAsync(by);
        if (error == KafkaError.None)
        {
            Forget(group);
        }

        return error;
    }

    /// <summary>Deletes offsets, but for topics that a member subscribes to: those come back.</summary>
    public async Task<(KafkaError Error, IReadOnlySet<string> Subscribed)> DeleteOffsetsAsync(
        string groupId, IReadOnlyList<GroupPartition> partitions, Committer by)
    {
        KafkaError error = groupId.Length == 0 ? KafkaError.InvalidGroupId : Status(groupId);
        if (error != KafkaError.None)
        {
            return (error, ImmutableHashSet<string>.Empty);
        }

        return Find(groupId) is { } group
            ? await group.DeleteOffsetsAsync(partitions, by)
            : (KafkaError.GroupIdNotFound, ImmutableHashSet<string>.Empty);
    }

    /// <summary>Forgets all offsets of a topic that was deleted: in memory when the call returns, in the log when the task ends.</summary>
    public Task TopicDeletedAsync(string topic) =>
        Task.WhenAll(_groups.Values.Select(group => ForgetIfGoneAsync(group, group.TopicDeletedAsync(topic))).ToArray());

    public async ValueTask DisposeAsync()
    {
        _stopping.Cancel();
        _services.Log.TermChanged -= _loader.TermChanged;
        await _loader.WhenStoppedAsync();
        if (_expiring is not null)
        {
            await _expiring;
        }

        foreach (GroupLoop group in _groups.Values)
        {
            group.Dispose();
        }

        _loader.Dispose();
        _stopping.Dispose();
    }

    private GroupLoop? Find(string groupId) => _groups.GetValueOrDefault(groupId);

    private (GroupLoop? Group, KafkaError Error) TryAdd(string groupId)
    {
        lock (_gate)
        {
            if (_groups.TryGetValue(groupId, out GroupLoop? known))
            {
                return (known, KafkaError.None);
            }

            // Under the lock: what is added after its term has ended would stay.
            if (_loader.StateOf(groupId, out int term) != LoadState.Loaded)
            {
                return (null, KafkaError.NotCoordinator);
            }

            if (_groups.Count >= _services.Options.GroupsMax)
            {
                LogFull(_services.Logger, groupId);
                return (null, KafkaError.GroupMaxSizeReached);
            }

            GroupLoop added = new(groupId, new GroupHome(_loader.PartitionOf(groupId), term), _services);
            _groups[groupId] = added;
            return (added, KafkaError.None);
        }
    }

    private async Task LoadedAsync(int partition, int term, LoadedGroups loaded)
    {
        lock (_gate)
        {
            foreach ((string groupId, LoadedGroup group) in loaded.Groups)
            {
                GroupLoop added = new(groupId, new GroupHome(partition, term), _services, group);
                if (!_groups.TryAdd(groupId, added))
                {
                    added.Dispose();
                    continue;
                }

                foreach ((long producerId, _) in group.Undecided)
                {
                    Enlist(added, producerId);
                }
            }
        }

        // Topics that were deleted while nobody coordinated these groups: one of the same name would begin at offset 0. Those that are
        // deleted from here on are told to the groups that are in place now.
        string[] topics = [.. loaded.Groups.Values.SelectMany(static group => group.Offsets.Keys).Select(static of => of.Topic).Distinct()];
        foreach (string topic in topics)
        {
            if (await _services.IsTopicGone(topic, _stopping.Token))
            {
                await TopicDeletedAsync(topic);
            }
        }

        LogLoaded(_services.Logger, partition, loaded.Groups.Count);
    }

    /// <summary>Another broker coordinates these groups now: whoever waits here is sent there, and nothing is written any more.</summary>
    private void Unloaded(int partition, int term)
    {
        GroupLoop[] gone;
        lock (_gate)
        {
            gone = [.. _groups.Values.Where(group => group.Home == new GroupHome(partition, term))];
            foreach (GroupLoop group in gone)
            {
                _groups.TryRemove(KeyValuePair.Create(group.GroupId, group));
            }

            Dismiss(partition);
        }

        foreach (GroupLoop group in gone)
        {
            group.MoveAway();
        }

        LogUnloaded(_services.Logger, partition, gone.Length);
    }

    private void Forget(GroupLoop group)
    {
        if (_groups.TryRemove(KeyValuePair.Create(group.GroupId, group)))
        {
            group.Dispose();
        }
    }

    private async Task ForgetIfGoneAsync(GroupLoop group, Task<bool> isGone)
    {
        if (await isGone)
        {
            Forget(group);
        }
    }

    private async Task ExpireLoopAsync()
    {
        var period = TimeSpan.FromMilliseconds(_services.Options.OffsetsRetentionCheckIntervalMs);
        try
        {
            while (true)
            {
                await Task.Delay(period, _services.Time, _stopping.Token);
                foreach (GroupLoop group in _groups.Values)
                {
                    await ForgetIfGoneAsync(group, group.ExpireAsync());
                }
            }
        }
        catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
        {
            // The broker stops.
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message =
        "group {GroupId} was refused: the bound on groups or on their bytes is reached; delete unused groups or raise the bound")]
    private static partial void LogFull(ILogger logger, string groupId);

    [LoggerMessage(Level = LogLevel.Information, Message = "offsets partition {Partition} loaded, {Groups} groups")]
    private static partial void LogLoaded(ILogger logger, int partition, int groups);

    [LoggerMessage(Level = LogLevel.Information, Message = "offsets partition {Partition} is led elsewhere now, {Groups} groups let go")]
    private static partial void LogUnloaded(ILogger logger, int partition, int groups);
}
