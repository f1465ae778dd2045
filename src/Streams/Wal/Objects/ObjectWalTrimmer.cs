using Microsoft.Extensions.Logging;
using PipeRoll.Streams.Metadata;

namespace PipeRoll.Streams.Wal.Objects;

/// <summary>
/// Gives up objects of the log that nobody needs any more: the trim point is recorded first, the objects are deleted after that, since
/// whoever recovers the log starts at what is recorded and must find it.
/// </summary>
/// <remarks>
/// Owner: <see cref="ObjectWriteAheadLog"/>. Thread: any; the work is done in the background, one run at a time, and what is asked for
/// meanwhile is done together. Failure: logged and tried again, for ever; the end of this broker's life is told to <paramref name="onFenced"/>.
/// </remarks>
internal sealed partial class ObjectWalTrimmer(ObjectWalContext context, Action<BrokerFencedException> onFenced) : IDisposable
{
    private const int PerDelete = 1000;
    private readonly Lock _lock = new();
    private readonly TaskScheduler _scheduler = TaskScheduler.Current;
    private readonly CancellationTokenSource _lifetime = new();
    private long _target = ObjectWalFormat.FirstNumber - 1;
    private long _recorded = ObjectWalFormat.FirstNumber - 1;
    private long _deleted = ObjectWalFormat.FirstNumber - 1;
    private bool _running;
    private bool _stopped;
    private Task _run = Task.CompletedTask;

    /// <summary>No object up to and with this number is needed.</summary>
    public void Trim(long number)
    {
        lock (_lock)
        {
            if (number <= _target || _stopped)
            {
                return;
            }

            _target = number;
            if (!_running)
            {
                _running = true;
                CancellationToken lifetime = _lifetime.Token;
                _run = Task.Factory.StartNew(() => RunAsync(lifetime), CancellationToken.None, TaskCreationOptions.None, _scheduler).Unwrap();
            }
        }
    }

    /// <summary>
    /// Ends the background work. With <paramref name="last"/>, the number of the log's last object, all of it is given up first, as far as
    /// the database and the store answer within the time that a stop may take.
    /// </summary>
    public async ValueTask StopAsync(long? last)
    {
        using var patience = new CancellationTokenSource(context.Options.WalStopPatience, context.Time);
        if (last is { } number)
        {
            Trim(number);
            await using CancellationTokenRegistration giveUp = patience.Token.Register(_lifetime.Cancel);
            await _run;
        }

        lock (_lock)
        {
            _stopped = true;
        }

        _lifetime.Cancel();
        await _run;
    }

    public void Dispose() => _lifetime.Dispose();

    private async Task RunAsync(CancellationToken cancellation)
    {
        try
        {
            for (int attempt = 0; TryNext(out long target);)
            {
                try
                {
                    await AdvanceAsync(target, cancellation);
                    attempt = 0;
                }
                catch (Exception failure) when (failure is not (OperationCanceledException or BrokerFencedException))
                {
                    LogFailed(context.Logger, target, failure);
                    await Task.Delay(context.RetryDelay(attempt++), context.Time, cancellation);
                }
            }
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            LogLeft(context.Logger, context.Broker, _deleted + 1);
        }
        catch (BrokerFencedException fenced)
        {
            onFenced(fenced);
        }
    }

    private bool TryNext(out long target)
    {
        lock (_lock)
        {
            target = _target;
            return _running = _deleted < target;
        }
    }

    private async ValueTask AdvanceAsync(long target, CancellationToken cancellation)
    {
        if (_recorded < target)
        {
            await context.Catalog.AdvanceWalAsync(context.Broker, target + 1, cancellation);
            _recorded = target;
        }

        long last = Math.Min(_recorded, _deleted + PerDelete);
        List<string> keys = [];
        for (long number = _deleted + 1; number <= last; number++)
        {
            keys.Add(ObjectWalFormat.KeyOf(context.Broker, number));
        }

        await context.Deletes.DeleteAsync(keys, cancellation);
        _deleted = last;
    }

    [LoggerMessage(50, LogLevel.Warning, "The write-ahead log could not be trimmed to object {Target} and will be trimmed later")]
    private static partial void LogFailed(ILogger logger, long target, Exception failure);

    [LoggerMessage(51, LogLevel.Information, "The log of broker life {Broker} keeps its objects from {First} on: they are deleted when it is forgotten")]
    private static partial void LogLeft(ILogger logger, BrokerEpoch broker, long first);
}
