using Amazon;

namespace PipeRoll.Streams.Stores.S3;

/// <summary>
/// Signs requests by the store's clock once it has refused ours: a machine whose clock has jumped goes on writing.
/// </summary>
/// <remarks>
/// The correction is the SDK's, and so the whole process's: all of a process's stores are taken to keep the right time. Nothing else of
/// ours looks at it.
/// </remarks>
internal sealed class S3Clock(TimeProvider time)
{
    private const string Skewed = "RequestTimeTooSkewed";
    private long _aheadTicks;

    /// <summary>The store said that it was then.</summary>
    public void Saw(DateTimeOffset? storeTime)
    {
        if (storeTime is { } now)
        {
            Volatile.Write(ref _aheadTicks, (now - time.GetUtcNow()).Ticks);
        }
    }

    /// <summary>A request failed with <paramref name="errorCode"/>: corrects the time of the next ones when it was about that.</summary>
    public void Failed(string? errorCode)
    {
        if (errorCode == Skewed)
        {
            AWSConfigs.ManualClockCorrection = new TimeSpan(Volatile.Read(ref _aheadTicks));
        }
    }
}
