using PipeRoll.Broker.Partitions;
using PipeRoll.Foundation.Scheduling;
using PipeRoll.Wire;

namespace PipeRoll.Broker.Shares;

/// <summary>The share partitions whose logs this broker leads: each is read when it is first asked for, and let go of with the leadership.</summary>
/// <remarks>Owner: the group module. Any thread.</remarks>
internal sealed class SharePartitions(ShareServices services) : IDisposable
{
    private readonly Lock _gate = new();
    private readonly SemaphoreSlim _loading = new(1);
    private readonly Dictionary<SharePartitionKey, SharePartition> _partitions = [];

    /// <summary>What was let go of and may still be written.</summary>
    private readonly Dictionary<SharePartitionKey, Task> _leaving = [];

    /// <returns>
    /// The partition, or why it can't be had now: UNKNOWN_TOPIC_ID, UNKNOWN_TOPIC_OR_PARTITION, NOT_LEADER_OR_FOLLOWER, or of its state.
    /// </returns>
    public async ValueTask<(KafkaError Error, SharePartition? Partition)> GetAsync(SharePartitionKey key, CancellationToken cancellation)
    {
        if (services.Topics.Find(key.Topic) is not { } topic)
        {
            return (KafkaError.UnknownTopicId, null);
        }

        if (topic.Partition(key.Partition) is not { } log)
        {
            return (KafkaError.UnknownTopicOrPartition, null);
        }

        if (!log.IsReadable)
        {
            Forget(key);
            return (KafkaError.NotLeaderOrFollower, null);
        }

        if (Known(key, log) is { } known)
        {
            return (KafkaError.None, known);
        }

        await _loading.EnterAsync(cancellation);
        try
        {
            return Known(key, log) is { } loaded ? (KafkaError.None, loaded) : await LoadAsync(key, log, cancellation);
        }
        finally
        {
            _loading.Release();
        }
    }

    public void Forget(SharePartitionKey key)
    {
        lock (_gate)
        {
            if (_partitions.Remove(key, out SharePartition? partition))
            {
                LetGo(partition);
            }
        }
    }

    public void ForgetGroup(string groupId)
    {
        foreach (SharePartitionKey key in Keys(key => key.GroupId == groupId))
        {
            Forget(key);
        }
    }

    public void ForgetTopic(Guid topic)
    {
        foreach (SharePartitionKey key in Keys(key => key.Topic == topic))
        {
            Forget(key);
        }
    }

    public void Dispose()
    {
        foreach (SharePartitionKey key in Keys(static _ => true))
        {
            Forget(key);
        }

        _loading.Dispose();
    }

    private SharePartitionKey[] Keys(Func<SharePartitionKey, bool> which)
    {
        lock (_gate)
        {
            return [.. _partitions.Keys.Where(which)];
        }
    }

    private SharePartition? Known(SharePartitionKey key, Partition log)
    {
        lock (_gate)
        {
            if (!_partitions.TryGetValue(key, out SharePartition? known))
            {
                return null;
            }

            if (ReferenceEquals(known.Log, log) && known.LeaderEpoch == log.LeaderEpoch && !known.IsGivenUp)
            {
                return known;
            }

            _partitions.Remove(key);
            LetGo(known);
            return null;
        }
    }

    /// <summary>Under the lock.</summary>
    private void LetGo(SharePartition partition)
    {
        partition.Dispose();
        _leaving[partition.Key] = partition.WhenWrittenAsync();
    }

    private async Task WhenWrittenAsync(SharePartitionKey key)
    {
        Task? written;
        lock (_gate)
        {
            _leaving.Remove(key, out written);
        }

        if (written is not null)
        {
            await written;
        }
    }

    private async Task<(KafkaError Error, SharePartition? Partition)> LoadAsync(
        SharePartitionKey key, Partition log, CancellationToken cancellation)
    {
        int epoch = log.LeaderEpoch;
        await WhenWrittenAsync(key);
        (KafkaError error, ShareSnapshot? snapshot) = await services.States.ReadAsync(key, cancellation);
        if (error != KafkaError.None)
        {
            return (error, null);
        }

        int deliveriesMax = services.Options.ShareDeliveriesMax;
        int recordsMax = services.Options.SharePartitionRecordsMax;
        long begin = snapshot is { StartOffset: >= 0 } ? snapshot.StartOffset : await BeginningAsync(key.GroupId, log, cancellation);
        SharePartition partition = new(
            key, log, epoch,
            snapshot is { StartOffset: >= 0 }
                ? SharePartitionState.Of(snapshot, deliveriesMax, recordsMax)
                : new SharePartitionState(begin, deliveriesMax, recordsMax),
            services);
        if (snapshot is null && await partition.BeginAsync() is var refused and not KafkaError.None)
        {
            partition.Dispose();
            return (refused, null);
        }

        lock (_gate)
        {
            _partitions[key] = partition;
        }

        return (KafkaError.None, partition);
    }

    /// <summary>Where a group without a state begins, as its settings say.</summary>
    private async ValueTask<long> BeginningAsync(string group, Partition log, CancellationToken cancellation)
    {
        TimeSpan? back = services.Settings.BeginningOf(group).Back;
        if (back is not { } time)
        {
            return Math.Max(log.HighWatermark, 0);
        }

        if (time > TimeSpan.Zero && log.ReadableStream is { } stream)
        {
            long since = (services.Time.GetUtcNow() - time).ToUnixTimeMilliseconds();
            TimestampedOffset found = await TimestampSearch.FirstAtOrAfterAsync(stream, Math.Max(since, 0), services.Decompressors, cancellation);
            return found.Offset >= 0 ? found.Offset : Math.Max(log.HighWatermark, 0);
        }

        return Math.Max(log.LogStartOffset, 0);
    }
}
