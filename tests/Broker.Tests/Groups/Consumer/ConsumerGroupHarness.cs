using PipeRoll.Broker.Groups;
using PipeRoll.Broker.Groups.Consumer;
using PipeRoll.Broker.Groups.Offsets;
using PipeRoll.Wire;

namespace PipeRoll.Broker.Tests.Groups.Consumer;

/// <summary>A member as a client plays it: it has what it was told to have, and says so.</summary>
internal sealed class PlayedMember(string id, string? instance, string[] topics, string? regex, string? assignor)
{
    public string Id { get; set; } = id;

    public string? Instance { get; } = instance;

    public string[] Topics { get; set; } = topics;

    public string? Regex { get; } = regex;

    public string? Assignor { get; } = assignor;

    public int Epoch { get; set; }

    public HashSet<TopicIdPartition> Owned { get; } = [];

    /// <summary>Told to be given up, and not given up yet.</summary>
    public HashSet<TopicIdPartition> Revoking { get; } = [];

    public KafkaError LastError { get; set; }
}

/// <summary>
/// A group of the consumer protocol in virtual time, with its log: after every step it asserts that no partition is with two members and
/// that epochs never go back.
/// </summary>
internal sealed class ConsumerGroupHarness
{
    private readonly List<GroupLogRecord> _log = [];
    private int _lastEpoch;

    public ConsumerGroupHarness(GroupOptions? options = null)
    {
        Options = options ?? new GroupOptions();
        SessionTimeoutMs = Options.ConsumerSessionTimeoutMs;
        Group = new ConsumerGroupState("readers", Options, Topics);
    }

    public GroupOptions Options { get; }

    public MemoryTopicImage Topics { get; } = new();

    public ConsumerGroupState Group { get; private set; }

    public long NowMs { get; private set; } = 1_700_000_000_000;

    public List<PlayedMember> Members { get; } = [];

    public int SessionTimeoutMs { get; set; }

    /// <summary>Which members may not know of which topics.</summary>
    public HashSet<(string Member, string Topic)> Hidden { get; } = [];

    public PlayedMember Member(string id, string topics = "t", string? instance = null, string? regex = null, string? assignor = null)
    {
        PlayedMember member = new(id, instance, topics.Split(',', StringSplitOptions.RemoveEmptyEntries), regex, assignor);
        Members.Add(member);
        return member;
    }

    /// <summary>One heartbeat; what is revoked by its answer is given up before the next, unless told otherwise.</summary>
    public ConsumerHeartbeatResult Beat(PlayedMember member, bool givesUp = true, bool losesAnswer = false)
    {
        if (givesUp)
        {
            member.Revoking.Clear();
        }

        ConsumerHeartbeatResult result = Group.Heartbeat(
            new ConsumerHeartbeatCall(
                member.Id, member.Epoch, member.Instance, null, 30_000, member.Topics, member.Regex, member.Assignor,
                member.Epoch == 0 ? [] : [.. member.Owned, .. member.Revoking], "app", "/127.0.0.1")
            {
                SessionTimeoutMs = SessionTimeoutMs,
                MayDescribe = topic => !Hidden.Contains((member.Id, topic)),
            },
            NowMs);
        Settle();
        if (!losesAnswer)
        {
            Take(member, result);
        }

        Check();
        return result;
    }

    public ConsumerHeartbeatResult Leave(PlayedMember member, int epoch = ConsumerEpochs.Leave)
    {
        ConsumerHeartbeatResult result = Group.Heartbeat(
            new ConsumerHeartbeatCall(member.Id, epoch, member.Instance, null, -1, null, null, null, null, "app", "/127.0.0.1")
            {
                SessionTimeoutMs = SessionTimeoutMs,
                MayDescribe = static _ => true,
            },
            NowMs);
        member.Epoch = 0;
        member.Owned.Clear();
        member.Revoking.Clear();
        Settle();
        Check();
        return result;
    }

    /// <summary>All members beat in turn until nothing changes any more.</summary>
    public void Settled()
    {
        for (int round = 0; round < 20; round++)
        {
            bool changed = false;
            foreach (PlayedMember member in Members)
            {
                int before = member.Epoch;
                ConsumerHeartbeatResult result = Beat(member);
                changed |= result.Error != KafkaError.None || before != member.Epoch;
            }

            if (!changed && Group.StateName is "Stable" or "Empty")
            {
                return;
            }
        }

        Assert.Fail($"the group never became stable: it is {Group.StateName} at {Group.Epoch}/{Group.TargetEpoch}");
    }

    public void Pass(long milliseconds)
    {
        NowMs += milliseconds;
        while (Group.NextDeadlineMs <= NowMs)
        {
            Group.Tick(NowMs);
            Settle();
        }

        Check();
    }

    /// <summary>Another coordinator reads the log and goes on.</summary>
    public void TakeOver()
    {
        LoadedGroups loaded = new();
        foreach (GroupLogRecord record in _log)
        {
            GroupLogCodec.Read(record, loaded);
        }

        Group = new ConsumerGroupState("readers", Options, Topics);
        if (loaded.Groups.TryGetValue("readers", out LoadedGroup? group))
        {
            Group.Restore(group.Consumer, NowMs);
        }

        Check();
    }

    private static void Take(PlayedMember member, ConsumerHeartbeatResult result)
    {
        member.LastError = result.Error;
        if (result.Error != KafkaError.None)
        {
            member.Epoch = 0;
            member.Owned.Clear();
            member.Revoking.Clear();
            return;
        }

        member.Epoch = result.Epoch;
        if (result.Assignment is { } assignment)
        {
            member.Revoking.UnionWith(member.Owned.Except(assignment));
            member.Owned.Clear();
            member.Owned.UnionWith(assignment);
        }
    }

    private void Settle()
    {
        if (!Group.Journal.IsEmpty)
        {
            _log.AddRange(ConsumerGroupLog.Records(Group, Group.Journal.Take()));
        }
    }

    private void Check()
    {
        Assert.True(Group.Epoch >= _lastEpoch, $"the epoch went from {_lastEpoch} back to {Group.Epoch}");
        _lastEpoch = Group.Epoch;
        Dictionary<TopicIdPartition, string> owners = [];
        foreach (PlayedMember member in Members.Where(member => Group.Find(member.Id) is { IsAway: false }))
        {
            Assert.True(member.Epoch <= Group.Epoch, "a member is ahead of its group");
            foreach (TopicIdPartition partition in member.Owned.Concat(member.Revoking))
            {
                Assert.True(owners.TryAdd(partition, member.Id), $"{partition} is with {owners[partition]} and with {member.Id}");
            }
        }
    }
}
