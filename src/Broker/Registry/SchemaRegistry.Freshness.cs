using System.Collections.Concurrent;
using PipeRoll.Broker.Partitions;
using PipeRoll.Foundation.Scheduling;
using PipeRoll.Schemas.Registry;

namespace PipeRoll.Broker.Registry;

/// <summary>
/// What the produce path asks, without waiting. The leader of the topic knows everything that is durable; other brokers keep a copy, which they renew
/// when a record names a schema that they don't know, and now and then while they are asked.
/// </summary>
public sealed partial class SchemaRegistry
{
    private const int MissesMax = 10_000;

    // How long a schema that was deleted, or a "no" that was found, may count on other brokers than the leader.
    private static readonly TimeSpan RenewAfter = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan MissesExpireAfter = TimeSpan.FromSeconds(5);

    private readonly ConcurrentDictionary<(string Subject, int Id), long> _misses = new();
    private readonly BackgroundTasks _background = new();
    private long _renewedFrom = long.MinValue;
    private int _isRenewing;

    private bool IsCurrent =>
        _log.Partition is not { } partition ? !_log.IsShared : (_log.IsOurs(partition) && partition.IsReadable && partition.Identity.TopicId == _topicId
            && Volatile.Read(ref _nextOffset) >= partition.HighWatermark);

    /// <summary>
    /// What is not in <see cref="Known"/> is in no registry. False: it is being looked up, and whoever asks again in a while is told.
    /// </summary>
    internal bool IsKnownMissing(string subject, int id)
    {
        if (IsCurrent)
        {
            return true;
        }

        long now = _time.GetTimestamp();
        if (_misses.Count > MissesMax)
        {
            _misses.Clear();
        }

        long missedAt = _misses.GetOrAdd((subject, id), now);
        if (Volatile.Read(ref _renewedFrom) > missedAt)
        {
            if (_time.GetElapsedTime(missedAt, now) > MissesExpireAfter)
            {
                _misses.TryRemove((subject, id), out _);
            }

            return true;
        }

        Renew();
        return false;
    }

    /// <summary>Somebody relies on <see cref="Known"/>.</summary>
    internal void Use()
    {
        long renewed = Volatile.Read(ref _renewedFrom);
        if (!IsCurrent && (renewed == long.MinValue || _time.GetElapsedTime(renewed) > RenewAfter))
        {
            Renew();
        }
    }

    /// <summary>Ends when nothing goes on in the background any more.</summary>
    internal Task WhenIdleAsync() => _background.WhenAllAsync();

    private void Renew()
    {
        if (Interlocked.Exchange(ref _isRenewing, 1) == 0)
        {
            _background.Start(RenewAsync);
        }
    }

    private async Task RenewAsync()
    {
        try
        {
            long from = _time.GetTimestamp();
            if (await TryRenewAsync())
            {
                Volatile.Write(ref _renewedFrom, from);
            }
        }
        finally
        {
            Volatile.Write(ref _isRenewing, 0);
        }
    }

    /// <returns>True when everything that was durable at the call is known.</returns>
    private async Task<bool> TryRenewAsync()
    {
        if (_log.Partition is null && _log.IsShared)
        {
            await _log.CatchUpWithTopicsAsync();
        }

        if (_log.Partition is not { } partition)
        {
            return true;
        }

        if (_log.IsOurs(partition))
        {
            return await CatchUpAsync(partition, CancellationToken.None) is null;
        }

        await _reading.EnterAsync(CancellationToken.None);
        try
        {
            BeginIfNew(partition);
            while (true)
            {
                if (await _log.ReadFromLeaderAsync(partition, _nextOffset, CancellationToken.None) is not { } read)
                {
                    return false;
                }

                _state = Fold(_state, read.Entries);
                bool isEnd = read.Next <= _nextOffset || read.Next >= read.End;
                Volatile.Write(ref _nextOffset, Math.Max(_nextOffset, read.Next));
                if (isEnd)
                {
                    return read.Next >= read.End;
                }
            }
        }
        finally
        {
            _reading.Release();
        }
    }

    /// <summary>A topic that was deleted and made anew: nothing of the old one holds. While reading.</summary>
    private void BeginIfNew(Partition partition)
    {
        if (partition.Identity.TopicId != _topicId)
        {
            (_state, _topicId) = (RegistryState.Empty, partition.Identity.TopicId);
            Volatile.Write(ref _nextOffset, 0);
            _misses.Clear();
        }
    }
}
