using System.Net;
using System.Net.Sockets;

namespace PipeRoll.EndToEnd.Tests.Cluster.Support;

/// <summary>Takes connections at one address and passes their bytes on to another.</summary>
internal sealed class Relay : IAsyncDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly TcpListener _listener;
    private readonly Task _accepting;

    public Relay(IPEndPoint at, IPEndPoint to)
    {
        _listener = new TcpListener(at);
        _listener.Start();
        _accepting = AcceptAsync(to);
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _accepting;
        _listener.Dispose();
        _stop.Dispose();
    }

    private async Task AcceptAsync(IPEndPoint to)
    {
        var connections = new List<Task>();
        try
        {
            while (true)
            {
                connections.Add(PassAsync(await _listener.AcceptTcpClientAsync(_stop.Token), to));
            }
        }
        catch (OperationCanceledException)
        {
            await Task.WhenAll(connections);
        }
    }

    private async Task PassAsync(TcpClient near, IPEndPoint to)
    {
        using TcpClient from = near;
        using var far = new TcpClient { NoDelay = true };
        from.NoDelay = true;
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
        try
        {
            await far.ConnectAsync(to, ended.Token);
            Task[] ways =
            [
                from.GetStream().CopyToAsync(far.GetStream(), ended.Token),
                far.GetStream().CopyToAsync(from.GetStream(), ended.Token),
            ];
            await Task.WhenAny(ways);
            await ended.CancelAsync();
            await Task.WhenAll(ways);
        }
        catch (Exception over) when (over is OperationCanceledException or IOException or SocketException)
        {
            // One side has gone; so does the other.
        }
    }
}
