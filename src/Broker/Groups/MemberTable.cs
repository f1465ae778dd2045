using System.Collections.Immutable;
using PipeRoll.Wire;

namespace PipeRoll.Broker.Groups;

/// <summary>
/// The members of one group with everything that is counted over them: who waits, which protocols all share, which
/// instance id belongs to whom, who leads, and how many bytes they hold.
/// </summary>
/// <remarks>
/// Owner: <see cref="GroupState"/>. Members keep the order in which they joined, so that leader election and votes
/// come out the same in every run. No waiting request is ever forgotten: who is removed or replaced is answered.
/// </remarks>
internal sealed class MemberTable(GroupEffects effects)
{
    private readonly OrderedDictionary<string, Member> _members = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> _idsByInstance = new(StringComparer.Ordinal);
    private readonly OrderedDictionary<string, long> _pendingDeadlines = new(StringComparer.Ordinal);
    private readonly Dictionary<string, int> _offers = new(StringComparer.Ordinal);
    private readonly HashSet<string> _pendingSync = new(StringComparer.Ordinal);

    public int Count => _members.Count;

    public IReadOnlyList<Member> All => _members.Values;

    public int PendingCount => _pendingDeadlines.Count;

    public int AwaitingJoinCount { get; private set; }

    public string? LeaderId { get; private set; }

    /// <summary>Of the first member; kept when the group runs empty.</summary>
    public string? ProtocolType { get; set; }

    public long Bytes { get; private set; }

    public bool HaveAllJoined => AwaitingJoinCount == _members.Count && _pendingDeadlines.Count == 0;

    public bool HaveAllSynced => _pendingSync.Count == 0;

    public IReadOnlyCollection<string> PendingSync => _pendingSync;

    public int RebalanceTimeoutMs => _members.Count == 0 ? 0 : _members.Values.Max(static member => member.RebalanceTimeoutMs);

    public Member? Find(string memberId) => _members.GetValueOrDefault(memberId);

    public string? FindStaticId(string instanceId) => _idsByInstance.GetValueOrDefault(instanceId);

    public bool IsPending(string memberId) => _pendingDeadlines.ContainsKey(memberId);

    public bool IsLeader(string memberId) => LeaderId == memberId;

    public void AddPending(string memberId, long deadlineMs) => _pendingDeadlines.Add(memberId, deadlineMs);

    public void Add(Member member, IReadOnlyList<GroupProtocol> protocols, string protocolType)
    {
        if (member.InstanceId is not null)
        {
            _idsByInstance.Add(member.InstanceId, member.Id);
        }

        if (_members.Count == 0)
        {
            ProtocolType = protocolType;
        }

        LeaderId ??= member.Id;
        _members.Add(member.Id, member);
        _pendingDeadlines.Remove(member.Id);
        Bytes += BytesOf(member);
        SetProtocols(member, protocols);
    }

    /// <summary>Forgets a member or a pending id. Its waiting requests are told that nobody knows it any more.</summary>
    public void Remove(string memberId)
    {
        if (_members.Remove(memberId, out Member? member))
        {
            AnswerJoin(member, new JoinResult(KafkaError.UnknownMemberId, ""));
            AnswerSync(member, new SyncResult(KafkaError.UnknownMemberId));
            SetProtocols(member, []);
            SetAssignment(member, default);
            Bytes -= BytesOf(member);
            if (member.InstanceId is not null)
            {
                _idsByInstance.Remove(member.InstanceId);
            }
        }

        if (LeaderId == memberId)
        {
            LeaderId = FirstId;
        }

        _pendingDeadlines.Remove(memberId);
        _pendingSync.Remove(memberId);
    }

    /// <summary>A static member has come back: it keeps its place under a new id and whoever waits under the old one is fenced.</summary>
    public Member ReplaceStatic(string instanceId, string oldId, string newId)
    {
        int place = _members.IndexOf(oldId);
        Member member = _members.GetAt(place).Value;
        AnswerJoin(member, new JoinResult(KafkaError.FencedInstanceId, oldId));
        AnswerSync(member, new SyncResult(KafkaError.FencedInstanceId));
        _members.RemoveAt(place);
        Bytes -= BytesOf(member);
        member.Id = newId;
        Bytes += BytesOf(member);
        _members.Insert(place, newId, member);
        _idsByInstance[instanceId] = newId;
        if (LeaderId == oldId)
        {
            LeaderId = newId;
        }

        if (_pendingSync.Remove(oldId))
        {
            _pendingSync.Add(newId);
        }

        return member;
    }

    public void SetProtocols(Member member, IReadOnlyList<GroupProtocol> protocols)
    {
        foreach (string old in member.OfferedNames)
        {
            _offers[old]--;
            if (_offers[old] == 0)
            {
                _offers.Remove(old);
            }
        }

        Bytes -= member.Protocols.Sum(BytesOf);

        // Copied: the caller's bytes are slices of a request buffer that goes back to its pool.
        member.Protocols = [.. protocols.Select(static offer => offer with { Metadata = offer.Metadata.ToArray() })];
        Bytes += member.Protocols.Sum(BytesOf);
        foreach (string offered in member.OfferedNames)
        {
            _offers[offered] = _offers.GetValueOrDefault(offered) + 1;
        }
    }

    public void SetAssignment(Member member, ReadOnlyMemory<byte> assignment)
    {
        Bytes += assignment.Length - member.Assignment.Length;
        member.Assignment = assignment;
    }

    public void AwaitJoin(Member member, long ticket)
    {
        // The same member asks again, mostly after its connection broke: the older request must not wait for ever.
        AnswerJoin(member, new JoinResult(KafkaError.RebalanceInProgress, member.Id));
        member.JoinTicket = ticket;
        AwaitingJoinCount++;
    }

    public void AwaitSync(Member member, long ticket)
    {
        AnswerSync(member, new SyncResult(KafkaError.RebalanceInProgress));
        member.SyncTicket = ticket;
    }

    public bool AnswerJoin(Member member, JoinResult result)
    {
        if (member.JoinTicket is not { } ticket)
        {
            return false;
        }

        member.JoinTicket = null;
        AwaitingJoinCount--;
        effects.Answer(ticket, result);
        return true;
    }

    public bool AnswerSync(Member member, SyncResult result)
    {
        if (member.SyncTicket is not { } ticket)
        {
            return false;
        }

        member.SyncTicket = null;
        effects.Answer(ticket, result);
        return true;
    }

    public void ExpectSync(string memberId) => _pendingSync.Add(memberId);

    public void SyncArrived(string memberId) => _pendingSync.Remove(memberId);

    public void ClearPendingSync() => _pendingSync.Clear();

    /// <summary>Keeps the leader if it has joined, else takes the first who has. False when nobody has.</summary>
    public bool ElectJoinedLeader()
    {
        if (LeaderId is null)
        {
            return false;
        }

        if (_members[LeaderId].IsAwaitingJoin)
        {
            return true;
        }

        Member? joined = All.FirstOrDefault(static member => member.IsAwaitingJoin);
        if (joined is null)
        {
            return false;
        }

        LeaderId = joined.Id;
        return true;
    }

    public void RestoreLeader(string? leaderId) =>
        LeaderId = leaderId is not null && _members.ContainsKey(leaderId) ? leaderId : FirstId;

    /// <summary>Whether somebody who offers these could join: at least one protocol must be common to all.</summary>
    public bool Supports(string protocolType, IReadOnlyList<GroupProtocol> protocols) =>
        ProtocolType == protocolType
        && protocols.Any(offer => _members.Count == 0 || _offers.GetValueOrDefault(offer.Name) == _members.Count);

    /// <summary>Each member votes for its favourite among those that all offer; most votes win, ties go to the earliest voter.</summary>
    public string SelectProtocol()
    {
        Dictionary<string, int> votes = new(StringComparer.Ordinal);
        string? winner = null;
        foreach (Member member in All)
        {
            string favourite = member.Protocols.First(offer => _offers[offer.Name] == _members.Count).Name;
            votes[favourite] = votes.GetValueOrDefault(favourite) + 1;
            winner ??= favourite;
        }

        foreach (Member member in All)
        {
            string favourite = member.Protocols.First(offer => _offers[offer.Name] == _members.Count).Name;
            winner = votes[favourite] > votes[winner!] ? favourite : winner;
        }

        return winner ?? throw new InvalidOperationException("an empty group has no protocol to select");
    }

    private string? FirstId => _members.Count == 0 ? null : _members.GetAt(0).Key;

    public long NextPendingDeadlineMs => _pendingDeadlines.Count == 0 ? Member.Never : _pendingDeadlines.Values.Min();

    public ImmutableArray<string> PendingDue(long nowMs) =>
        [.. _pendingDeadlines.Where(pending => pending.Value <= nowMs).Select(static pending => pending.Key)];

    private static long BytesOf(Member member) =>
        (2L * (member.Id.Length + (member.InstanceId?.Length ?? 0) + member.ClientId.Length + member.ClientHost.Length)) + 256;

    public static long BytesOf(GroupProtocol protocol) => (2L * protocol.Name.Length) + protocol.Metadata.Length + 64;
}
