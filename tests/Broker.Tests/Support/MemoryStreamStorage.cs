using PipeRoll.Streams;
using PipeRoll.Streams.Metadata;

namespace PipeRoll.Broker.Tests.Support;

/// <summary>
/// A stream storage in memory, with the failures that tests ask for. What was appended outlives the openings of a stream:
/// a restart is a new broker on the same storage.
/// </summary>
internal sealed class MemoryStreamStorage : IStreamStorage
{
    private readonly Lock _gate = new();
    private readonly Dictionary<StreamId, MemoryLogStream> _streams = [];
    private int _opensBegun;

    /// <summary>Appends become durable only when <see cref="MemoryLogStream.ConfirmAll"/> is called.</summary>
    public bool HoldConfirmations { get; set; }

    /// <summary>What the next opens throw, one each.</summary>
    public Queue<Exception> OpenFailures { get; } = new();

    /// <summary>How many opens have come as far as <see cref="OpenGate"/>.</summary>
    public int OpensBegun => Volatile.Read(ref _opensBegun);

    /// <summary>Opens wait for it.</summary>
    public Task OpenGate { get; set; } = Task.CompletedTask;

    /// <summary>Reads of a stream wait for what this returns; null for none.</summary>
    public Func<StreamId, Task?> DelayRead { get; set; } = static _ => null;

    public HashSet<StreamId> Destroyed { get; } = [];

    /// <summary>Deletions wait for it, and fail as it does.</summary>
    public Task DestroyGate { get; set; } = Task.CompletedTask;

    public MemoryLogStream this[StreamId id]
    {
        get
        {
            lock (_gate)
            {
                return _streams[id];
            }
        }
    }

    /// <summary>Ends when there is room for appends.</summary>
    public Task RoomGate { get; set; } = Task.CompletedTask;

    public bool HasRoom => RoomGate.IsCompleted;

    public ValueTask WaitForRoomAsync(CancellationToken cancellation = default) => new(RoomGate.WaitAsync(cancellation));

    public ValueTask StartAsync(CancellationToken cancellation = default) => ValueTask.CompletedTask;

    public async ValueTask<IStream> OpenAsync(StreamId id, long epoch, IStreamObserver? observer, CancellationToken cancellation = default)
    {
        Interlocked.Increment(ref _opensBegun);
        await OpenGate.WaitAsync(cancellation);
        lock (_gate)
        {
            if (OpenFailures.TryDequeue(out Exception? failure))
            {
                throw failure;
            }

            if (_streams.TryGetValue(id, out MemoryLogStream? latest) && epoch < latest.Epoch)
            {
                throw new StreamUnavailableException(StreamUnavailableReason.Fenced, $"epoch {epoch} is below {latest.Epoch}");
            }

            MemoryLogStream opened = (latest ?? new MemoryLogStream(id, this)).Reopen(epoch, observer);
            _streams[id] = opened;
            return opened;
        }
    }

    public List<StreamId> Released { get; } = [];

    public List<BrokerEpoch> Recovered { get; } = [];

    public double WalLatencyMs => 0;

    public void Release(StreamId id)
    {
        lock (_gate)
        {
            Released.Add(id);
        }
    }

    public ValueTask RecoverAsync(BrokerEpoch dead, CancellationToken cancellation = default)
    {
        lock (_gate)
        {
            Recovered.Add(dead);
        }

        return ValueTask.CompletedTask;
    }

    public ValueTask LookForFenceAsync(CancellationToken cancellation = default) => ValueTask.CompletedTask;

    public async ValueTask DestroyAsync(StreamId id, CancellationToken cancellation = default)
    {
        await DestroyGate.WaitAsync(cancellation);
        lock (_gate)
        {
            Destroyed.Add(id);
            _streams.Remove(id);
        }
    }

    public ValueTask StopAsync(CancellationToken cancellation = default) => ValueTask.CompletedTask;
}
