namespace PipeRoll.Broker.Quotas;

/// <summary>
/// A rate as tokens that come back with time, up to a burst. One may take more than there are: the debt says for how long to wait, and
/// whoever does not wait makes it longer.
/// </summary>
/// <remarks>Not synchronised. Time is passed in, in seconds from any start, and does not go back.</remarks>
internal sealed class TokenBucket(double perSecond, double burst, double now)
{
    private double _burst = burst;
    private double _tokens = burst;
    private double _at = now;

    public double PerSecond { get; private set; } = perSecond;

    public bool IsFull(double now)
    {
        Refill(now);
        return _tokens >= _burst;
    }

    /// <returns>Seconds until the debt is paid back; 0 when there is none.</returns>
    public double Take(double amount, double now)
    {
        Refill(now);
        _tokens -= amount;
        return _tokens < 0 ? -_tokens / PerSecond : 0;
    }

    /// <summary>Takes nothing while there is a debt.</summary>
    /// <returns>0 when it was taken, else seconds until it may be tried again.</returns>
    public double TryTake(double amount, double now)
    {
        Refill(now);
        if (_tokens < 0)
        {
            return -_tokens / PerSecond;
        }

        _tokens -= amount;
        return 0;
    }

    /// <summary>Another rate from now on; what was taken stays taken.</summary>
    public void Change(double newPerSecond, double newBurst, double now)
    {
        Refill(now);
        _tokens = Math.Min(_tokens, newBurst);
        PerSecond = newPerSecond;
        _burst = newBurst;
    }

    private void Refill(double now)
    {
        _tokens = Math.Min(_burst, _tokens + ((now - _at) * PerSecond));
        _at = now;
    }
}
