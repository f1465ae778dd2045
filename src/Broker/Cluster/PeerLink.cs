using System.Buffers.Binary;
using PipeRoll.Broker.Network;
using PipeRoll.Foundation.Scheduling;
using PipeRoll.Wire;
using PipeRoll.Wire.Framing;

namespace PipeRoll.Broker.Cluster;

/// <summary>The connection to one other broker: many requests at a time, their answers in order.</summary>
/// <remarks>Owner: <see cref="Peers"/>. Any thread. Failure: every request that waits fails, and the next one connects anew.</remarks>
internal sealed class PeerLink(string host, int port, PeerServices services) : IAsyncDisposable
{
    private const int ResponseBytesMax = 64 * 1024 * 1024;

    private readonly SemaphoreSlim _turn = new(1);
    private readonly Lock _gate = new();
    private readonly BackgroundTasks _reading = new();
    private readonly CancellationTokenSource _stopping = new();
    private Attempt? _current;
    private int _lastCorrelation;

    /// <returns>The response, header included, without the length.</returns>
    /// <exception cref="PeerUnavailableException">See <see cref="IPeers.CallAsync"/>.</exception>
    public async ValueTask<byte[]> CallAsync(ApiSupport api, short version, IKafkaMessage request, CancellationToken cancellation)
    {
        Attempt? used = null;
        try
        {
            Task<byte[]> answer;
            await _turn.EnterAsync(cancellation);
            try
            {
                using var patience = new CancellationTokenSource(TimeSpan.FromMilliseconds(services.TimeoutMs), services.Time);
                using var ended = CancellationTokenSource.CreateLinkedTokenSource(patience.Token, _stopping.Token, cancellation);
                used = _current ?? await ConnectAsync(ended.Token);
                answer = await SendAsync(used, api, version, request, ended.Token);
            }
            finally
            {
                _turn.Release();
            }

            return await answer.Follow().WaitAsync(TimeSpan.FromMilliseconds(services.TimeoutMs), services.Time, cancellation);
        }
        catch (Exception error) when (error is not OperationCanceledException || !cancellation.IsCancellationRequested)
        {
            if (used is not null)
            {
                // Also after a timeout: an answer that comes later would not be waited for, and a broker that hangs is better asked anew.
                await FailAsync(used, error);
            }

            throw new PeerUnavailableException($"{host}:{port} did not answer: {error.Message}", error);
        }
    }

    public async ValueTask DisposeAsync()
    {
        _stopping.Cancel();
        Attempt? current;
        lock (_gate)
        {
            current = _current;
        }

        if (current is not null)
        {
            await FailAsync(current, new OperationCanceledException("the broker stops"));
        }

        await _reading.WhenAllAsync();
        _turn.Dispose();
        _stopping.Dispose();
    }

    /// <summary>In turn.</summary>
    private async ValueTask<Attempt> ConnectAsync(CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        IConnection connection = await services.Connect(host, port, cancellation);
        try
        {
            await connection.OpenAsync(cancellation);
            if (services.Login is { } login)
            {
                await login.LogInAsync(connection.Stream, cancellation);
            }
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }

        var attempt = new Attempt(connection);
        lock (_gate)
        {
            _current = attempt;
        }

        _reading.Start(() => ReadAsync(attempt));
        return attempt;
    }

    /// <summary>In turn.</summary>
    private async ValueTask<Task<byte[]>> SendAsync(
        Attempt attempt, ApiSupport api, short version, IKafkaMessage request, CancellationToken cancellation)
    {
        int correlation = unchecked(++_lastCorrelation) & int.MaxValue;
        var answer = new TaskCompletionSource<byte[]>(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_gate)
        {
            if (attempt.Failure is { } failure)
            {
                throw new IOException("the connection has ended", failure);
            }

            attempt.Waiting.Add(correlation, answer);
        }

        using ResponseFrame frame = ResponseFrame.ForRequest(api, version, correlation, "piperoll-broker", request);
        await attempt.Connection.Stream.WriteAsync(frame.ToArray(), cancellation);
        return answer.Task;
    }

    private async Task ReadAsync(Attempt attempt)
    {
        try
        {
            byte[] prefix = new byte[sizeof(int)];
            while (true)
            {
                await ReadAllAsync(attempt.Connection.Stream, prefix);
                int length = BinaryPrimitives.ReadInt32BigEndian(prefix);
                if (length is < sizeof(int) or > ResponseBytesMax)
                {
                    throw new IOException($"a response claims {length} bytes");
                }

                byte[] body = new byte[length];
                await ReadAllAsync(attempt.Connection.Stream, body);
                TaskCompletionSource<byte[]>? answer;
                lock (_gate)
                {
                    attempt.Waiting.Remove(BinaryPrimitives.ReadInt32BigEndian(body), out answer);
                }

                answer?.TrySetResult(body);
            }
        }
        catch (Exception error)
        {
            // Told to whoever waits for an answer.
            await FailAsync(attempt, error);
        }
    }

    private async ValueTask ReadAllAsync(Stream stream, Memory<byte> into)
    {
        while (!into.IsEmpty)
        {
            int read = await stream.ReadAsync(into, _stopping.Token);
            into = read > 0 ? into[read..] : throw new EndOfStreamException("the other broker has closed the connection");
        }
    }

    private async ValueTask FailAsync(Attempt attempt, Exception error)
    {
        TaskCompletionSource<byte[]>[] waiting;
        lock (_gate)
        {
            if (attempt.Failure is not null)
            {
                return;
            }

            attempt.Failure = error;
            waiting = [.. attempt.Waiting.Values];
            attempt.Waiting.Clear();
            _current = ReferenceEquals(_current, attempt) ? null : _current;
        }

        foreach (TaskCompletionSource<byte[]> answer in waiting)
        {
            answer.TrySetException(new IOException("the connection has ended", error));
        }

        await attempt.Connection.DisposeAsync();
    }

    /// <summary>One connection, from its opening to its failure. Changed under the lock.</summary>
    private sealed class Attempt(IConnection connection)
    {
        public IConnection Connection { get; } = connection;

        public Dictionary<int, TaskCompletionSource<byte[]>> Waiting { get; } = [];

        public Exception? Failure { get; set; }
    }
}
