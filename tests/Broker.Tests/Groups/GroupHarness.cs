using System.Text;
using PipeRoll.Broker.Groups;
using PipeRoll.Wire;

namespace PipeRoll.Broker.Tests.Groups;

/// <summary>
/// A group in virtual time: collects the answers, plays the offsets topic (at once, later, or failing), and asserts
/// after every step what must hold at all times.
/// </summary>
internal sealed class GroupHarness
{
    private readonly GroupOptions _options;
    private readonly Dictionary<long, JoinResult> _joins = [];
    private readonly Dictionary<long, SyncResult> _syncs = [];
    private readonly HashSet<long> _open = [];
    private readonly Queue<GroupStore> _stores = new();
    private long _lastTicket;
    private int _lastGuid;
    private int _lastGeneration;

    public GroupHarness(GroupOptions? options = null, GroupSnapshot? restored = null)
    {
        _options = options ?? new GroupOptions { InitialRebalanceDelayMs = 3_000 };
        State = new GroupState("payments", _options, NextGuid, NowMs);
        if (restored is not null)
        {
            State.Restore(restored, _options, NowMs);
            _lastGeneration = restored.Generation;
        }

        Settle();
    }

    public long NowMs { get; private set; } = 1_700_000_000_000;

    public GroupState State { get; }

    /// <summary>When false, generations wait in <see cref="PendingStores"/> for <see cref="CompleteStore"/>.</summary>
    public bool StoresAtOnce { get; set; } = true;

    public int PendingStores => _stores.Count;

    public GroupSnapshot? LastStored { get; private set; }

    public IReadOnlyCollection<long> Open => _open;

    public static GroupProtocol[] Offers(params string[] names) =>
        [.. names.Select(name => new GroupProtocol(name, Encoding.UTF8.GetBytes("topics of " + name)))];

    public long Join(
        string memberId = "", string? instance = null, bool idRequired = false, bool skips = true, int sessionMs = 10_000,
        int rebalanceMs = 60_000, string type = "consumer", GroupProtocol[]? offers = null, string client = "app")
    {
        long ticket = OpenTicket();
        State.Join(
            new JoinCall(memberId, instance, idRequired, skips, client, "/127.0.0.1", rebalanceMs, sessionMs, type, offers ?? Offers("range")),
            ticket, NowMs);
        Settle();
        return ticket;
    }

    public long Sync(
        string memberId, int? generation = null, string? instance = null, IReadOnlyDictionary<string, ReadOnlyMemory<byte>>? assignments = null,
        string? type = "consumer", string? protocol = null)
    {
        long ticket = OpenTicket();
        State.Sync(
            new SyncCall(
                memberId, instance, generation ?? State.Generation, type, protocol, assignments ?? new Dictionary<string, ReadOnlyMemory<byte>>()),
            ticket, NowMs);
        Settle();
        return ticket;
    }

    public KafkaError Heartbeat(string memberId, int? generation = null, string? instance = null)
    {
        KafkaError error = State.Heartbeat(memberId, instance, generation ?? State.Generation, NowMs);
        Settle();
        return error;
    }

    public IReadOnlyList<KafkaError> Leave(params LeavingMember[] leaving)
    {
        IReadOnlyList<KafkaError> errors = State.Leave(leaving, NowMs);
        Settle();
        return errors;
    }

    public void CompleteStore(KafkaError error = KafkaError.None)
    {
        GroupStore store = _stores.Dequeue();
        State.Stored(store.Token, error, NowMs);
        Settle();
    }

    /// <summary>Lets time pass, stopping at every deadline on the way.</summary>
    public void Pass(long milliseconds)
    {
        long until = NowMs + milliseconds;
        while (State.NextDeadlineMs <= until)
        {
            NowMs = Math.Max(NowMs, State.NextDeadlineMs);
            State.Tick(NowMs);
            Settle();
            Assert.True(State.NextDeadlineMs > NowMs || State.NextDeadlineMs == long.MaxValue, "a deadline in the past after a tick");
        }

        NowMs = until;
    }

    public bool IsOpen(long ticket) => _open.Contains(ticket);

    public JoinResult Joined(long ticket)
    {
        Assert.True(_joins.ContainsKey(ticket), "the join has not been answered");
        return _joins[ticket];
    }

    public SyncResult Synced(long ticket)
    {
        Assert.True(_syncs.ContainsKey(ticket), "the sync has not been answered");
        return _syncs[ticket];
    }

    /// <summary>Brings fresh dynamic members into a stable group; returns their ids, the leader first.</summary>
    public string[] Stable(int count, params string?[] instances)
    {
        long[] tickets = [.. Enumerable.Range(0, count).Select(index => Join(instance: index < instances.Length ? instances[index] : null))];
        Pass(_options.InitialRebalanceDelayMs * 2);
        if (State.Phase == GroupPhase.PreparingRebalance)
        {
            Pass(_options.InitialRebalanceDelayMs * 20);
        }

        JoinResult[] results = [.. tickets.Select(Joined)];
        string leader = results[0].LeaderId;
        string[] ids = [leader, .. results.Select(static result => result.MemberId).Where(id => id != leader)];
        SyncAll(ids);
        Assert.Equal(GroupPhase.Stable, State.Phase);
        return ids;
    }

    public SyncResult[] SyncAll(params string[] leaderFirst)
    {
        Dictionary<string, ReadOnlyMemory<byte>> assignments = leaderFirst.ToDictionary(
            static id => id, id => (ReadOnlyMemory<byte>)Encoding.UTF8.GetBytes($"{id}@{State.Generation}"));
        long[] tickets = [.. leaderFirst.Select(id => Sync(id, assignments: assignments, instance: InstanceOf(id)))];
        return [.. tickets.Select(Synced)];
    }

    public string? InstanceOf(string memberId) =>
        State.Describe().Members.FirstOrDefault(member => member.MemberId == memberId)?.InstanceId;

    private long OpenTicket()
    {
        _open.Add(++_lastTicket);
        return _lastTicket;
    }

    private void Settle()
    {
        do
        {
            Drain();
            if (StoresAtOnce && _stores.TryDequeue(out GroupStore store))
            {
                State.Stored(store.Token, KafkaError.None, NowMs);
            }
        }
        while (!State.Effects.IsEmpty || (StoresAtOnce && _stores.Count > 0));

        Assert.True(State.Generation >= _lastGeneration, "generations never go back");
        _lastGeneration = State.Generation;
    }

    private void Drain()
    {
        foreach ((long ticket, JoinResult result) in State.Effects.Joins)
        {
            Assert.True(_open.Remove(ticket), "a ticket was answered twice");
            _joins.Add(ticket, result);
        }

        foreach ((long ticket, SyncResult result) in State.Effects.Syncs)
        {
            Assert.True(_open.Remove(ticket), "a ticket was answered twice");
            _syncs.Add(ticket, result);
        }

        foreach (GroupStore store in State.Effects.Stores)
        {
            LastStored = store.Snapshot;
            _stores.Enqueue(store);
        }

        State.Effects.Clear();
    }

    private Guid NextGuid() => new(++_lastGuid, 0, 0, new byte[8]);
}
