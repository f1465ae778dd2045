namespace PipeRoll.Broker.Network;

/// <summary>When a connection last moved, and what it is waiting for: decides when it has waited too long.</summary>
/// <remarks>The two loops of the connection write, a timer reads; a torn view costs at most one round of the timer.</remarks>
internal sealed class ConnectionWatch
{
    private readonly TimeProvider _time;
    private readonly long _idleMs;
    private readonly long _stalledMs;
    private long _readMovedAt;
    private long _writeMovedAt;
    private volatile bool _insideFrame;
    private volatile bool _writing;
    private volatile bool _paused;
    private int _requests;

    public ConnectionWatch(TimeProvider time, BrokerOptions options)
    {
        _time = time;
        _idleMs = options.ConnectionIdleMs;
        _stalledMs = options.StalledTransferMs;
        _readMovedAt = _writeMovedAt = time.GetTimestamp();
    }

    public void AwaitingFrame()
    {
        _insideFrame = false;
        _paused = false;
    }

    public void FrameBegun()
    {
        Volatile.Write(ref _readMovedAt, _time.GetTimestamp());
        _insideFrame = true;
        _paused = false;
    }

    /// <summary>The broker itself does not read now: the peer can't be blamed.</summary>
    public void Paused() => _paused = true;

    public void RequestStarted()
    {
        _insideFrame = false;
        Interlocked.Increment(ref _requests);
    }

    public void RequestEnded()
    {
        Volatile.Write(ref _writeMovedAt, _time.GetTimestamp());
        Interlocked.Decrement(ref _requests);
    }

    public void WriteBegun()
    {
        Volatile.Write(ref _writeMovedAt, _time.GetTimestamp());
        _writing = true;
    }

    public void WriteEnded() => _writing = false;

    /// <returns>Why the connection should end now, or null.</returns>
    public string? Overdue()
    {
        double sinceRead = _time.GetElapsedTime(Volatile.Read(ref _readMovedAt)).TotalMilliseconds;
        double sinceWrite = _time.GetElapsedTime(Volatile.Read(ref _writeMovedAt)).TotalMilliseconds;
        if (_writing && sinceWrite > _stalledMs)
        {
            return $"the peer has read nothing of its response for {_stalledMs} ms";
        }

        if (_paused)
        {
            return null;
        }

        if (_insideFrame && sinceRead > _stalledMs)
        {
            return $"the peer began a request and sent nothing more for {_stalledMs} ms";
        }

        return Volatile.Read(ref _requests) == 0 && Math.Min(sinceRead, sinceWrite) > _idleMs
            ? $"idle for {_idleMs} ms (connections.max.idle.ms)"
            : null;
    }
}
