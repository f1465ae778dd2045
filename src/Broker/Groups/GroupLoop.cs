using System.Collections.Immutable;
using Microsoft.Extensions.Logging;
using PipeRoll.Broker.Groups.Offsets;
using PipeRoll.Broker.Groups.Share;
using PipeRoll.Wire;

namespace PipeRoll.Broker.Groups;

/// <summary>Where a group is kept.</summary>
/// <param name="Partition">Of the offsets topic.</param>
/// <param name="Term">The term of this broker on that partition: when it is over, another broker may coordinate the group.</param>
internal readonly record struct GroupHome(int Partition, int Term);

/// <summary>
/// One group at work: its state machine and offsets under one lock, its waiting requests, its timer, its writes.
/// </summary>
/// <remarks>
/// Owner: <see cref="GroupCoordinator"/>. Any thread. Nothing waits under the lock; records are handed to the log under
/// it, so that their order is the order of the changes. Failure: a write that fails is told to whoever waits for it, and
/// the group goes on. Where other brokers may take the group over, a generation is in the log before a member is told of it: the next
/// coordinator begins above every generation that anybody has seen.
/// </remarks>
internal sealed partial class GroupLoop : IDisposable
{
    private readonly Lock _gate = new();
    private readonly GroupServices _services;
    private readonly OffsetTable _offsets = new();
    private readonly Dictionary<long, TaskCompletionSource<JoinResult>> _joins = [];
    private readonly Dictionary<long, TaskCompletionSource<SyncResult>> _syncs = [];
    private readonly ITimer _timer;
    private GroupState _state;
    private long _lastTicket;
    private long _armedMs = long.MaxValue;
    private long _budgeted;
    private int _generationLogged;
    private bool _hasMoved;

    public GroupLoop(string groupId, GroupHome home, GroupServices services, LoadedGroup? loaded = null)
    {
        GroupId = groupId;
        Home = home;
        _generationLogged = Math.Max(loaded?.Snapshot?.Generation ?? 0, loaded?.Consumer.Epoch ?? 0);
        _services = services;
        _timer = services.Time.CreateTimer(
            static loop => ((GroupLoop)loop!).TimePassed(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        lock (_gate)
        {
            _state = NewState(loaded?.Snapshot);
            if (loaded?.Consumer.Epoch is not null)
            {
                _managed = RestoredConsumer(loaded.Consumer, services.Clock.NowMs);
            }

            foreach ((GroupPartition of, CommittedOffset offset) in loaded?.Offsets ?? [])
            {
                _offsets.Load(of, offset);
            }

            if (loaded?.Share.Epoch is not null)
            {
                ShareGroupState share = new(groupId, services.Options, services.Topics);
                share.Restore(loaded.Share, services.Clock.NowMs);
                _managed = share;
            }

            foreach ((long producerId, OffsetCommitEntry entry) in loaded?.Undecided ?? [])
            {
                _offsets.LoadInTransaction(producerId, entry);
            }

            Settle(services.Clock.NowMs);
        }
    }

    public string GroupId { get; }

    public GroupHome Home { get; }

    public int Generation
    {
        get
        {
            lock (_gate)
            {
                return _state.Generation;
            }
        }
    }

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
            if (_hasMoved)
            {
                return Task.FromResult(new JoinResult(KafkaError.NotCoordinator, call.MemberId));
            }

            long nowMs = Advance();
            if (Consumer is { MemberCount: > 0 } consumer)
            {
                JoinResult joined = consumer.Join(call, _services.NewGuid, nowMs);
                Settle(nowMs);
                return AnsweredAsync(joined, _journaled);
            }

            if (_managed is ShareGroupState)
            {
                return Task.FromResult(new JoinResult(KafkaError.InconsistentGroupProtocol, call.MemberId));
            }

            if (Consumer is { } empty)
            {
                BecomeClassic(empty, nowMs);
            }

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
            if (_hasMoved)
            {
                return Task.FromResult(new SyncResult(KafkaError.NotCoordinator));
            }

            long nowMs = Advance();
            if (Consumer is { } consumer)
            {
                SyncResult synced = consumer.Sync(call, nowMs);
                Settle(nowMs);
                return AnsweredAsync(synced, _journaled);
            }

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
            if (_hasMoved)
            {
                return KafkaError.NotCoordinator;
            }

            long nowMs = Advance();
            KafkaError error = Consumer is { } consumer
                ? consumer.HeartbeatClassic(memberId, instanceId, generation, nowMs)
                : _state.Heartbeat(memberId, instanceId, generation, nowMs);
            Settle(nowMs);
            return error;
        }
    }

    public IReadOnlyList<KafkaError> Leave(IReadOnlyList<LeavingMember> leaving)
    {
        lock (_gate)
        {
            if (_hasMoved)
            {
                return [.. leaving.Select(static _ => KafkaError.NotCoordinator)];
            }

            long nowMs = Advance();
            IReadOnlyList<KafkaError> results = Consumer?.Leave(leaving) ?? _state.Leave(leaving, nowMs);
            Settle(nowMs);
            return results;
        }
    }

    /// <summary>All entries are committed, durably, or none is.</summary>
    public async Task<KafkaError> CommitAsync(
        CommitIdentity from, IReadOnlyList<OffsetCommitEntry> entries, Committer by)
    {
        PendingCommit commit;
        Task<KafkaError> append;
        lock (_gate)
        {
            if (_hasMoved)
            {
                return KafkaError.NotCoordinator;
            }

            long nowMs = Advance();
            KafkaError refused = CheckCommit(from, entries, nowMs);
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
            append = _services.Log.AppendAsync(Home.Partition, Home.Term, records);
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
    /// <param name="memberId">Null, with epoch -1, for who is no member.</param>
    public (KafkaError Error, IReadOnlyList<FetchedOffset> Offsets) FetchOffsets(
        IReadOnlyList<GroupPartition>? partitions, bool requireStable, string? memberId, int epoch)
    {
        lock (_gate)
        {
            KafkaError refused = Consumer?.CheckFetch(memberId, epoch) ?? KafkaError.None;
            if (refused != KafkaError.None)
            {
                return (refused, []);
            }

            bool isDead = _state.Phase == GroupPhase.Dead;
            IEnumerable<GroupPartition> wanted = partitions ?? (isDead ? [] : _offsets.Partitions);
            return (KafkaError.None,
            [
                .. wanted.Select(partition => requireStable && _offsets.IsPending(partition)
                    ? new FetchedOffset(partition, null, KafkaError.UnstableOffsetCommit)
                    : new FetchedOffset(partition, isDead ? null : _offsets.Find(partition), KafkaError.None)),
            ]);
        }
    }

    /// <summary>Null when it is no classic group.</summary>
    public GroupDescription? Describe()
    {
        lock (_gate)
        {
            return _managed is null ? _state.Describe() : null;
        }
    }

    /// <summary>Another broker coordinates the group now: whoever waits is sent there, and nothing happens here any more.</summary>
    public void MoveAway()
    {
        TaskCompletionSource<JoinResult>[] joins;
        TaskCompletionSource<SyncResult>[] syncs;
        lock (_gate)
        {
            _hasMoved = true;
            joins = [.. _joins.Values];
            syncs = [.. _syncs.Values];
            _joins.Clear();
            _syncs.Clear();
        }

        Array.ForEach(joins, static join => join.SetResult(new JoinResult(KafkaError.NotCoordinator, "")));
        Array.ForEach(syncs, static sync => sync.SetResult(new SyncResult(KafkaError.NotCoordinator)));
        Dispose();
    }

    public void Dispose()
    {
        _timer.Dispose();
        _services.Budget.Change(-Interlocked.Exchange(ref _budgeted, 0));
    }

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
            if (!_hasMoved)
            {
                Settle(_services.Clock.NowMs);
            }
        }
    }

    /// <summary>Under the lock: what was due by now happens before what is asked for now.</summary>
    private long Advance()
    {
        long nowMs = _services.Clock.NowMs;
        while (NextDeadlineMs <= nowMs)
        {
            Tick(nowMs);
        }

        return nowMs;
    }

    /// <summary>Under the lock: carries out what the transition left, and arms the timer for the next deadline.</summary>
    private void Settle(long nowMs)
    {
        while (true)
        {
            Dispatch();
            if (NextDeadlineMs > nowMs)
            {
                break;
            }

            Tick(nowMs);
        }

        BecomeClassicIfAllAre(nowMs);
        Journal();
        Account();
        long next = NextDeadlineMs;
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
        AnswerJoins([.. joins.Select(join => (Take(_joins, join.Ticket), join.Result))]);

        foreach ((long ticket, SyncResult result) in syncs)
        {
            Take(_syncs, ticket).SetResult(result);
        }

        foreach (GroupStore store in stores)
        {
            _ = StoreAsync(_state, store);
        }
    }

    /// <summary>Under the lock.</summary>
    private void AnswerJoins((TaskCompletionSource<JoinResult> Answer, JoinResult Result)[] joins)
    {
        int begun = joins.Length == 0 ? 0 : joins.Max(static join => join.Result.Error == KafkaError.None ? join.Result.Generation : 0);
        if (_services.Log.IsShared && begun > _generationLogged)
        {
            // An empty group of this generation, until its assignment is stored: whoever takes over from here has all join anew.
            GroupLogRecord begins = GroupLogCodec.Group(GroupId, EmptySnapshot() with { Generation = begun });
            _ = AnswerWhenLoggedAsync(joins, begun, _services.Log.AppendAsync(Home.Partition, Home.Term, [begins]));
            return;
        }

        foreach ((TaskCompletionSource<JoinResult> answer, JoinResult result) in joins)
        {
            answer.SetResult(result);
        }
    }

    private async Task AnswerWhenLoggedAsync(
        (TaskCompletionSource<JoinResult> Answer, JoinResult Result)[] joins, int generation, Task<KafkaError> append)
    {
        KafkaError error = await EndOf(append);
        if (error == KafkaError.None)
        {
            lock (_gate)
            {
                _generationLogged = Math.Max(_generationLogged, generation);
            }
        }

        foreach ((TaskCompletionSource<JoinResult> answer, JoinResult result) in joins)
        {
            answer.SetResult(
                error == KafkaError.None || result.Error != KafkaError.None
                    ? result
                    : new JoinResult(GroupErrors.OfStore(error), result.MemberId));
        }
    }

    private async Task StoreAsync(GroupState state, GroupStore store)
    {
        KafkaError error = await EndOf(_services.Log.AppendAsync(Home.Partition, Home.Term, [GroupLogCodec.Group(GroupId, store.Snapshot)]));
        lock (_gate)
        {
            if (error == KafkaError.None)
            {
                _generationLogged = Math.Max(_generationLogged, store.Snapshot.Generation);
            }

            if (ReferenceEquals(state, _state) && !_hasMoved)
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
            LogAppendThrew(_services.Logger, unexpected, GroupId, Home.Partition);
            return KafkaError.UnknownServerError;
        }

        if (error != KafkaError.None)
        {
            LogAppendFailed(_services.Logger, GroupId, Home.Partition, error);
        }

        return error;
    }

    private void Account()
    {
        long bytes = _state.Bytes + (_managed?.Bytes ?? 0) + _offsets.Bytes;
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
