using PipeRoll.Simulation.Engine;

namespace PipeRoll.Simulation.Network;

/// <summary>One direction of a connection: what is on its way, and what has arrived and was not yet read.</summary>
/// <remarks>Bytes arrive in the order sent. Runs on the environment: what was sent arrives whatever becomes of its sender.</remarks>
internal sealed class NetworkPipe
{
    private readonly SimulatedNetwork _network;
    private readonly string _from;
    private readonly string _to;
    private readonly Queue<Segment> _sent = new();
    private readonly Queue<byte[]> _arrived = new();
    private readonly ITimer _timer;
    private TaskCompletionSource? _changed;
    private int _readOfFirst;
    private bool _scheduled;

    public NetworkPipe(SimulatedNetwork network, string from, string to)
    {
        _network = network;
        _from = from;
        _to = to;
        _timer = network.World.Environment.Time.CreateTimer(
            static state => ((NetworkPipe)state!).Deliver(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    private enum SegmentKind
    {
        Bytes,
        Fin,
        Reset,
    }

    private readonly record struct Segment(SegmentKind Kind, byte[] Bytes, long DueTicks);

    /// <summary>Told what arrives: the socket that reads from this pipe.</summary>
    public SocketStream? Reader { get; set; }

    public string From => _from;

    /// <summary>Sent and not yet read.</summary>
    public int UnreadBytes { get; private set; }

    public int ReadableBytes { get; private set; }

    /// <summary>The sender has closed, and everything before that has arrived.</summary>
    public bool Ended { get; private set; }

    public void Send(ReadOnlyMemory<byte> bytes)
    {
        UnreadBytes += bytes.Length;
        Enqueue(new Segment(SegmentKind.Bytes, bytes.ToArray(), DueTicks()));
    }

    public void SendFin() => Enqueue(new Segment(SegmentKind.Fin, [], DueTicks()));

    public void SendReset() => Enqueue(new Segment(SegmentKind.Reset, [], DueTicks()));

    /// <summary>What is on the way never arrives.</summary>
    public void Lose() => _sent.Clear();

    public int Read(Span<byte> target)
    {
        int read = 0;
        while (read < target.Length && _arrived.TryPeek(out byte[]? first))
        {
            int count = Math.Min(target.Length - read, first.Length - _readOfFirst);
            first.AsSpan(_readOfFirst, count).CopyTo(target[read..]);
            read += count;
            _readOfFirst += count;
            if (_readOfFirst == first.Length)
            {
                _arrived.Dequeue();
                _readOfFirst = 0;
            }
        }

        ReadableBytes -= read;
        UnreadBytes -= read;
        Wake();
        return read;
    }

    /// <summary>Ends when something has arrived, was read, or went wrong.</summary>
    public Task WhenChanged(CancellationToken cancellation)
    {
        TaskCompletionSource changed = _changed ??= new TaskCompletionSource();
        return cancellation.CanBeCanceled ? OrCancelledAsync(changed, cancellation) : changed.Task;
    }

    public void Wake()
    {
        TaskCompletionSource? changed = _changed;
        _changed = null;
        changed?.TrySetResult();
    }

    public void Close()
    {
        _timer.Dispose();
        _network.Forget(this);
    }

    public void LinkHealed() => Schedule(retransmission: true);

    private static async Task OrCancelledAsync(TaskCompletionSource changed, CancellationToken cancellation)
    {
        // Whoever else waits for the same change looks again and finds nothing.
        using (cancellation.UnsafeRegister(static state => ((TaskCompletionSource)state!).TrySetResult(), changed))
        {
            await changed.Task;
        }

        cancellation.ThrowIfCancellationRequested();
    }

    private long DueTicks() => _network.World.Clock.NowTicks + _network.Latency().Ticks;

    private void Enqueue(Segment segment)
    {
        _sent.Enqueue(segment);
        Schedule(retransmission: false);
    }

    private void Schedule(bool retransmission)
    {
        if (_scheduled || _network.IsCut(_from, _to) || !_sent.TryPeek(out Segment next))
        {
            return;
        }

        _scheduled = true;
        long waitTicks = Math.Max(0, next.DueTicks - _network.World.Clock.NowTicks);
        TimeSpan wait = TimeSpan.FromTicks(waitTicks) + (retransmission ? _network.Latency() : TimeSpan.Zero);
        _timer.Change(wait, Timeout.InfiniteTimeSpan);
    }

    private void Deliver()
    {
        _scheduled = false;
        long now = _network.World.Clock.NowTicks;
        while (!_network.IsCut(_from, _to) && _sent.TryPeek(out Segment next) && next.DueTicks <= now)
        {
            _sent.Dequeue();
            Arrive(next);
        }

        Schedule(retransmission: false);
    }

    private void Arrive(in Segment segment)
    {
        switch (segment.Kind)
        {
            case SegmentKind.Bytes when Reader!.TakesBytes():
                _arrived.Enqueue(segment.Bytes);
                ReadableBytes += segment.Bytes.Length;
                break;
            case SegmentKind.Fin:
                Ended = true;
                break;
            case SegmentKind.Reset:
                Reader!.WasReset("the peer reset the connection");
                break;
            default:
                break;
        }

        Wake();
    }
}
