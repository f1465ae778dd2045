using System.Collections.Immutable;
using Microsoft.Extensions.Logging;
using PipeRoll.Broker.Groups.Offsets;
using PipeRoll.Wire;

namespace PipeRoll.Broker.Groups;

/// <summary>
/// One group at work: its state machine and offsets under one lock, its waiting requests, its timer, its writes.
/// </summary>
/// <remarks>
/// Owner: <see cref="GroupCoordinator"/>. Any thread. Nothing waits under the lock; records are handed to the log under
/// it, so that their order is the order of the changes. Failure: a write that fails is told to whoever waits for it, and
/// the group goes on.
/// </remarks>
internal sealed partial class GroupLoop : IDisposable
{
    private readonly Lock _gate = new();
    private readonly int _partition;
    private readonly GroupServices _services;
    private readonly OffsetTable _offsets = new();
    private readonly Dictionary<long, TaskCompletionSource<JoinResult>> _joins = [];
    private readonly Dictionary<long, TaskCompletionSource<SyncResult>> _syncs = [];
    private readonly ITimer _timer;
    private GroupState _state;
    private long _lastTicket;
    private long _armedMs = long.MaxValue;
    private long _budgeted;

    public GroupLoop(string groupId, int partition, GroupServices services, LoadedGroup? loaded = null)
    {
        GroupId = groupId;
        _partition = partition;
        _services = services;
        _timer = services.Time.CreateTimer(
            static loop => ((GroupLoop)loop!).TimePassed(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        lock (_gate)
        {
            _state = NewState(loaded?.Snapshot);
            foreach ((GroupPartition of, CommittedOffset offset) in loaded?.Offsets ?? [])
            {
                _offsets.Load(of, offset);
            }

            Settle(services.Clock.NowMs);
        }
    }

    public string GroupId { get; }

    /// <summary>Deleted: the coordinator forgets it.</summary>
    public bool IsDead
    {
        get
        {
            lock (_gate)
            {
                return _state.Phase == GroupPhase.Dead;
            }
        }
    }

    public Task<JoinResult> JoinAsync(JoinCall call)
    {
        TaskCompletionSource<JoinResult> answer = new(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_gate)
        {
            long nowMs = Advance();
            _joins.Add(++_lastTicket, answer);
            _state.Join(call, _lastTicket, nowMs);
            Settle(nowMs);
        }

        return answer.Task;
    }

    public Task<SyncResult> SyncAsync(SyncCall call)
    {
        TaskCompletionSource<SyncResult> answer = new(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_gate)
        {
            long nowMs = Advance();
            _syncs.Add(++_lastTicket, answer);
            _state.Sync(call, _lastTicket, nowMs);
            Settle(nowMs);
        }

        return answer.Task;
    }

    public KafkaError Heartbeat(string memberId, string? instanceId, int generation)
    {
        lock (_gate)
        {
            long nowMs = Advance();
            KafkaError error = _state.Heartbeat(memberId, instanceId, generation, nowMs);
            Settle(nowMs);
            return error;
        }
    }

    public IReadOnlyList<KafkaError> Leave(IReadOnlyList<LeavingMember> leaving)
    {
        lock (_gate)
        {
            long nowMs = Advance();
            IReadOnlyList<KafkaError> results = _state.Leave(leaving, nowMs);
            Settle(nowMs);
            return results;
        }
    }

    /// <summary>All entries are committed, durably, or none is.</summary>
    public async Task<KafkaError> CommitAsync(
        string memberId, string? instanceId, int generation, IReadOnlyList<OffsetCommitEntry> entries, Committer by)
    {
        PendingCommit commit;
        Task<KafkaError> append;
        lock (_gate)
        {
            long nowMs = Advance();
            KafkaError refused = _state.CheckCommit(memberId, instanceId, generation, nowMs);
            if (refused == KafkaError.None && _offsets.CountWith(entries) > _services.Options.OffsetsPerGroupMax)
            {
                refused = KafkaError.InvalidCommitOffsetSize;
            }

            Settle(nowMs);
            if (refused != KafkaError.None || entries.Count == 0)
            {
                return refused;
            }

            GroupLogRecord[] records = [.. entries.Select(entry => GroupLogCodec.Offset(GroupId, entry.Partition, entry.Offset, by))];
            commit = _offsets.Begin(entries);
            append = _services.Log.AppendAsync(_partition, records);
        }

        KafkaError error = await EndOf(append);
        lock (_gate)
        {
            _offsets.End(commit, error == KafkaError.None);
            Account();
        }

        return GroupErrors.OfCommit(error);
    }

    /// <param name="partitions">Null for all that have a committed offset.</param>
    public IReadOnlyList<FetchedOffset> FetchOffsets(IReadOnlyList<GroupPartition>? partitions, bool requireStable)
    {
        lock (_gate)
        {
            bool isDead = _state.Phase == GroupPhase.Dead;
            IEnumerable<GroupPartition> wanted = partitions ?? (isDead ? [] : _offsets.Partitions);
            return
            [
                .. wanted.Select(partition => requireStable && _offsets.IsPending(partition)
                    ? new FetchedOffset(partition, null, KafkaError.UnstableOffsetCommit)
                    : new FetchedOffset(partition, isDead ? null : _offsets.Find(partition), KafkaError.None)),
            ];
        }
    }

    public GroupDescription Describe()
    {
        lock (_gate)
        {
            return _state.Describe();
        }
    }

    /// <summary>Deletes an empty group and its offsets, durably.</summary>
    public async Task<KafkaError> DeleteAsync(Committer by)
    {
        GroupSnapshot before;
        Task<KafkaError> append;
        lock (_gate)
        {
            long nowMs = Advance();
            Settle(nowMs);
            before = EmptySnapshot();
            KafkaError refused = _state.Delete(nowMs);
            if (refused != KafkaError.None)
            {
                return refused;
            }

            append = Bury(_offsets.PartitionsWithPending, by);
        }

        return await BuriedAsync(append, before);
    }

    /// <summary>
    /// Deletes offsets past their retention, and the group when it is empty and has none left. True when it is gone.
    /// </summary>
    public Task<bool> ExpireAsync()
    {
        lock (_gate)
        {
            long nowMs = Advance();
            Settle(nowMs);
            return ForgetOffsetsAsync(_offsets.Expired(_state, _services.Options.OffsetsRetentionMs, nowMs), null, nowMs);
        }
    }

    /// <summary>A topic is gone, and so are its offsets.</summary>
    public Task<bool> TopicDeletedAsync(string topic)
    {
        lock (_gate)
        {
            long nowMs = Advance();
            Settle(nowMs);
            return ForgetOffsetsAsync([.. _offsets.PartitionsWithPending.Where(partition => partition.Topic == topic)], null, nowMs);
        }
    }

    public void Dispose()
    {
        _timer.Dispose();
        _services.Budget.Change(-Interlocked.Exchange(ref _budgeted, 0));
    }

    /// <summary>Under the lock.</summary>
    private Task<bool> ForgetOffsetsAsync(ImmutableArray<GroupPartition> forgotten, Committer? by, long nowMs)
    {
        GroupSnapshot before = EmptySnapshot();
        bool dies = _state.Phase == GroupPhase.Empty && _state.PendingMemberCount == 0
            && forgotten.Length == _offsets.Count && !_offsets.HasPending;
        if (dies)
        {
            _state.Delete(nowMs);
            return IsGoneAsync(BuriedAsync(Bury(forgotten, by), before));
        }

        return forgotten.IsEmpty ? Task.FromResult(false) : ForgottenAsync(forgotten, Tombstones(forgotten, by));
    }

    private static async Task<bool> IsGoneAsync(Task<KafkaError> buried) => await buried == KafkaError.None;

    private async Task<bool> ForgottenAsync(ImmutableArray<GroupPartition> forgotten, List<GroupLogRecord> tombstones)
    {
        // Gone from memory first: nobody may fetch an offset whose deletion is on its way. If that fails, the next start
        // sees the offsets again, and expires them again.
        _offsets.Forget(forgotten);
        Account();
        await EndOf(_services.Log.AppendAsync(_partition, tombstones));
        return false;
    }

    /// <summary>Under the lock, the group dead.</summary>
    private Task<KafkaError> Bury(IEnumerable<GroupPartition> partitions, Committer? by)
    {
        List<GroupLogRecord> tombstones = Tombstones(partitions, by);
        if (_state.Generation > 0)
        {
            tombstones.Add(GroupLogCodec.Group(GroupId, null, by));
        }

        return tombstones.Count == 0 ? Task.FromResult(KafkaError.None) : _services.Log.AppendAsync(_partition, tombstones);
    }

    private async Task<KafkaError> BuriedAsync(Task<KafkaError> append, GroupSnapshot before)
    {
        KafkaError error = await EndOf(append);
        if (error != KafkaError.None)
        {
            // What was not deleted is still there, for everybody who asks.
            lock (_gate)
            {
                _state = NewState(before);
                Settle(_services.Clock.NowMs);
            }
        }

        return GroupErrors.OfStore(error);
    }

    private List<GroupLogRecord> Tombstones(IEnumerable<GroupPartition> partitions, Committer? by) =>
        [.. partitions.Select(partition => GroupLogCodec.Offset(GroupId, partition, null, by))];

    private GroupState NewState(GroupSnapshot? snapshot)
    {
        long nowMs = _services.Clock.NowMs;
        GroupState state = new(GroupId, _services.Options, _services.NewGuid, nowMs);
        if (snapshot is not null)
        {
            state.Restore(snapshot, _services.Options, nowMs);
        }

        return state;
    }

    private GroupSnapshot EmptySnapshot() =>
        new(_state.ProtocolType ?? "", _state.Generation, null, null, _state.StateTimestampMs, []);

    private void TimePassed()
    {
        lock (_gate)
        {
            _armedMs = long.MaxValue;
            Settle(_services.Clock.NowMs);
        }
    }

    /// <summary>Under the lock: what was due by now happens before what is asked for now.</summary>
    private long Advance()
    {
        long nowMs = _services.Clock.NowMs;
        while (_state.NextDeadlineMs <= nowMs)
        {
            _state.Tick(nowMs);
        }

        return nowMs;
    }

    /// <summary>Under the lock: carries out what the transition left, and arms the timer for the next deadline.</summary>
    private void Settle(long nowMs)
    {
        while (true)
        {
            Dispatch();
            if (_state.NextDeadlineMs > nowMs)
            {
                break;
            }

            _state.Tick(nowMs);
        }

        Account();
        long next = _state.NextDeadlineMs;
        if (next < _armedMs)
        {
            _armedMs = next;
            _timer.Change(TimeSpan.FromMilliseconds(next - nowMs), Timeout.InfiniteTimeSpan);
        }
    }

    private void Dispatch()
    {
        GroupEffects effects = _state.Effects;
        if (effects.IsEmpty)
        {
            return;
        }

        (long Ticket, JoinResult Result)[] joins = [.. effects.Joins];
        (long Ticket, SyncResult Result)[] syncs = [.. effects.Syncs];
        GroupStore[] stores = [.. effects.Stores];

        // Cleared first: a write that ends at once comes back here.
        effects.Clear();
        foreach ((long ticket, JoinResult result) in joins)
        {
            Take(_joins, ticket).SetResult(result);
        }

        foreach ((long ticket, SyncResult result) in syncs)
        {
            Take(_syncs, ticket).SetResult(result);
        }

        foreach (GroupStore store in stores)
        {
            _ = StoreAsync(_state, store);
        }
    }

    private async Task StoreAsync(GroupState state, GroupStore store)
    {
        KafkaError error = await EndOf(_services.Log.AppendAsync(_partition, [GroupLogCodec.Group(GroupId, store.Snapshot)]));
        lock (_gate)
        {
            if (ReferenceEquals(state, _state))
            {
                long nowMs = Advance();
                _state.Stored(store.Token, GroupErrors.OfStore(error), nowMs);
                Settle(nowMs);
            }
        }
    }

    private async Task<KafkaError> EndOf(Task<KafkaError> append)
    {
        KafkaError error;
        try
        {
            error = await append;
        }
        catch (Exception unexpected)
        {
            // Whoever waits must be answered whatever happened.
            LogAppendThrew(_services.Logger, unexpected, GroupId, _partition);
            return KafkaError.UnknownServerError;
        }

        if (error != KafkaError.None)
        {
            LogAppendFailed(_services.Logger, GroupId, _partition, error);
        }

        return error;
    }

    private void Account()
    {
        long bytes = _state.Bytes + _offsets.Bytes;
        _services.Budget.Change(bytes - Interlocked.Exchange(ref _budgeted, bytes));
    }

    private static TaskCompletionSource<T> Take<T>(Dictionary<long, TaskCompletionSource<T>> waiting, long ticket) =>
        waiting.Remove(ticket, out TaskCompletionSource<T>? answer)
            ? answer
            : throw new InvalidOperationException($"ticket {ticket} was answered twice or never given");

    [LoggerMessage(Level = LogLevel.Warning, Message = "group {GroupId}: offsets partition {Partition} refused a record: {Error}")]
    private static partial void LogAppendFailed(ILogger logger, string groupId, int partition, KafkaError error);

    [LoggerMessage(Level = LogLevel.Error, Message = "group {GroupId}: offsets partition {Partition} failed to take a record")]
    private static partial void LogAppendThrew(ILogger logger, Exception error, string groupId, int partition);
}
