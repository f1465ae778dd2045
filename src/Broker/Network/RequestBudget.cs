namespace PipeRoll.Broker.Network;

/// <summary>
/// The bound on bytes of requests in flight, over all connections. Small requests have a budget of their own: when producers
/// fill the large one, heartbeats and fetches are still read, and no consumer is taken for dead.
/// </summary>
/// <remarks>Any thread.</remarks>
internal sealed class RequestBudget(long bytesMax)
{
    public const int SmallRequestBytes = 8 * 1024;
    public const long SmallRequestsBytesMax = 64L * 1024 * 1024;

    private readonly ByteBudget _large = new(bytesMax);
    private readonly ByteBudget _small = new(Math.Min(bytesMax, SmallRequestsBytesMax));

    public long Used => _large.Used + _small.Used;

    public ValueTask AcquireAsync(int bytes, CancellationToken cancellation) => For(bytes).AcquireAsync(bytes, cancellation);

    public void Release(int bytes) => For(bytes).Release(bytes);

    private ByteBudget For(int bytes) => bytes <= SmallRequestBytes ? _small : _large;
}
