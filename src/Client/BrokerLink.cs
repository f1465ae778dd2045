using System.Buffers;
using System.Buffers.Binary;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using PipeRoll.Wire;
using PipeRoll.Wire.Framing;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Client;

/// <summary>A response that lies in a rented buffer, which its records are slices of. Dispose it once they are used.</summary>
internal sealed class Leased<T>(T response, byte[] buffer) : IDisposable
{
    private byte[]? _buffer = buffer;

    public T Response => response;

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _buffer, null) is { } rented)
        {
            ArrayPool<byte>.Shared.Return(rented);
        }
    }
}

/// <summary>One connection to one broker: many requests at a time, answered in order.</summary>
/// <remarks>
/// Any thread. Failure: what waits, and every later call, throws a retriable <see cref="ClientException"/>; its owner then opens another.
/// </remarks>
internal sealed class BrokerLink : IAsyncDisposable
{
    private const int ResponseBytesMax = 512 * 1024 * 1024;
    private const int CopiedBytesMax = 64 * 1024;

    private readonly string _name;
    private readonly string _clientId;
    private readonly Stream _stream;
    private readonly BufferedStream _incoming;
    private readonly SemaphoreSlim _writing = new(1);
    private readonly Lock _gate = new();
    private readonly Dictionary<int, Waiter> _waiting = [];
    private readonly Dictionary<ApiKey, (short Min, short Max)> _versions = [];
    private readonly Dictionary<string, short> _features = [];
    private Exception? _failure;
    private Task _reading = Task.CompletedTask;
    private int _lastCorrelation;
    private long _notBefore;

    private BrokerLink(string name, string clientId, Stream stream)
    {
        _name = name;
        _clientId = clientId;
        _stream = stream;
        _incoming = new BufferedStream(stream, 16 * 1024);
    }

    /// <summary>It can be used, and its session does not end within moments.</summary>
    public bool IsUsable => _failure is null && Environment.TickCount64 < RenewAt;

    private long RenewAt { get; set; } = long.MaxValue;

    /// <summary>Connects, learns what the broker speaks, and logs in.</summary>
    public static async Task<BrokerLink> OpenAsync(string host, int port, ClientSettings settings, TimeSpan timeout, CancellationToken cancellation)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        patience.CancelAfter(timeout);
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        BrokerLink? link = null;
        try
        {
            await socket.ConnectAsync(host, port, patience.Token);
            Stream stream = new NetworkStream(socket, ownsSocket: true);
            if (settings.Tls is { } tls)
            {
                var secured = new SslStream(stream);
                await secured.AuthenticateAsClientAsync(tls(host), patience.Token);
                stream = secured;
            }

            link = new BrokerLink($"{host}:{port}", settings.ClientId, stream);
            link._reading = link.ReadAsync();
            await link.LearnAsync(patience.Token);
            if (settings.Sasl is { } sasl)
            {
                await link.LogInAsync(sasl, patience.Token);
            }

            return link;
        }
        catch (Exception error)
        {
            if (link is not null)
            {
                await link.DisposeAsync();
            }

            socket.Dispose();
            cancellation.ThrowIfCancellationRequested();
            throw error switch
            {
                ClientException known => known,
                AuthenticationException refused => new ClientException(
                    $"{host}:{port}: TLS: {refused.InnerException?.Message ?? refused.Message}", isRetriable: false, refused),
                _ => new ClientException($"{host}:{port} can't be reached: {error.Message}", isRetriable: true, error),
            };
        }
    }

    /// <summary>The level of a feature that the cluster has agreed on; 0 if it has not.</summary>
    public short Feature(string name) => _features.GetValueOrDefault(name);

    /// <summary>The newest version that both speak.</summary>
    /// <param name="max">The newest that the caller knows how to use.</param>
    public short Version(ApiKey key, short max)
    {
        (short low, short high) = _versions.GetValueOrDefault(key, ((short)0, (short)-1));
        short version = Math.Min(Math.Min(high, max), ApiVersionsTable.Get(key).MaxVersion);
        return version >= low ? version : throw new ClientException($"{_name} does not speak {key} in any version that this client does", isRetriable: false);
    }

    /// <summary>Sends a request and reads its answer.</summary>
    public async Task<TResponse> CallAsync<TRequest, TResponse>(TRequest request, short version, TimeSpan timeout, CancellationToken cancellation)
        where TRequest : class, IKafkaRequest, IKafkaMessage<TRequest>
        where TResponse : class, IKafkaResponse, IKafkaMessage<TResponse>
    {
        (byte[] buffer, int length) = await ExchangeAsync(request, version, isRented: false, timeout, cancellation);
        return Parse<TRequest, TResponse>(buffer, length, version);
    }

    /// <summary>The same for answers that hold much: they are read into a buffer that is used again.</summary>
    public async Task<Leased<TResponse>> CallLeasedAsync<TRequest, TResponse>(
        TRequest request, short version, TimeSpan timeout, CancellationToken cancellation)
        where TRequest : class, IKafkaRequest, IKafkaMessage<TRequest>
        where TResponse : class, IKafkaResponse, IKafkaMessage<TResponse>
    {
        (byte[] buffer, int length) = await ExchangeAsync(request, version, isRented: true, timeout, cancellation);
        return new Leased<TResponse>(Parse<TRequest, TResponse>(buffer, length, version), buffer);
    }

    public async ValueTask DisposeAsync()
    {
        Fail(new ObjectDisposedException(_name));
        await _reading;
        _writing.Dispose();
    }

    private async Task LearnAsync(CancellationToken cancellation)
    {
        var request = new ApiVersionsRequest { ClientSoftwareName = "piperoll", ClientSoftwareVersion = "0.1.0" };
        ApiVersionsResponse answer = await AskVersionsAsync(request, 3, cancellation) ?? await AskVersionsAsync(request, 0, cancellation)
            ?? throw new ClientException($"{_name} does not say what it speaks", isRetriable: false);
        ClientException.ThrowOn(answer.ErrorCode, $"{_name}: ApiVersions");
        foreach (ApiVersionsResponse.ApiVersion each in answer.ApiKeys)
        {
            _versions[(ApiKey)each.ApiKey] = (each.MinVersion, each.MaxVersion);
        }

        foreach (ApiVersionsResponse.FinalizedFeatureKey each in answer.FinalizedFeatures)
        {
            _features[each.Name] = each.MaxVersionLevel;
        }
    }

    /// <summary>Null if the broker does not know this version: then it answers in the oldest, whatever it was asked in (KIP-511).</summary>
    private async Task<ApiVersionsResponse?> AskVersionsAsync(ApiVersionsRequest request, short version, CancellationToken cancellation)
    {
        (byte[] buffer, int length) = await ExchangeAsync(request, version, isRented: false, TimeSpan.FromSeconds(10), cancellation);
        bool isUnknown = length >= 6 && BinaryPrimitives.ReadInt16BigEndian(buffer.AsSpan(sizeof(int))) == (short)KafkaError.UnsupportedVersion;
        return isUnknown ? null : Parse<ApiVersionsRequest, ApiVersionsResponse>(buffer, length, version);
    }

    private async Task LogInAsync(SaslSettings sasl, CancellationToken cancellation)
    {
        SaslHandshakeResponse handshake = await CallAsync<SaslHandshakeRequest, SaslHandshakeResponse>(
            new SaslHandshakeRequest { Mechanism = sasl.Mechanism }, 1, TimeSpan.FromSeconds(10), cancellation);
        ClientException.ThrowOn(handshake.ErrorCode, $"{_name} does not take {sasl.Mechanism}, only {string.Join(", ", handshake.Mechanisms)}");
        short version = Version(ApiKey.SaslAuthenticate, 2);
        await SaslLogin.LogInAsync(sasl, async token =>
        {
            SaslAuthenticateResponse answer = await CallAsync<SaslAuthenticateRequest, SaslAuthenticateResponse>(
                new SaslAuthenticateRequest { AuthBytes = token }, version, TimeSpan.FromSeconds(10), cancellation);
            if (answer.ErrorCode != 0)
            {
                string why = answer.ErrorMessage ?? ((KafkaError)answer.ErrorCode).ToString();
                throw new ClientException($"{_name} does not let {sasl.User} in: {why}", isRetriable: false);
            }

            if (answer.SessionLifetimeMs > 0)
            {
                // A new connection in time takes the place of authenticating again on this one (KIP-368).
                RenewAt = Environment.TickCount64 + (answer.SessionLifetimeMs * 8 / 10);
            }

            return answer.AuthBytes.ToArray();
        }, cancellation);
    }

    private async Task<(byte[] Buffer, int Length)> ExchangeAsync<TRequest>(
        TRequest request, short version, bool isRented, TimeSpan timeout, CancellationToken cancellation)
        where TRequest : class, IKafkaRequest, IKafkaMessage<TRequest>
    {
        await WhenNotThrottledAsync(cancellation);
        var waiter = new Waiter($"{TRequest.Info.Name} {version}", isRented);
        int correlation;
        await _writing.WaitAsync(cancellation);
        try
        {
            correlation = unchecked(++_lastCorrelation) & int.MaxValue;
            lock (_gate)
            {
                ThrowIfFailed();
                _waiting.Add(correlation, waiter);
            }

            using ResponseFrame frame = ResponseFrame.ForRequest(
                ApiVersionsTable.Get((ApiKey)TRequest.Info.ApiKey), version, correlation, _clientId, request);
            await WriteAsync(frame);
        }
        catch (Exception error) when (error is IOException or SocketException or ObjectDisposedException)
        {
            Fail(error);
            throw Away(error);
        }
        finally
        {
            _writing.Release();
        }

        try
        {
            return await waiter.Answer.Task.WaitAsync(timeout, cancellation);
        }
        catch (TimeoutException)
        {
            // An answer that comes later is of no use, and what hangs is better asked anew.
            Fail(new TimeoutException($"no answer to {TRequest.Info.Name} within {timeout.TotalSeconds:F0} s"));
            throw Away(_failure!);
        }
    }

    /// <summary>Not cancelled: half a frame would end the connection.</summary>
    private async Task WriteAsync(ResponseFrame frame)
    {
        if (frame.Length <= CopiedBytesMax)
        {
            byte[] all = ArrayPool<byte>.Shared.Rent(frame.Length);
            int length = 0;
            foreach (ReadOnlyMemory<byte> segment in frame.Segments)
            {
                segment.Span.CopyTo(all.AsSpan(length));
                length += segment.Length;
            }

            await _stream.WriteAsync(all.AsMemory(0, length), CancellationToken.None);
            ArrayPool<byte>.Shared.Return(all);
            return;
        }

        foreach (ReadOnlyMemory<byte> segment in frame.Segments)
        {
            await _stream.WriteAsync(segment, CancellationToken.None);
        }
    }

    private async Task ReadAsync()
    {
        byte[] prefix = new byte[2 * sizeof(int)];
        try
        {
            while (true)
            {
                await _incoming.ReadExactlyAsync(prefix);
                int length = BinaryPrimitives.ReadInt32BigEndian(prefix);
                if (length is < sizeof(int) or > ResponseBytesMax)
                {
                    throw new IOException($"a response claims {length} bytes");
                }

                Waiter? waiter;
                lock (_gate)
                {
                    _waiting.Remove(BinaryPrimitives.ReadInt32BigEndian(prefix.AsSpan(sizeof(int))), out waiter);
                }

                byte[] body = waiter is { IsRented: true } ? ArrayPool<byte>.Shared.Rent(length) : new byte[length];
                prefix.AsSpan(sizeof(int)).CopyTo(body);
                await _incoming.ReadExactlyAsync(body.AsMemory(sizeof(int), length - sizeof(int)));
                waiter?.Answer.TrySetResult((body, length));
            }
        }
        catch (Exception error)
        {
            // Told to whoever waits for an answer.
            Fail(error);
        }
    }

    private TResponse Parse<TRequest, TResponse>(byte[] buffer, int length, short version)
        where TRequest : class, IKafkaRequest, IKafkaMessage<TRequest>
        where TResponse : class, IKafkaResponse, IKafkaMessage<TResponse>
    {
        try
        {
            var reader = new WireReader(buffer.AsMemory(0, length));
            ResponseHeader.Read(ref reader, ApiVersionsTable.Get((ApiKey)TRequest.Info.ApiKey).ResponseHeaderVersion(version));
            TResponse response = TResponse.Read(ref reader, version);
            if (response is IThrottledResponse { ThrottleTimeMs: > 0 } throttled)
            {
                Volatile.Write(ref _notBefore, Environment.TickCount64 + throttled.ThrottleTimeMs);
            }

            return response;
        }
        catch (WireFormatException malformed)
        {
            Fail(malformed);
            throw Away(malformed);
        }
    }

    /// <summary>Whoever is over his quota waits here rather than in the broker (KIP-219).</summary>
    private async Task WhenNotThrottledAsync(CancellationToken cancellation)
    {
        long waitMs = Volatile.Read(ref _notBefore) - Environment.TickCount64;
        if (waitMs > 0)
        {
            await Task.Delay((int)Math.Min(waitMs, 30_000), cancellation);
        }
    }

    private void Fail(Exception error)
    {
        Waiter[] waiting;
        lock (_gate)
        {
            if (_failure is not null)
            {
                return;
            }

            _failure = error;
            waiting = [.. _waiting.Values];
            _waiting.Clear();
        }

        foreach (Waiter each in waiting)
        {
            each.Answer.TrySetException(Away(error, each.Request));
        }

        _stream.Dispose();
    }

    private void ThrowIfFailed()
    {
        if (_failure is { } failure)
        {
            throw Away(failure);
        }
    }

    private ClientException Away(Exception error, string? request = null) =>
        new($"{_name} did not answer{(request is null ? "" : " " + request)}: {error.Message}", isRetriable: true, error);

    private sealed class Waiter(string request, bool isRented)
    {
        /// <summary>What is waited for, and in which version.</summary>
        public string Request => request;

        public bool IsRented => isRented;

        public TaskCompletionSource<(byte[] Buffer, int Length)> Answer { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
