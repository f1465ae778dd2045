namespace PipeRoll.Streams.Wal.Objects;

/// <summary>
/// Decides when the gathering group is written: at once after a quiet spell, rarely while little comes, and under load a third of a
/// request's time after the one before it.
/// </summary>
/// <remarks>
/// A synchronous core: the log's lock guards it, and time is passed in, counted from any fixed instant. A group is paid for by its bytes when it
/// has enough of them, and else by a token, of which there are a few each second: so latency falls as load grows, without a threshold.
/// Tokens are saved up for a minute: a client that does one thing after the other (transactions, commits of offsets) waits for the store
/// alone then, and the bill stays what it is.
/// </remarks>
internal sealed class WalPacer(StreamStorageOptions options)
{
    private const double LingerShare = 1.0 / 3;
    private const double SecondsSaved = 60;
    private readonly double _tokensMax = options.WalQuietPutsPerSecond * SecondsSaved;
    private double _tokens = options.WalQuietPutsPerSecond * SecondsSaved;
    private TimeSpan _refilledAt;
    private TimeSpan _mayGoAt = TimeSpan.MinValue;

    /// <summary>Least time between two requests that are not full.</summary>
    public TimeSpan Linger { get; private set; } = options.WalLingerMin;

    /// <param name="bytes">Of the group that was sent.</param>
    public void Sent(TimeSpan now, long bytes)
    {
        Refill(now);
        _tokens = PaysForItself(bytes) ? _tokens : Math.Max(0, _tokens - 1);
        _mayGoAt = now + Linger;
    }

    /// <param name="medianMs">Of what requests took lately.</param>
    public void Stored(double medianMs) => Linger = TimeSpan.FromMilliseconds(Math.Clamp(
        medianMs * LingerShare, options.WalLingerMin.TotalMilliseconds, options.WalLingerMax.TotalMilliseconds));

    /// <summary>How long a group of so many bytes has to wait yet; zero when it may go.</summary>
    public TimeSpan DueIn(TimeSpan now, long bytes)
    {
        Refill(now);
        TimeSpan wait = _mayGoAt > now ? _mayGoAt - now : TimeSpan.Zero;
        // A hair less than one is one: it was added up from fractions.
        if (!PaysForItself(bytes) && _tokens < 1 - 1e-6)
        {
            TimeSpan token = TimeSpan.FromSeconds((1 - _tokens) / options.WalQuietPutsPerSecond);
            wait = token > wait ? token : wait;
        }

        return wait;
    }

    private bool PaysForItself(long bytes) => bytes >= options.WalBytesPerPut;

    private void Refill(TimeSpan now)
    {
        _tokens = Math.Min(_tokensMax, _tokens + ((now - _refilledAt).TotalSeconds * options.WalQuietPutsPerSecond));
        _refilledAt = now;
    }
}
