using System.Buffers.Binary;
using PipeRoll.Simulation.Network;
using PipeRoll.Wire;
using PipeRoll.Wire.Framing;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Simulation.Kafka;

/// <summary>
/// One connection of a client: requests are pipelined and answered in order. A request that is not answered in time ends
/// the connection, and with it every request behind, as all clients do.
/// </summary>
internal sealed class KafkaConnection
{
    private readonly ClientHost _host;
    private readonly SocketStream _socket;
    private readonly Queue<Call> _calls = new();
    private readonly ITimer _timer;
    private Task _written = Task.CompletedTask;
    private int _lastCorrelation;
    private long _timerTicks = long.MaxValue;

    private KafkaConnection(ClientHost host, SocketStream socket)
    {
        _host = host;
        _socket = socket;
        _timer = host.Time.CreateTimer(
            static state => ((KafkaConnection)state!).CheckTimeouts(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    public bool IsBroken { get; private set; }

    /// <returns>Null when there is nobody.</returns>
    public static async Task<KafkaConnection?> OpenAsync(ClientHost host, string address, int port)
    {
        if (await host.Network.TryConnectAsync(host.Process, host.Name, address, port) is not { } socket)
        {
            return null;
        }

        var connection = new KafkaConnection(host, socket);
        _ = host.World.GuardAsync(connection.ReadLoopAsync());
        return connection;
    }

    /// <returns>The answer; null when none came: the request may have been carried out, or not, or will be.</returns>
    public Task<TResponse?> CallAsync<TRequest, TResponse>(TRequest request, short version, int timeoutMs)
        where TRequest : class, IKafkaRequest, IKafkaMessage<TRequest>
        where TResponse : class, IKafkaResponse, IKafkaMessage<TResponse>
    {
        var answer = new TaskCompletionSource<TResponse?>();
        Send<TRequest, TResponse>(request, version, timeoutMs, response => answer.TrySetResult(response));
        return answer.Task;
    }

    /// <summary>As <see cref="CallAsync"/>, for whom the order of the answers matters: they are told in the order of the requests.</summary>
    public void Send<TRequest, TResponse>(TRequest request, short version, int timeoutMs, Action<TResponse?> onAnswer)
        where TRequest : class, IKafkaRequest, IKafkaMessage<TRequest>
        where TResponse : class, IKafkaResponse, IKafkaMessage<TResponse>
    {
        var call = new Call<TResponse>(version, onAnswer)
        {
            Correlation = ++_lastCorrelation,
            DeadlineTicks = NowTicks + (timeoutMs * TimeSpan.TicksPerMillisecond),
        };
        if (IsBroken)
        {
            call.Fail();
            return;
        }

        ApiSupport api = ApiVersionsTable.Get((ApiKey)TRequest.Info.ApiKey);
        using var frame = ResponseFrame.ForRequest(api, version, call.Correlation, _host.Name, request);
        _calls.Enqueue(call);
        ArmTimer(call.DeadlineTicks);
        Write(frame.ToArray());
    }

    public void Close()
    {
        if (!IsBroken)
        {
            IsBroken = true;
            _timer.Dispose();
            _socket.Dispose();
            while (_calls.TryDequeue(out Call? call))
            {
                call.Fail();
            }
        }
    }

    private long NowTicks => _host.World.Clock.NowTicks;

    private void Write(byte[] frame)
    {
        if (_written.IsCompleted)
        {
            ValueTask written = WriteOneAsync(frame);
            _written = written.IsCompleted ? Task.CompletedTask : written.AsTask();
        }
        else
        {
            _written = WriteAfterAsync(_written, frame);
        }
    }

    private async Task WriteAfterAsync(Task before, byte[] frame)
    {
        await before;
        await WriteOneAsync(frame);
    }

    private async ValueTask WriteOneAsync(byte[] frame)
    {
        try
        {
            await _socket.WriteAsync(frame);
        }
        catch (Exception error) when (error is IOException or ObjectDisposedException)
        {
            Close();
        }
    }

    private async Task ReadLoopAsync()
    {
        byte[] prefix = new byte[sizeof(int)];
        try
        {
            while (true)
            {
                await FillAsync(prefix);
                byte[] body = new byte[BinaryPrimitives.ReadInt32BigEndian(prefix)];
                await FillAsync(body);
                Answer(body);
            }
        }
        catch (Exception error) when (error is IOException or ObjectDisposedException)
        {
            Close();
        }
    }

    private async ValueTask FillAsync(Memory<byte> target)
    {
        while (target.Length > 0)
        {
            int read = await _socket.ReadAsync(target);
            if (read == 0)
            {
                throw new IOException("the broker has closed the connection");
            }

            target = target[read..];
        }
    }

    private void Answer(byte[] body)
    {
        int correlation = BinaryPrimitives.ReadInt32BigEndian(body);
        if (!_calls.TryDequeue(out Call? call) || call.Correlation != correlation)
        {
            throw new Streams.BrokenPromiseException($"an answer to request {correlation}, but {call?.Correlation} is the next: out of order");
        }

        call.Complete(body);
    }

    private void ArmTimer(long atTicks)
    {
        if (atTicks < _timerTicks)
        {
            _timerTicks = atTicks;
            _timer.Change(TimeSpan.FromTicks(Math.Max(0, atTicks - NowTicks)), Timeout.InfiniteTimeSpan);
        }
    }

    private void CheckTimeouts()
    {
        _timerTicks = long.MaxValue;
        if (_calls.Count == 0)
        {
            return;
        }

        long first = _calls.Min(static call => call.DeadlineTicks);
        if (first > NowTicks)
        {
            ArmTimer(first);
            return;
        }

        _host.World.Trace.Note("client.timeout", _host.Process.Number);
        Close();
    }

    private abstract class Call
    {
        public required int Correlation { get; init; }

        public required long DeadlineTicks { get; init; }

        public abstract void Complete(byte[] body);

        public abstract void Fail();
    }

    private sealed class Call<TResponse>(short version, Action<TResponse?> onAnswer) : Call
        where TResponse : class, IKafkaResponse, IKafkaMessage<TResponse>
    {
        public override void Complete(byte[] body)
        {
            var reader = new WireReader(body);
            ApiSupport api = ApiVersionsTable.Get((ApiKey)TResponse.Info.ApiKey);
            ResponseHeader.Read(ref reader, api.ResponseHeaderVersion(version));
            TResponse response = TResponse.Read(ref reader, version);
            reader.RequireEnd();
            onAnswer(response);
        }

        public override void Fail() => onAnswer(null);
    }
}
