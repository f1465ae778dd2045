using Microsoft.Extensions.Logging;
using PipeRoll.Streams.Metadata;
using PipeRoll.Streams.Wal;
using PipeRoll.Streams.Wal.Objects;

namespace PipeRoll.Streams;

/// <summary>What a storage does as a broker of a cluster: give streams away, take over the logs of the dead, end when it was fenced.</summary>
public sealed partial class StreamStorage
{
    private int _ended;

    public double WalLatencyMs => Wal.LatencyMs;

    public void Release(StreamId id)
    {
        StreamCore? core;
        lock (_lock)
        {
            if (_cores.Remove(id, out core))
            {
                core.Released = true;
                _released.Add(core);
            }
        }

        if (core is not null)
        {
            core.Writer?.MakeUnavailable(StreamUnavailableReason.Closed, "it was handed over to another broker");
            core.WakeGap();
            _uploader.ReleasesWaiting();
        }
    }

    public async ValueTask RecoverAsync(BrokerEpoch dead, CancellationToken cancellation = default)
    {
        ThrowIfStopping();
        BrokerRecord? record = (await Metadata.ReadBrokersAsync(cancellation)).FirstOrDefault(broker => broker.Epoch == dead);
        if (record is null || record.State == BrokerState.Gone)
        {
            return; // somebody else was quicker
        }

        await TakeOverAsync(record, cancellation);
    }

    public ValueTask LookForFenceAsync(CancellationToken cancellation = default) =>
        Wal is ObjectWriteAheadLog log ? log.LookForFenceAsync(cancellation) : ValueTask.CompletedTask;

    /// <summary>What waits for nothing but its upload.</summary>
    internal List<StreamCore> ReleasedCores()
    {
        lock (_lock)
        {
            return [.. _released];
        }
    }

    /// <summary>Forgets what was handed over and is committed now.</summary>
    internal void ForgetReleased()
    {
        foreach (StreamCore core in ReleasedCores().Where(static core => core.UploadFrom >= core.Confirmed))
        {
            Drop(core);
        }
    }

    /// <summary>The earlier owner's part is committed: ours may follow.</summary>
    internal void GapClosed(StreamCore core)
    {
        if (core.Released)
        {
            _uploader.ReleasesWaiting();
        }
    }

    /// <summary>The stream was opened elsewhere and then here again, before this broker was told that it had lost it.</summary>
    private StreamCore Succeed(StreamCore former)
    {
        Release(former.Id);
        return GetOrAddCore(former.Id);
    }

    /// <summary>The cluster has ended this life: nothing is written any more, and whoever appends is told.</summary>
    internal void Fenced(BrokerFencedException fenced)
    {
        StreamCore[] cores;
        lock (_lock)
        {
            cores = [.. _cores.Values];
        }

        foreach (StreamCore core in cores)
        {
            core.Writer?.MakeUnavailable(StreamUnavailableReason.Fenced, fenced.Message);
        }

        _background.Cancel();
        End(fenced);
    }

    private void End(Exception failure)
    {
        if (Interlocked.Exchange(ref _ended, 1) == 0)
        {
            Health.Fatal = failure;
            LogEnded(_logger, failure);
            _parts.OnFatal(failure);
        }
    }

    [LoggerMessage(13, LogLevel.Critical, "The storage has ended: nothing more is acknowledged, and the process must end")]
    private static partial void LogEnded(ILogger logger, Exception failure);
}
