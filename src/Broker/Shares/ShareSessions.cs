using PipeRoll.Broker.Groups;
using PipeRoll.Broker.Groups.Consumer;
using PipeRoll.Wire;

namespace PipeRoll.Broker.Shares;

/// <summary>Which partitions a member of a share group fetches from this broker, kept from request to request (KIP-932).</summary>
internal sealed class ShareSession(string groupId, string memberId)
{
    private readonly List<TopicIdPartition> _partitions = [];
    private int _turn;

    public string GroupId { get; } = groupId;

    public string MemberId { get; } = memberId;

    public int NextEpoch { get; set; } = 1;

    public long UsedMs { get; set; }

    public IReadOnlyList<TopicIdPartition> Partitions => _partitions;

    public void Add(TopicIdPartition partition)
    {
        if (!_partitions.Contains(partition))
        {
            _partitions.Add(partition);
        }
    }

    public void Remove(TopicIdPartition partition) => _partitions.Remove(partition);

    /// <summary>All partitions, another one first each time.</summary>
    public TopicIdPartition[] InTurn()
    {
        if (_partitions.Count == 0)
        {
            return [];
        }

        int first = _turn++ % _partitions.Count;
        return [.. _partitions.Skip(first), .. _partitions.Take(first)];
    }
}

/// <summary>The share sessions of this broker.</summary>
/// <remarks>Any thread. Bounded: a session that was not used for a while makes room for a new one.</remarks>
internal sealed class ShareSessions(GroupClock clock)
{
    public const int InitialEpoch = 0;
    public const int FinalEpoch = -1;

    private const int SessionsMax = 2_000;
    private const long IdleMs = 60_000;

    private readonly Lock _gate = new();
    private readonly Dictionary<(string Group, string Member), ShareSession> _sessions = [];

    /// <summary>The session that a request belongs to: opened, gone on with, or closed by it.</summary>
    public (KafkaError Error, ShareSession? Session) Begin(string groupId, string memberId, int epoch)
    {
        lock (_gate)
        {
            (string, string) key = (groupId, memberId);
            if (epoch == InitialEpoch)
            {
                if (!_sessions.ContainsKey(key) && _sessions.Count >= SessionsMax && !TryMakeRoom())
                {
                    return (KafkaError.ShareSessionLimitReached, null);
                }

                ShareSession opened = new(groupId, memberId) { UsedMs = clock.NowMs };
                _sessions[key] = opened;
                return (KafkaError.None, opened);
            }

            if (!_sessions.TryGetValue(key, out ShareSession? session))
            {
                return (KafkaError.ShareSessionNotFound, null);
            }

            if (epoch == FinalEpoch)
            {
                _sessions.Remove(key);
                return (KafkaError.None, session);
            }

            if (epoch != session.NextEpoch)
            {
                return (KafkaError.InvalidShareSessionEpoch, null);
            }

            session.NextEpoch = session.NextEpoch == int.MaxValue ? 1 : session.NextEpoch + 1;
            session.UsedMs = clock.NowMs;
            return (KafkaError.None, session);
        }
    }

    /// <summary>Whether another member of the group fetches here.</summary>
    public bool HasOthers(ShareSession session)
    {
        lock (_gate)
        {
            return _sessions.Keys.Any(key => key.Group == session.GroupId && key.Member != session.MemberId);
        }
    }

    private bool TryMakeRoom()
    {
        ShareSession oldest = _sessions.Values.MinBy(static session => session.UsedMs)!;
        return clock.NowMs - oldest.UsedMs >= IdleMs && _sessions.Remove((oldest.GroupId, oldest.MemberId));
    }
}
