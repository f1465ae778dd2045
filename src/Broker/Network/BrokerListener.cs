using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using Microsoft.Extensions.Logging;
using PipeRoll.Broker.Handlers;

namespace PipeRoll.Broker.Network;

/// <summary>Accepts connections, bounds how many there are, and ends those that idle or stall.</summary>
/// <remarks>Owner: the broker. Failure: an accept that fails is logged and the next one tried; it never ends by itself.</remarks>
[SuppressMessage("Design", "CA1001", Justification = "StopAsync disposes it, after the loops that use it have ended.")]
internal sealed partial class BrokerListener
{
    private static readonly TimeSpan CheckPeriodMin = TimeSpan.FromMilliseconds(10);
    private static readonly TimeSpan CheckPeriodMax = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan AcceptPause = TimeSpan.FromMilliseconds(100);

    private readonly IConnectionListener _transport;
    private readonly ConnectionServices _services;
    private readonly ConnectionTable _table;
    private readonly BackgroundTasks _loops = new();
    private readonly BackgroundTasks _running = new();
    private readonly CancellationTokenSource _stopping = new();
    private long _lastId;

    public BrokerListener(IConnectionListener transport, ConnectionServices services)
    {
        _transport = transport;
        _services = services;
        _table = new ConnectionTable(
            () => services.Configs.Options.ConnectionsMax, () => services.Configs.Options.ConnectionsPerAddressMax);
    }

    public int Port => _transport.Port;

    public int Connections => _table.Count;

    public void Start()
    {
        _loops.Start(AcceptLoopAsync);
        _loops.Start(CheckLoopAsync);
    }

    /// <summary>Stops accepting and reading, waits for answers in flight, then closes what is left.</summary>
    public async ValueTask StopAsync()
    {
        _stopping.Cancel();
        await _transport.DisposeAsync();
        await _loops.WhenAllAsync();
        foreach (Connection connection in _table.Snapshot())
        {
            connection.StopReading();
        }

        Task drained = _running.WhenAllAsync();
        try
        {
            await drained.WaitAsync(TimeSpan.FromMilliseconds(_services.Options.StopDrainMs), _services.Time);
        }
        catch (TimeoutException)
        {
            foreach (Connection connection in _table.Snapshot())
            {
                await connection.AbortAsync("the broker stops and this connection's requests have not ended");
            }

            // What still runs waits for the log, which the caller is about to close: it ends then.
        }

        _stopping.Dispose();
    }

    private async Task AcceptLoopAsync()
    {
        while (!_stopping.IsCancellationRequested)
        {
            try
            {
                IConnection? transport = await _transport.AcceptAsync(_stopping.Token);
                if (transport is null)
                {
                    return;
                }

                await AdmitAsync(transport);
            }
            catch (Exception error) when (!_stopping.IsCancellationRequested)
            {
                // Out of file descriptors, most likely: connections that end will free some.
                LogAcceptFailed(_services.Logger, error);
                await Task.Delay(AcceptPause, _services.Time);
            }
            catch (Exception)
            {
                return;
            }
        }
    }

    private async ValueTask AdmitAsync(IConnection transport)
    {
        if (_table.TryAdmit(transport.RemoteAddress) is { } refusal)
        {
            LogRefused(_services.Logger, transport.RemoteEndPoint, refusal);
            _services.Metrics.ConnectionRefused();
            await transport.DisposeAsync();
            return;
        }

        if (_services.Quotas.ChargeConnection(transport.RemoteAddress) is var waitMs and > 0)
        {
            TurnAwayLater(transport, waitMs);
            return;
        }

        string id = string.Create(CultureInfo.InvariantCulture, $"{transport.RemoteEndPoint}-{++_lastId}");
        var connection = new Connection(transport, new ClientIdentity(id, transport.RemoteAddress), _services);
        _table.Add(connection);
        _running.Start(async () =>
        {
            await connection.RunAsync();
            _table.Remove(connection);
            _table.Leave(transport.RemoteAddress);
        });
    }

    /// <summary>As Kafka: too many connections too fast from an address are closed, not at once, so that it does not come back at once.</summary>
    private void TurnAwayLater(IConnection transport, int waitMs)
    {
        LogRefused(_services.Logger, transport.RemoteEndPoint, "its address makes connections faster than its quota allows");
        _services.Metrics.ConnectionRefused();
        _running.Start(async () =>
        {
            try
            {
                await Task.Delay(TimeSpan.FromMilliseconds(waitMs), _services.Time, _stopping.Token);
            }
            catch (OperationCanceledException)
            {
                // The broker stops.
            }

            await transport.DisposeAsync();
            _table.Leave(transport.RemoteAddress);
        });
    }

    private async Task CheckLoopAsync()
    {
        int shortestMs = Math.Min(_services.Options.ConnectionIdleMs, _services.Options.StalledTransferMs);
        var period = TimeSpan.FromMilliseconds(shortestMs / 4.0);
        period = period < CheckPeriodMin ? CheckPeriodMin : period > CheckPeriodMax ? CheckPeriodMax : period;
        try
        {
            while (true)
            {
                await Task.Delay(period, _services.Time, _stopping.Token);
                foreach (Connection connection in _table.Snapshot())
                {
                    await connection.CheckAsync();
                }
            }
        }
        catch (OperationCanceledException)
        {
            // The broker stops.
        }
    }

    [LoggerMessage(41, LogLevel.Error, "a connection could not be accepted")]
    private static partial void LogAcceptFailed(ILogger logger, Exception error);

    [LoggerMessage(42, LogLevel.Warning, "refused {Peer}: {Reason}")]
    private static partial void LogRefused(ILogger logger, string peer, string reason);
}
