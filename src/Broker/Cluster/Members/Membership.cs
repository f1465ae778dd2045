using Microsoft.Extensions.Logging;
using PipeRoll.Streams.Metadata;

namespace PipeRoll.Broker.Cluster.Members;

/// <summary>This broker's life in the cluster: registration, heartbeats, and the end when it is declared dead.</summary>
/// <remarks>
/// Owner: the <see cref="ClusterMember"/>. Any thread reads. While the database is away heartbeats are tried on and on, and nothing else
/// changes: only the database says that a life has ended, and then it is said once.
/// </remarks>
internal sealed partial class Membership(
    ClusterOptions options, ClusterDependencies dependencies, ClusterMetrics metrics, ILogger logger)
{
    private readonly Lock _gate = new();
    private readonly TimeProvider _time = dependencies.Time;
    private readonly TimeSpan _session = TimeSpan.FromMilliseconds(options.SessionMs);
    private BrokerEpoch _epoch;
    private BrokerLoad _load;
    private Contact _contact;
    private ControllerTerm _controller;
    private DateTimeOffset? _awaySince;
    private string? _fencedBecause;
    private bool _mayLead;

    public BrokerEpoch Epoch => _epoch;

    public bool IsFenced => FencedBecause is not null;

    /// <summary>Why this life has ended; null while it has not.</summary>
    public string? FencedBecause => Volatile.Read(ref _fencedBecause);

    /// <summary>Since when the database has not answered; null while it does.</summary>
    public DateTimeOffset? AwaySince
    {
        get
        {
            lock (_gate)
            {
                return _awaySince;
            }
        }
    }

    public bool IsMetadataAway => AwaySince is not null;

    /// <summary>The place and term of the controller, when it is this broker and it was confirmed within a session; else null.</summary>
    public ControllerTerm? Term
    {
        get
        {
            lock (_gate)
            {
                return !_epoch.IsNone && _controller.Broker == _epoch && _fencedBecause is null
                    && _contact.IsFresh(_session, _time.GetTimestamp(), _time) ? _controller : null;
            }
        }
    }

    /// <inheritdoc cref="IClusterView.IsInTouch"/>
    public bool IsInTouch
    {
        get
        {
            lock (_gate)
            {
                return _fencedBecause is null && _contact.IsFresh(_session, _time.GetTimestamp(), _time);
            }
        }
    }

    /// <summary>Whether this broker has been in contact long enough to judge who else was not.</summary>
    public bool MayJudge
    {
        get
        {
            lock (_gate)
            {
                return _contact.HasLasted(_session, _time.GetTimestamp(), _time);
            }
        }
    }

    /// <summary>What the next heartbeats say of this broker.</summary>
    public void Report(BrokerLoad load)
    {
        lock (_gate)
        {
            _load = load;
        }
    }

    /// <summary>Told after each heartbeat which of the others has been silent for longest.</summary>
    public Action<QuietBroker>? OnQuietest { get; set; }

    /// <summary>From now on this broker takes the controller's place when that is free.</summary>
    public void MayLead() => Volatile.Write(ref _mayLead, true);

    /// <summary>Begins this life. Waits for the database while that is away.</summary>
    public async ValueTask<BrokerEpoch> RegisterAsync(BrokerEndpoint endpoint, CancellationToken cancellation)
    {
        while (true)
        {
            try
            {
                // When the answer was lost, the next try begins another life, which fences this one: nothing was written in it.
                BrokerEpoch epoch = await dependencies.Metadata.RegisterBrokerAsync(endpoint, _session, cancellation);
                lock (_gate)
                {
                    _epoch = epoch;
                    _awaySince = null;
                }

                LogRegistered(logger, endpoint.NodeId, epoch, endpoint.Host, endpoint.Port);
                return epoch;
            }
            catch (MetadataUnavailableException error)
            {
                if (NoteAway())
                {
                    LogAway(logger, error.Message);
                }

                await Task.Delay(TimeSpan.FromMilliseconds(options.HeartbeatMs), _time, cancellation);
            }
        }
    }

    /// <summary>Sends heartbeats until cancelled, or until this life has ended.</summary>
    public async Task RunAsync(CancellationToken cancellation)
    {
        while (!IsFenced)
        {
            long sentAt = _time.GetTimestamp();
            await BeatAsync(sentAt, cancellation);
            TimeSpan rest = TimeSpan.FromMilliseconds(options.HeartbeatMs) - _time.GetElapsedTime(sentAt);
            if (rest > TimeSpan.Zero && !IsFenced)
            {
                await Task.Delay(rest, _time, cancellation);
            }
        }
    }

    /// <summary>This life has ended. Said once, whoever finds out first.</summary>
    public void Fenced(string reason)
    {
        if (Interlocked.CompareExchange(ref _fencedBecause, reason, null) is null)
        {
            LogFenced(logger, options.NodeId, _epoch, reason);
            metrics.Fenced();
            dependencies.OnFenced(reason);
        }
    }

    private async ValueTask BeatAsync(long sentAt, CancellationToken cancellation)
    {
        BrokerLoad load;
        lock (_gate)
        {
            load = _load;
        }

        // Half a session: a call that hangs must not take the place of the one that would be answered.
        using var late = new CancellationTokenSource(_session / 2, _time);
        using CancellationTokenRegistration stop = cancellation.UnsafeRegister(
            static source => ((CancellationTokenSource)source!).Cancel(), late);
        try
        {
            Heartbeat beat = await dependencies.Metadata.HeartbeatAsync(
                new HeartbeatRequest(_epoch, load, _session, Volatile.Read(ref _mayLead)), late.Token);
            metrics.Heartbeat(beat.IsAccepted ? "accepted" : "refused", _time.GetElapsedTime(sentAt));
            if (!beat.IsAccepted)
            {
                Fenced(
                    "it was declared dead: its lease had passed, it was silent while its advertised address refused connections, or a new life of the "
                    + "node began; its log is recovered by others");
                return;
            }

            Accept(beat, sentAt);
        }
        catch (Exception error) when (error is MetadataUnavailableException
            || (error is OperationCanceledException && !cancellation.IsCancellationRequested))
        {
            metrics.Heartbeat("unanswered", _time.GetElapsedTime(sentAt));
            if (NoteAway())
            {
                LogAway(logger, error.Message);
            }
        }
    }

    private void Accept(Heartbeat beat, long sentAt)
    {
        DateTimeOffset? away;
        bool tookPlace;
        lock (_gate)
        {
            away = _awaySince;
            _awaySince = null;
            _contact = _contact.Answered(sentAt, _session, _time);
            tookPlace = beat.Controller.Broker == _epoch && beat.Controller != _controller;
            _controller = beat.Controller;
        }

        metrics.LogSeen(beat.LogEnd);
        if (beat.Quietest is { } quietest)
        {
            OnQuietest?.Invoke(quietest);
        }

        if (away is { } since)
        {
            LogBack(logger, (_time.GetUtcNow() - since).TotalSeconds);
        }

        if (tookPlace)
        {
            metrics.TermBegun();
            LogController(logger, options.NodeId, _epoch, beat.Controller.Term);
        }
    }

    /// <returns>True when it was there until now.</returns>
    private bool NoteAway()
    {
        lock (_gate)
        {
            _contact = _contact.Failed();
            if (_awaySince is not null)
            {
                return false;
            }

            _awaySince = _time.GetUtcNow();
            return true;
        }
    }

    [LoggerMessage(51, LogLevel.Information, "node {NodeId} begins life {Epoch}, advertised as {Host}:{Port}")]
    private static partial void LogRegistered(ILogger logger, int nodeId, BrokerEpoch epoch, string host, int port);

    [LoggerMessage(52, LogLevel.Warning,
        "the metadata database does not answer; open partitions are served on, everything else waits for it: {Reason}")]
    private static partial void LogAway(ILogger logger, string reason);

    [LoggerMessage(53, LogLevel.Information, "the metadata database answers again after {Seconds:F1} s")]
    private static partial void LogBack(ILogger logger, double seconds);

    [LoggerMessage(54, LogLevel.Critical, "life {Epoch} of node {NodeId} has ended: {Reason}")]
    private static partial void LogFenced(ILogger logger, int nodeId, BrokerEpoch epoch, string reason);

    [LoggerMessage(55, LogLevel.Information, "node {NodeId}, life {Epoch}, is controller for term {Term}")]
    private static partial void LogController(ILogger logger, int nodeId, BrokerEpoch epoch, long term);
}
