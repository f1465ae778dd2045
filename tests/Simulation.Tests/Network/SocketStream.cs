using PipeRoll.Simulation.Engine;

namespace PipeRoll.Simulation.Network;

/// <summary>One end of a connection. Dies with its process; the peer may or may not be told.</summary>
public sealed class SocketStream : Stream
{
    private static readonly TimeSpan GiveUpAfter = TimeSpan.FromSeconds(60);

    private readonly SimulatedNetwork _network;
    private readonly SimulatedProcess _process;
    private readonly NetworkPipe _in;
    private readonly NetworkPipe _out;
    private string? _broken;
    private bool _closed;
    private bool _gone;

    internal SocketStream(SimulatedNetwork network, SimulatedProcess process, NetworkPipe incoming, NetworkPipe outgoing, string remoteHost)
    {
        _network = network;
        _process = process;
        _in = incoming;
        _out = outgoing;
        _in.Reader = this;
        RemoteHost = remoteHost;
        Number = network.Connections;
        process.OnKill(ProcessDied);
    }

    public string RemoteHost { get; }

    public int Number { get; }

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        while (true)
        {
            cancellationToken.ThrowIfCancellationRequested();
            ThrowIfUnusable();
            if (_in.ReadableBytes > 0 && buffer.Length > 0)
            {
                bool piece = _network.Faults.Fragments && buffer.Length > 1 && _network.Random.Next(2) == 0;
                return _in.Read(buffer.Span[..(piece ? _network.Random.Next(1, buffer.Length) : buffer.Length)]);
            }

            if (_in.Ended || buffer.Length == 0)
            {
                return 0;
            }

            await _in.WhenChanged(cancellationToken);
        }
    }

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        while (true)
        {
            cancellationToken.ThrowIfCancellationRequested();
            ThrowIfUnusable();
            if (_out.UnreadBytes < _network.Faults.WindowBytes)
            {
                break;
            }

            await _out.WhenChanged(cancellationToken);
        }

        if (_network.Random.NextDouble() < _network.Faults.Reset)
        {
            _network.World.Trace.Note("net.reset", Number);
            Reset();
            ThrowIfUnusable();
        }

        _out.Send(buffer);
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException("it would block the only thread");

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException("it would block the only thread");

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Flush()
    {
    }

    /// <summary>Breaks the connection for both ends; what was on its way may be lost.</summary>
    internal void Reset()
    {
        if (_network.Random.Next(2) == 0)
        {
            _out.Lose();
        }

        _out.SendReset();
        WasReset("the connection was reset");
    }

    internal void WasReset(string why)
    {
        _broken ??= why;
        _in.Wake();
        _out.Wake();
        _in.Close();
    }

    /// <summary>Whether bytes that arrive are kept; a closed socket answers them with a reset.</summary>
    internal bool TakesBytes()
    {
        if (_gone)
        {
            if (_network.IsUp(RemoteOfPeer))
            {
                _gone = false;
                _closed = true;
                _out.SendReset();
            }

            return false;
        }

        if (_closed)
        {
            _out.SendReset();
        }

        return !_closed && _broken is null;
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing && !_closed)
        {
            _closed = true;
            if (_broken is null)
            {
                _out.SendFin();
            }

            _in.Wake();
            _out.Wake();
        }

        base.Dispose(disposing);
    }

    private string RemoteOfPeer => _out.From;

    private void ProcessDied()
    {
        if (_closed || _broken is not null)
        {
            return;
        }

        if (_network.Random.NextDouble() < _network.Faults.SilentDeath)
        {
            // The machine is gone with it: nothing answers, until it is up again or the peer gives up.
            _gone = true;
            _network.World.Environment.Time.CreateTimer(_ => _out.SendReset(), null, GiveUpAfter, Timeout.InfiniteTimeSpan);
            return;
        }

        _closed = true;
        _out.SendReset();
    }

    private void ThrowIfUnusable()
    {
        ObjectDisposedException.ThrowIf(_closed, this);
        if (_broken is not null)
        {
            throw new IOException($"simulated: {_broken}");
        }
    }
}
