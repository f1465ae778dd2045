using Microsoft.Extensions.Logging;
using PipeRoll.Foundation.Scheduling;

namespace PipeRoll.Streams;

/// <summary>The end: clean, with everything committed, or at once, with the rest left to a recovery.</summary>
public sealed partial class StreamStorage
{
    public async ValueTask StopAsync(CancellationToken cancellation = default)
    {
        // 1. Nothing new; what was accepted becomes durable, uploads making room for it if need be, and is committed.
        //    When the caller gives up, or the store refuses for good, the log keeps the rest for the next start.
        Volatile.Write(ref _stopping, true);
        bool clean = false;
        try
        {
            await Wal.DrainAsync().Follow().WaitAsync(cancellation);
            while (!await _uploader.UploadAsync(cancellation) && !Broker.IsNone)
            {
                await Task.Delay(Options.HandOverPollMax, Time, cancellation);
            }

            clean = Cache.PinnedBytes == 0;
        }
        catch (Exception failure)
        {
            LogNotClean(_logger, failure);
        }

        // 2. No background work may outlive the log.
        _background.Cancel();
        await _loops;
        await Wal.StopAsync(clean);
        IsClean = clean;
        await DisposeAsync();
    }

    /// <summary>Lets go of everything without uploading or waiting; what was not committed is recovered by the next start.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_disposed)
        {
            return;
        }

        _disposed = true;
        Volatile.Write(ref _stopping, true);
        _background.Cancel();
        _lifetime.Cancel();
        await _loops;
        await Wal.StopAsync(clean: false);
        GiveBackBuffers();
        (Wal as IDisposable)?.Dispose();
        if (_parts.WalDevice is { } device)
        {
            await device.DisposeAsync();
        }

        _uploader.Dispose();
        Swaps.Dispose();
        Packer.Dispose();
        Metrics.Dispose();
    }

    /// <summary>Nothing is in flight any more; readers keep what they hold by references of their own.</summary>
    private void GiveBackBuffers()
    {
        StreamCore[] cores;
        lock (_lock)
        {
            cores = [.. _cores.Values, .. _released];
            _cores.Clear();
            _released.Clear();
        }

        foreach (StreamCore core in cores)
        {
            core.Writer?.MakeUnavailable(StreamUnavailableReason.Closed, "the storage was stopped");
            core.Destroy();
        }

        Blocks.Clear();
    }

    [LoggerMessage(11, LogLevel.Warning, "Not everything could be uploaded before the stop: the next start recovers it from the write-ahead log")]
    private static partial void LogNotClean(ILogger logger, Exception failure);
}
