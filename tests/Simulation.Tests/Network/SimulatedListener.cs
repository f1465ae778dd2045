using PipeRoll.Broker.Network;
using PipeRoll.Simulation.Engine;

namespace PipeRoll.Simulation.Network;

/// <summary>A port that is listened on: connections wait in its backlog until they are accepted.</summary>
internal sealed class SimulatedListener(int port, Action<SimulatedListener> onDispose) : IConnectionListener
{
    private readonly Queue<SocketStream> _backlog = new();
    private TaskCompletionSource? _changed;
    private bool _closed;

    public int Port => port;

    /// <summary>The other end, for who connects as brokers do.</summary>
    public static IConnection Connected(SocketStream socket) => new SimulatedConnection(socket);

    internal SimulatedProcess? Process { get; set; }

    public async ValueTask<IConnection?> AcceptAsync(CancellationToken cancellation)
    {
        while (true)
        {
            if (_closed || cancellation.IsCancellationRequested)
            {
                return null;
            }

            if (_backlog.TryDequeue(out SocketStream? socket))
            {
                return new SimulatedConnection(socket);
            }

            TaskCompletionSource changed = _changed = new TaskCompletionSource();
            using CancellationTokenRegistration registration = cancellation.UnsafeRegister(
                static state => ((TaskCompletionSource)state!).TrySetResult(), changed);
            await changed.Task;
        }
    }

    public ValueTask DisposeAsync()
    {
        onDispose(this);
        return ValueTask.CompletedTask;
    }

    internal void Offer(SocketStream socket)
    {
        _backlog.Enqueue(socket);
        _changed?.TrySetResult();
    }

    internal void Closed()
    {
        _closed = true;
        while (_backlog.TryDequeue(out SocketStream? socket))
        {
            socket.Reset();
        }

        _changed?.TrySetResult();
    }

    private sealed class SimulatedConnection(SocketStream socket) : IConnection
    {
        public Stream Stream => socket;

        public string RemoteAddress => socket.RemoteHost;

        public string RemoteEndPoint => $"{socket.RemoteHost}:{socket.Number}";

        public ValueTask DisposeAsync() => socket.DisposeAsync();
    }
}
