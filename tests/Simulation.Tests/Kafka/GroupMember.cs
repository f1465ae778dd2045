using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Simulation.Kafka;

/// <summary>A consumer of a classic group: joins, is assigned partitions, reads them, commits how far it came.</summary>
/// <remarks>Owner: the scenario; one process, one thing at a time. Ends, and leaves, when it is told to.</remarks>
internal sealed class GroupMember(KafkaClient client, string groupId, GroupModel model, IReadOnlyList<PartitionModel> partitions)
{
    private static readonly TimeSpan HeartbeatEvery = TimeSpan.FromMilliseconds(700);

    private readonly GroupCoordination _coordination = new(client, groupId);
    private readonly Random _random = client.Host.Random;
    private string _memberId = "";
    private int _generation = -1;
    private string _leader = "";
    private bool _stopping;

    /// <summary>For the report on a hang.</summary>
    public string Doing { get; private set; } = "starting";

    public void Stop() => _stopping = true;

    public async Task RunAsync()
    {
        while (!_stopping)
        {
            if (await _coordination.FindAsync() && await JoinAsync() is { } assigned)
            {
                await ConsumeAsync(assigned);
            }
            else
            {
                await client.Host.BackOffAsync();
            }
        }

        Doing = "leaving";
        if (_memberId.Length > 0 && await _coordination.FindAsync())
        {
            await _coordination.LeaveAsync(_memberId);
        }

        client.Close();
    }

    /// <returns>The partitions assigned; null when it must try again.</returns>
    private async Task<IReadOnlyList<int>?> JoinAsync()
    {
        Doing = $"joining as {_memberId}";
        int stableBefore = model.StableGeneration;
        if (await _coordination.JoinAsync(_memberId) is not { } joined)
        {
            return null;
        }

        if (joined.ErrorCode != 0)
        {
            if ((KafkaError)joined.ErrorCode == KafkaError.MemberIdRequired)
            {
                _memberId = joined.MemberId;
                return null;
            }

            Refused((KafkaError)joined.ErrorCode, "JoinGroup");
            return null;
        }

        _memberId = joined.MemberId;
        _generation = joined.GenerationId;
        _leader = joined.Leader;
        model.Joined(_memberId, _generation, stableBefore);
        client.Host.World.Trace.Note("client.joined", client.Host.Process.Number, _generation);
        return await SyncAsync(joined);
    }

    private async Task<IReadOnlyList<int>?> SyncAsync(JoinGroupResponse joined)
    {
        IReadOnlyList<(string Member, byte[] Assignment)> assignments = joined.Leader == _memberId ? Assign(joined) : [];
        if (await _coordination.SyncAsync(_memberId, _generation, assignments) is not { } synced)
        {
            return null;
        }

        if (synced.ErrorCode != 0)
        {
            Refused((KafkaError)synced.ErrorCode, "SyncGroup");
            return null;
        }

        model.Synced(_generation, _leader, _memberId, synced.Assignment.Span);
        return [.. synced.Assignment.ToArray().Select(static index => (int)index)];
    }

    /// <summary>Partitions in turn to the members by name: a byte each.</summary>
    private List<(string Member, byte[] Assignment)> Assign(JoinGroupResponse joined)
    {
        string[] members = [.. joined.Members.Select(static member => member.MemberId).Order(StringComparer.Ordinal)];
        List<(string Member, byte[] Assignment)> assignments = [];
        for (int index = 0; index < members.Length; index++)
        {
            byte[] own = [.. partitions.Where(partition => partition.Partition % members.Length == index).Select(static one => (byte)one.Partition)];
            model.Assigning(_generation, members[index], own);
            assignments.Add((members[index], own));
        }

        return assignments;
    }

    private async Task ConsumeAsync(IReadOnlyList<int> assigned)
    {
        Doing = $"asking for offsets in {_generation}";
        var readers = new List<LogReader>();
        foreach (int partition in assigned)
        {
            if (await CommittedAsync(partition) is not { } from)
            {
                return;
            }

            readers.Add(new LogReader(client, partitions[partition], Math.Max(from.Offset, 0), lane: 2, from.LeaderEpoch));
        }

        Doing = $"consuming in {_generation}";
        long lastBeat = client.Host.Time.GetTimestamp();
        while (!_stopping)
        {
            foreach (LogReader reader in readers)
            {
                long before = reader.Offset;
                await reader.FetchAsync(waitMs: 20, bytesMax: 4096);
                if (reader.Offset > before && _random.Next(3) == 0 && !await CommitAsync(reader))
                {
                    return;
                }
            }

            if (client.Host.Time.GetElapsedTime(lastBeat) >= HeartbeatEvery)
            {
                lastBeat = client.Host.Time.GetTimestamp();
                if (!await BeatAsync())
                {
                    return;
                }
            }

            await client.Host.Process.DelayAsync(TimeSpan.FromMilliseconds(_random.Next(50, 300)));
        }
    }

    private async Task<FetchedCommit?> CommittedAsync(int partition)
    {
        long askedAtStep = client.Host.World.Scheduler.Steps;
        if (await _coordination.FetchAsync(partition) is not { } fetched)
        {
            return null;
        }

        model.Fetched(partition, fetched, askedAtStep);
        return fetched;
    }

    private async Task<bool> CommitAsync(LogReader reader)
    {
        CommitAttempt commit = model.Committing(reader.Partition, reader.Offset, reader.LastEpoch);
        KafkaError error = await _coordination.CommitAsync(_memberId, _generation, commit);
        if (error == KafkaError.None)
        {
            model.Committed(commit);
            client.Host.World.Trace.Note("client.committed", reader.Partition, reader.Offset);
            return true;
        }

        // A refusal at the door; where the log failed below, it may have been written nevertheless.
        commit.Refused = error is KafkaError.IllegalGeneration or KafkaError.UnknownMemberId or KafkaError.RebalanceInProgress;
        return Refused(error, "OffsetCommit");
    }

    private async Task<bool> BeatAsync()
    {
        KafkaError error = await _coordination.HeartbeatAsync(_memberId, _generation);
        return error == KafkaError.None || Refused(error, "Heartbeat");
    }

    /// <returns>Whether it may go on as a member; false to join again.</returns>
    private bool Refused(KafkaError error, string what)
    {
        client.Host.World.Trace.Note("client.group.refused", client.Host.Process.Number, (int)error);
        switch (error)
        {
            case KafkaError.RebalanceInProgress:
                return false;
            case KafkaError.UnknownMemberId or KafkaError.IllegalGeneration:
                _memberId = error == KafkaError.UnknownMemberId ? "" : _memberId;
                return false;
            default:
                model.Require(Retriable.Is(error), $"{what} of {_memberId} failed: {error}");
                _coordination.Forget();
                return false;
        }
    }
}
