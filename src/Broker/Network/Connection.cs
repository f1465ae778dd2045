using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using PipeRoll.Broker.Configs;
using PipeRoll.Broker.Handlers;
using PipeRoll.Broker.Quotas;
using PipeRoll.Broker.Security;
using PipeRoll.Broker.Security.Sasl;
using PipeRoll.Foundation.Buffers;
using PipeRoll.Streams;
using PipeRoll.Wire;
using PipeRoll.Wire.Framing;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Network;

/// <summary>What all connections of a broker share.</summary>
internal sealed record ConnectionServices(
    BrokerOptions Options,
    TimeProvider Time,
    IStreamStorage Storage,
    RequestDispatcher Dispatcher,
    BrokerSecurity Security,
    RequestBudget RequestBytes,
    DynamicConfigs Configs,
    ClientQuotas Quotas,
    BrokerMetrics Metrics,
    ILogger Logger);

/// <summary>
/// One client. A read loop takes frames and starts their requests in order; a write loop answers them in the same order,
/// so that no request waits for another's durability.
/// </summary>
/// <remarks>
/// Owner: the listener's accept loop starts <see cref="RunAsync"/>. Two loops; nothing else touches the stream. Bounds:
/// requests in flight by the channel's capacity, their bytes by two budgets; when either is used up, reading pauses and TCP
/// pushes back. Failure: bytes that are not the protocol, a handler that throws, a peer that stalls: the connection is
/// closed with one log line, requests already started run to their end.
/// </remarks>
[SuppressMessage("Design", "CA1001", Justification = "RunAsync, the whole life of a connection, disposes them at its end.")]
internal sealed partial class Connection
{
    private const int WriteSliceBytes = 256 * 1024;

    private readonly IConnection _transport;
    private readonly ConnectionServices _services;
    private readonly ByteBudget _requestBytes;
    private readonly Channel<InFlightRequest> _inFlight;
    private readonly CancellationTokenSource _reading = new();
    private readonly CancellationTokenSource _gone = new();
    private readonly StringCache _names = new();
    private readonly ConnectionWatch _watch;
    private long _mutedUntil;
    private int _closed;

    public Connection(IConnection transport, ClientIdentity client, ConnectionServices services)
    {
        _transport = transport;
        Client = client;
        _services = services;
        _requestBytes = new ByteBudget(services.Options.ConnectionBytesInFlightMax);
        _watch = new ConnectionWatch(services.Time, services.Options);
        _inFlight = Channel.CreateBounded<InFlightRequest>(new BoundedChannelOptions(services.Options.ConnectionRequestsInFlightMax)
        {
            SingleReader = true,
            SingleWriter = true,
        });
    }

    public ClientIdentity Client { get; }

    /// <summary>
    /// Serves the client until it leaves or misbehaves, or until all is answered after <see cref="StopReading"/>. Never throws.
    /// </summary>
    public async Task RunAsync()
    {
        Task writing = Task.Factory.StartNew(
            WriteLoopAsync, CancellationToken.None, TaskCreationOptions.DenyChildAttach, TaskScheduler.Current).Unwrap();
        try
        {
            await OpenAsync();
            await ReadLoopAsync();
        }
        catch (OperationCanceledException)
        {
            // Stopped or closed: said elsewhere.
        }
        catch (Exception error) when (error is IOException or ObjectDisposedException)
        {
            LogPeerLost(_services.Logger, error.Message, Client.ConnectionId);
        }
        catch (Exception error)
        {
            LogBroken(_services.Logger, error, Client.ConnectionId);
        }

        // Nobody sends any more: a long poll has nobody to wait for, acknowledgements still go out.
        _gone.Cancel();
        _inFlight.Writer.Complete();
        await writing;
        await CloseAsync();
        _reading.Dispose();
        _gone.Dispose();
    }

    /// <summary>Takes no further request; what was started is answered, then the connection ends.</summary>
    public void StopReading()
    {
        try
        {
            _reading.Cancel();
        }
        catch (ObjectDisposedException)
        {
            // The connection has ended by itself.
        }
    }

    /// <summary>Ends the connection now. Requests in flight run to their end, unanswered.</summary>
    public async ValueTask AbortAsync(string reason)
    {
        if (Volatile.Read(ref _closed) == 0)
        {
            LogClosing(_services.Logger, reason, Client.ConnectionId);
            StopReading();
            await CloseAsync();
        }
    }

    /// <summary>Called now and then: ends a connection that idles or stalls.</summary>
    public ValueTask CheckAsync() => _watch.Overdue() is { } reason ? AbortAsync(reason) : ValueTask.CompletedTask;

    private async ValueTask OpenAsync()
    {
        _watch.FrameBegun();
        try
        {
            await _transport.OpenAsync(_reading.Token);
        }
        catch (IOException error)
        {
            LogRefused(_services.Logger, error.Message, Client.ConnectionId);
            throw;
        }

        if (_transport.CertificatePrincipal is { } principal)
        {
            _services.Security.Begin(Client, new ProvenUser(principal, ProvenUser.Certificate, long.MaxValue, false, static _ => true));
        }
    }

    /// <summary>Whoever has not said yet who he is gets little memory.</summary>
    private string? Refuse(ReadOnlySpan<byte> prefix)
    {
        bool isUnknown = !Client.Session.IsAuthenticated && !_services.Security.Guard.Authorizer.AllowsEverything;
        int bytesMax = _services.Options.RequestBytesMax;
        return FrameSniffer.Refuse(
            prefix, isUnknown ? Math.Min(bytesMax, FrameSniffer.UnauthenticatedBytesMax) : bytesMax,
            Client.Session.HasBareTokens ? FrameSniffer.TokenBytesMin : FrameSniffer.HeaderBytesMin);
    }

    private async Task ReadLoopAsync()
    {
        byte[] prefix = new byte[sizeof(int)];
        while (await FillAsync(prefix, endAllowed: true))
        {
            if (Refuse(prefix) is { } refusal)
            {
                LogRefused(_services.Logger, refusal, Client.ConnectionId);
                await CloseAsync();
                return;
            }

            int length = BinaryPrimitives.ReadInt32BigEndian(prefix);
            _watch.Paused();
            await _requestBytes.AcquireAsync(length, _reading.Token);
            try
            {
                await _services.RequestBytes.AcquireAsync(length, _reading.Token);
            }
            catch
            {
                _requestBytes.Release(length);
                throw;
            }

            if (!await ReadRequestAsync(length))
            {
                await CloseAsync();
                return;
            }
        }
    }

    /// <returns>False when the connection must be closed.</returns>
    private async ValueTask<bool> ReadRequestAsync(int length)
    {
        var buffer = SharedBuffer.Rent(length);
        InFlightRequest? request = null;
        try
        {
            _watch.FrameBegun();
            await FillAsync(buffer.Memory, endAllowed: false);
            _services.Metrics.BytesIn(length + sizeof(int));
            if (!_services.Storage.HasRoom && length >= FrameSniffer.HeaderBytesMin && RequestDispatcher.IsProduce(buffer.Span))
            {
                // The log is full: this producer waits, and with it what it sends next; fetches and heartbeats go on.
                _watch.Paused();
                await _services.Storage.WaitForRoomAsync(_reading.Token);
            }

            await WaitForQuotaAsync();
            request = _services.Dispatcher.Start(buffer, Client, _names, _gone.Token);
            if (request is null)
            {
                return false;
            }

            _watch.RequestStarted();
        }
        finally
        {
            if (request is null)
            {
                Free(buffer);
            }
        }

        if (!_inFlight.Writer.TryWrite(request))
        {
            _watch.Paused();
            // The write loop drains the channel until it is completed, so that this wait ends.
            await _inFlight.Writer.WriteAsync(request, CancellationToken.None);
        }

        if (request.Context.Hold is { } hold)
        {
            _watch.Paused();
            await hold;
        }

        return true;
    }

    /// <summary>A client that exceeded a quota is not listened to until it has waited (KIP-219).</summary>
    private async ValueTask WaitForQuotaAsync()
    {
        while (Volatile.Read(ref _mutedUntil) - _services.Time.GetTimestamp() is var left and > 0)
        {
            _watch.Paused();
            var wait = TimeSpan.FromMilliseconds(Math.Ceiling(left * 1000.0 / _services.Time.TimestampFrequency));
            await Task.Delay(wait, _services.Time, _reading.Token);
        }
    }

    private void Mute(int throttleMs) => Volatile.Write(
        ref _mutedUntil, _services.Time.GetTimestamp() + (throttleMs * _services.Time.TimestampFrequency / 1000));

    /// <returns>False when the peer ended the stream before the first byte, where that is allowed.</returns>
    private async ValueTask<bool> FillAsync(Memory<byte> target, bool endAllowed)
    {
        int filled = 0;
        while (filled < target.Length)
        {
            if (filled == 0 && endAllowed)
            {
                _watch.AwaitingFrame();
            }

            int read = await _transport.Stream.ReadAsync(target[filled..], _reading.Token);
            if (read == 0)
            {
                return endAllowed && filled == 0 ? false : throw new IOException("the peer closed in the middle of a request");
            }

            _watch.FrameBegun();
            filled += read;
        }

        return true;
    }

    private async Task WriteLoopAsync()
    {
        while (await _inFlight.Reader.WaitToReadAsync())
        {
            while (_inFlight.Reader.TryRead(out InFlightRequest? request))
            {
                request.Context.TakeTurn();
                bool answered = await AnswerAsync(request);
                _watch.RequestEnded();
                Free(request.Buffer);
                if (!answered)
                {
                    StopReading();
                    await CloseAsync();
                }
            }
        }
    }

    /// <returns>False when the connection must be closed. Never throws.</returns>
    private async ValueTask<bool> AnswerAsync(InFlightRequest request)
    {
        RequestContext context = request.Context;
        try
        {
            IKafkaResponse response = await request.Response;
            _services.Metrics.CountErrors(context.Api, response);
            _services.Quotas.Charge(QuotaKind.Request, context, request.WorkSeconds);
            if (context.ThrottleMs > 0)
            {
                Mute(context.ThrottleMs);
                // The answer to ApiVersions is one for all.
                if (response is IThrottledResponse throttled && context.Api != ApiKey.ApiVersions)
                {
                    throttled.ThrottleTimeMs = context.ThrottleMs;
                }
            }

            // Built even when it is not sent: the frame takes over, and so frees, the records in the response.
            using ResponseFrame frame = request.IsBareToken
                ? ResponseFrame.ForToken(((SaslAuthenticateResponse)response).AuthBytes)
                : ResponseFrame.ForResponse(request.Api, request.ResponseVersion, context.CorrelationId, response);
            if (context.CloseReason is { } reason)
            {
                LogClosing(_services.Logger, reason, Client.ConnectionId);
                return false;
            }

            if (context.SuppressResponse || Volatile.Read(ref _closed) != 0)
            {
                return Volatile.Read(ref _closed) == 0;
            }

            await WriteAsync(frame);
            _services.Metrics.Answered(context.Api, request.StartedAt);
            return !context.ClosesAfterAnswer;
        }
        catch (Exception error) when (error is IOException or ObjectDisposedException)
        {
            LogPeerLost(_services.Logger, error.Message, Client.ConnectionId);
        }
        catch (OperationCanceledException) when (_gone.IsCancellationRequested)
        {
            // A wait that nobody needs any more.
        }
        catch (Exception error)
        {
            LogHandlerFailed(_services.Logger, error, context.Api, context.Version, Client.ConnectionId);
        }

        return false;
    }

    private async ValueTask WriteAsync(ResponseFrame frame)
    {
        _watch.WriteBegun();
        foreach (ReadOnlyMemory<byte> segment in frame.Segments)
        {
            // In slices, so that a slow reader is seen to move.
            for (int at = 0; at < segment.Length; at += WriteSliceBytes)
            {
                await _transport.Stream.WriteAsync(segment.Slice(at, Math.Min(WriteSliceBytes, segment.Length - at)));
                _watch.WriteBegun();
            }
        }

        _watch.WriteEnded();
        _services.Metrics.BytesOut(frame.Length);
    }

    private void Free(SharedBuffer buffer)
    {
        int length = buffer.Length;
        buffer.Release();
        _requestBytes.Release(length);
        _services.RequestBytes.Release(length);
    }

    private async ValueTask CloseAsync()
    {
        if (Interlocked.Exchange(ref _closed, 1) == 0)
        {
            await _transport.DisposeAsync();
        }
    }

    [LoggerMessage(1, LogLevel.Warning, "closed {Connection}: it sent {What}")]
    private static partial void LogRefused(ILogger logger, string what, string connection);

    [LoggerMessage(2, LogLevel.Information, "closed {Connection}: {Reason}")]
    private static partial void LogClosing(ILogger logger, string reason, string connection);

    [LoggerMessage(3, LogLevel.Debug, "lost {Connection}: {Reason}")]
    private static partial void LogPeerLost(ILogger logger, string reason, string connection);

    [LoggerMessage(4, LogLevel.Error, "closed {Connection}: the loop that reads it failed")]
    private static partial void LogBroken(ILogger logger, Exception error, string connection);

    [LoggerMessage(5, LogLevel.Error, "closed {Connection}: {Api} version {Version} failed")]
    private static partial void LogHandlerFailed(ILogger logger, Exception error, ApiKey api, short version, string connection);
}
