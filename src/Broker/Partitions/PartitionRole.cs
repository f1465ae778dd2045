using PipeRoll.Streams;
using PipeRoll.Streams.Metadata;

namespace PipeRoll.Broker.Partitions;

/// <summary>A stream that a partition has left because somebody else leads it now.</summary>
/// <param name="WasSealed">Everything of it is durable, and nothing will come.</param>
internal sealed record LeftStream(IStream Stream, bool WasSealed);

/// <summary>Who leads the partition: what changes when it is one of a cluster's.</summary>
/// <remarks>
/// Elsewhere → (Lead) Opening → Open → (Seal) Sealed → (StepDown) Elsewhere, or (Resume) Opening. A step down is possible from each.
/// Only the opener that fits the present assignment can install its stream.
/// </remarks>
internal sealed partial class Partition
{
    /// <summary>The epoch under which this broker is to lead the partition, open or not; -1 when another one does.</summary>
    public int AssignedEpoch => Volatile.Read(ref _assigned);

    /// <summary>Notes that this broker leads the partition under <paramref name="epoch"/>; the same or a lower one changes nothing.</summary>
    /// <param name="left">The stream of a lower epoch that was open until now.</param>
    /// <param name="mustOpen">The caller must now open the partition; nobody else does.</param>
    /// <returns>Whether anything changed.</returns>
    internal bool TryLead(int epoch, out LeftStream? left, out bool mustOpen)
    {
        left = null;
        mustOpen = false;
        lock (_gate)
        {
            if (_state == PartitionState.Deleted || epoch <= _assigned || epoch < _leaderEpoch)
            {
                return false;
            }

            left = TakeStream();
            _assigned = epoch;
            _leaderEpoch = epoch;
            _state = PartitionState.Opening;
            mustOpen = !_hasOpener;
            _hasOpener = true;
        }

        Waiters.WakeAll();
        return true;
    }

    /// <summary>Another broker leads it now, or nobody. Who waits is told so.</summary>
    /// <param name="left">The stream that was open until now.</param>
    /// <param name="onlyEpoch">Only if it is led under this epoch; -1 for any.</param>
    /// <param name="onlySealed">Only while it is being handed over.</param>
    /// <returns>False when it was not led here.</returns>
    internal bool TryStepDown(out LeftStream? left, int onlyEpoch = -1, bool onlySealed = false)
    {
        left = null;
        List<PendingAppend> refused;
        lock (_gate)
        {
            if (_state == PartitionState.Deleted || _assigned < 0
                || (onlyEpoch >= 0 && onlyEpoch != _assigned) || (onlySealed && _state != PartitionState.Sealed))
            {
                return false;
            }

            left = TakeStream();
            _assigned = -1;
            _state = PartitionState.Elsewhere;
            refused = TakePending();
        }

        Refuse(refused);
        return true;
    }

    /// <summary>
    /// First half of a hand-over: from now on appends wait for its end. The stream is sealed and the state taken at exactly its end.
    /// </summary>
    /// <returns>Null when the partition is not open under this broker, or lost its stream meanwhile.</returns>
    internal async ValueTask<PartitionHandOver?> SealAsync(CancellationToken cancellation)
    {
        IStream stream;
        int epoch;
        lock (_gate)
        {
            if (_state != PartitionState.Open || _assigned < 0)
            {
                return null;
            }

            _state = PartitionState.Sealed;
            stream = _stream!;
            epoch = _assigned;
        }

        long endOffset;
        try
        {
            endOffset = await stream.SealAsync(cancellation);
        }
        catch (StreamUnavailableException error)
        {
            GiveUp(stream, error);
            return null;
        }
        catch (OperationCanceledException)
        {
            _registry.Resume(this);
            throw;
        }

        lock (_gate)
        {
            if (_state != PartitionState.Sealed || !ReferenceEquals(_stream, stream))
            {
                return null;
            }

            if (endOffset != stream.NextOffset || endOffset != stream.ConfirmedOffset)
            {
                throw new InvalidOperationException(
                    $"{Identity} was sealed at {endOffset}, but is confirmed to {stream.ConfirmedOffset} and ends at {stream.NextOffset}");
            }

            return new PartitionHandOver(stream.Id, epoch, endOffset, ProducerStateCodec.Write(_producers, _epochs, _transactions));
        }
    }

    /// <summary>The hand-over was called off: the stream is to be opened again under the same epoch, and what waited is appended.</summary>
    /// <returns>Whether the caller must now open it.</returns>
    internal bool TryResume()
    {
        lock (_gate)
        {
            if (_state != PartitionState.Sealed)
            {
                return false;
            }

            _state = PartitionState.Opening;
            bool mustOpen = !_hasOpener;
            _hasOpener = true;
            return mustOpen;
        }
    }

    /// <summary>Has the storage forget the stream, unless the partition is led here again by now.</summary>
    internal void ReleaseFrom(IStreamStorage storage)
    {
        lock (_gate)
        {
            if (_assigned < 0)
            {
                storage.Release(Identity.Stream);
            }
        }
    }

    /// <summary>Under the lock.</summary>
    private LeftStream? TakeStream()
    {
        LeftStream? left = _stream is { } stream && IsReadable ? new LeftStream(stream, _state == PartitionState.Sealed) : null;
        _stream = null;
        return left;
    }
}
