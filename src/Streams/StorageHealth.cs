using Microsoft.Extensions.Logging;
using PipeRoll.Streams.Metadata;

namespace PipeRoll.Streams;

/// <summary>What the storage has noticed of the things that it depends on; for <c>/readyz</c> and metrics.</summary>
/// <remarks>Any thread.</remarks>
public sealed partial class StorageHealth
{
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly Lock _lock = new();
    private DateTimeOffset? _metadataAwaySince;

    internal StorageHealth(TimeProvider time, ILogger logger)
    {
        _time = time;
        _logger = logger;
    }

    /// <summary>
    /// Since when the database does not answer; null while it does, as far as the storage has asked. What was acknowledged waits in
    /// the log meanwhile, and appends go on until the log cache has reached its bound.
    /// </summary>
    public DateTimeOffset? MetadataAwaySince
    {
        get
        {
            lock (_lock)
            {
                return _metadataAwaySince;
            }
        }
    }

    /// <summary>Zero while it answers.</summary>
    public double MetadataAwaySeconds => MetadataAwaySince is { } since ? (_time.GetUtcNow() - since).TotalSeconds : 0;

    public bool IsMetadataAway => MetadataAwaySince is not null;

    /// <summary>Why the storage has ended for good: a log that can't be written, or a life that the cluster has ended. Null while it works.</summary>
    public Exception? Fatal { get; internal set; }

    internal void MetadataFailed(MetadataUnavailableException failure)
    {
        lock (_lock)
        {
            if (_metadataAwaySince is not null)
            {
                return;
            }

            _metadataAwaySince = _time.GetUtcNow();
        }

        LogAway(_logger, failure);
    }

    internal void MetadataAnswered()
    {
        DateTimeOffset since;
        lock (_lock)
        {
            if (_metadataAwaySince is not { } away)
            {
                return;
            }

            since = away;
            _metadataAwaySince = null;
        }

        LogBack(_logger, (_time.GetUtcNow() - since).TotalSeconds);
    }

    [LoggerMessage(34, LogLevel.Warning, "The metadata database is away: uploads wait, and the write-ahead log keeps everything meanwhile")]
    private static partial void LogAway(ILogger logger, Exception failure);

    [LoggerMessage(35, LogLevel.Information, "The metadata database answers again, after {Seconds:F1} s")]
    private static partial void LogBack(ILogger logger, double seconds);
}
