using Microsoft.Extensions.Logging;
using PipeRoll.Foundation.Scheduling;
using PipeRoll.Streams.Metadata;

namespace PipeRoll.Streams;

/// <summary>
/// Looks at streams whose earlier owner has yet to commit its part, until it has: one query for all of them, often at first and
/// less often when it takes long.
/// </summary>
/// <remarks>
/// Owner: <see cref="StreamStorage"/>. Thread: <see cref="Watch"/> from any, the rest one run at a time. Failure: the database away
/// makes everybody wait; a stream that is gone wakes its readers, who then find that out.
/// </remarks>
internal sealed partial class GapWatcher(StreamStorage storage, ILogger logger)
{
    private const int StreamsPerQuery = 1000;
    private readonly Lock _lock = new();
    private readonly HashSet<StreamCore> _open = [];
    private TaskCompletionSource? _wake;
    private TimeSpan _interval;

    /// <summary>How many streams have a gap.</summary>
    public int Count
    {
        get
        {
            lock (_lock)
            {
                return _open.Count;
            }
        }
    }

    public void Watch(StreamCore core)
    {
        TaskCompletionSource? wake;
        lock (_lock)
        {
            _open.Add(core);
            _interval = storage.Options.HandOverPollMin;
            wake = _wake;
            _wake = null;
        }

        wake?.TrySetResult();
    }

    /// <summary>Runs until cancelled.</summary>
    public async Task RunAsync(CancellationToken cancellation)
    {
        while (!cancellation.IsCancellationRequested)
        {
            try
            {
                await NextWatch().Follow().WaitAsync(cancellation);
                await Task.Delay(NextInterval(), storage.Time, cancellation);
                await LookAsync(cancellation);
            }
            catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
            {
                return;
            }
            catch (MetadataUnavailableException away)
            {
                storage.Health.MetadataFailed(away);
            }
            catch (Exception failure)
            {
                LogFailed(logger, failure);
            }
        }
    }

    /// <summary>Looks once at every stream with a gap.</summary>
    public async ValueTask LookAsync(CancellationToken cancellation)
    {
        StreamCore[] open;
        lock (_lock)
        {
            open = [.. _open];
        }

        foreach (StreamCore[] some in open.Chunk(StreamsPerQuery))
        {
            Dictionary<StreamId, StreamState> states =
                (await storage.Metadata.ReadStreamsAsync([.. some.Select(static core => core.Id).Distinct()], cancellation)).ToDictionary(static s => s.Id);
            storage.Health.MetadataAnswered();
            foreach (StreamCore core in some)
            {
                Settle(core, states.TryGetValue(core.Id, out StreamState state) ? state : null);
            }
        }
    }

    private void Settle(StreamCore core, StreamState? state)
    {
        if (state is { } present && !core.Destroyed && !core.CloseGap(present.CommittedOffset))
        {
            return;
        }

        lock (_lock)
        {
            _open.Remove(core);
        }

        if (state is null)
        {
            core.Writer?.MakeUnavailable(StreamUnavailableReason.Closed, "it was destroyed");
        }

        core.WakeGap();
        storage.GapClosed(core);
    }

    private Task NextWatch()
    {
        lock (_lock)
        {
            if (_open.Count > 0)
            {
                return Task.CompletedTask;
            }

            _wake ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return _wake.Task;
        }
    }

    private TimeSpan NextInterval()
    {
        lock (_lock)
        {
            TimeSpan interval = _interval;
            _interval = TimeSpan.FromTicks(Math.Min(2 * interval.Ticks, storage.Options.HandOverPollMax.Ticks));
            return interval;
        }
    }

    [LoggerMessage(33, LogLevel.Warning, "Looking for what earlier owners have committed failed and will be tried again")]
    private static partial void LogFailed(ILogger logger, Exception failure);
}
