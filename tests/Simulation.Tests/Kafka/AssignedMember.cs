using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Simulation.Kafka;

/// <summary>A consumer of a group whose partitions the coordinator assigns: beats, reads what it is given, commits how far it came.</summary>
/// <remarks>Owner: the scenario; one process, one thing at a time. Ends, and leaves, when it is told to.</remarks>
internal sealed class AssignedMember(KafkaClient client, string groupId, string memberId, AssignedModel model, IReadOnlyList<PartitionModel> partitions)
{
    public const int SessionTimeoutMs = 4000;
    private const int RebalanceTimeoutMs = 15_000;

    private readonly GroupCoordination _coordination = new(client, groupId);
    private readonly Dictionary<int, LogReader> _readers = [];
    private readonly Random _random = client.Host.Random;
    private Guid _topicId;
    private int _epoch;
    private bool _stopping;

    /// <summary>For the report on a hang.</summary>
    public string Doing => $"beating in epoch {_epoch} with {string.Join(' ', _readers.Keys)}";

    public void Stop() => _stopping = true;

    public async Task RunAsync()
    {
        while (!_stopping)
        {
            if (!await _coordination.FindAsync() || !await BeatAsync())
            {
                await client.Host.BackOffAsync();
                continue;
            }

            foreach (LogReader reader in _readers.Values.ToArray())
            {
                long before = reader.Offset;
                await reader.FetchAsync(waitMs: 20, bytesMax: 4096);
                if (reader.Offset > before && _random.Next(3) == 0 && !await CommitAsync(reader))
                {
                    break;
                }
            }

            await client.Host.Process.DelayAsync(TimeSpan.FromMilliseconds(_random.Next(50, 300)));
        }

        if (await _coordination.FindAsync())
        {
            await CallAsync(-1, []);
        }

        model.Lost(memberId);
        client.Close();
    }

    private async Task<bool> BeatAsync()
    {
        DateTimeOffset askedAt = model.Now;
        int? highestBefore = _epoch == 0 ? model.HighestEpoch : null;
        if (await CallAsync(_epoch, [.. _readers.Keys]) is not { } answer)
        {
            return false;
        }

        var error = (KafkaError)answer.ErrorCode;
        client.Host.World.Trace.Note("client.assigned", answer.MemberEpoch, (int)error);
        if (error is KafkaError.FencedMemberEpoch or KafkaError.UnknownMemberId)
        {
            _epoch = 0;
            _readers.Clear();
            model.Lost(memberId);
            return false;
        }

        if (error != KafkaError.None)
        {
            model.Commits.Require(Retriable.Is(error), $"a heartbeat of {memberId} failed: {error}");
            _coordination.Forget();
            return false;
        }

        _epoch = answer.MemberEpoch;
        List<int> given = answer.Assignment is { } assignment
            ? [.. assignment.TopicPartitions.SelectMany(static topic => topic.Partitions)]
            : [.. _readers.Keys];
        _topicId = answer.Assignment?.TopicPartitions.FirstOrDefault()?.TopicId ?? _topicId;
        foreach (int lost in _readers.Keys.Except(given).ToArray())
        {
            _readers.Remove(lost);
        }

        model.Told(memberId, _epoch, highestBefore, given, askedAt, SessionTimeoutMs);
        foreach (int gained in given.Except(_readers.Keys).ToArray())
        {
            long askedAtStep = client.Host.World.Scheduler.Steps;
            if (await _coordination.FetchAsync(gained) is not { } from)
            {
                // It says that it has none of the rest, and is told again.
                _epoch = 0;
                _readers.Clear();
                return false;
            }

            model.Commits.Fetched(gained, from, askedAtStep);
            _readers[gained] = new LogReader(client, partitions[gained], Math.Max(from.Offset, 0), lane: 2, from.LeaderEpoch);
        }

        return true;
    }

    private async Task<bool> CommitAsync(LogReader reader)
    {
        CommitAttempt commit = model.Commits.Committing(reader.Partition, reader.Offset, reader.LastEpoch);
        KafkaError error = await _coordination.CommitAsync(memberId, _epoch, commit, version: 9);
        if (error == KafkaError.None)
        {
            model.Commits.Committed(commit);
            return true;
        }

        commit.Refused = error is KafkaError.StaleMemberEpoch or KafkaError.UnknownMemberId or KafkaError.IllegalGeneration;
        model.Commits.Require(commit.Refused || Retriable.Is(error), $"a commit of {memberId} failed: {error}");
        _coordination.Forget();
        return false;
    }

    private Task<ConsumerGroupHeartbeatResponse?> CallAsync(int epoch, int[] owned) =>
        _coordination.CallAsync<ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse>(
            new ConsumerGroupHeartbeatRequest
            {
                GroupId = groupId,
                MemberId = memberId,
                MemberEpoch = epoch,
                RebalanceTimeoutMs = RebalanceTimeoutMs,
                SubscribedTopicNames = [client.Topic],
                TopicPartitions = epoch <= 0 || owned.Length == 0 ? [] : [new() { TopicId = _topicId, Partitions = [.. owned] }],
            },
            1);
}
