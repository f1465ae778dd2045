namespace PipeRoll.Broker.Nearby;

/// <summary>Bounds what all logs keep together: the chunk that came first goes first.</summary>
/// <remarks>Any thread; the lock is held for a few instructions. A chunk that was let go lives on in the answers that are being sent.</remarks>
internal sealed class NearbyCache(long bytesMax)
{
    private readonly Lock _gate = new();
    private readonly LinkedList<(NearbyLog Log, NearbyChunk Chunk)> _chunks = new();
    private long _bytes;

    /// <summary>In bytes.</summary>
    public long Used
    {
        get
        {
            lock (_gate)
            {
                return _bytes;
            }
        }
    }

    /// <summary>Counts the chunk, and has others dropped that it takes the place of.</summary>
    public void Add(NearbyLog log, NearbyChunk chunk)
    {
        List<(NearbyLog Log, NearbyChunk Chunk)> dropped = [];
        lock (_gate)
        {
            chunk.Place = _chunks.AddLast((log, chunk));
            _bytes += chunk.Bytes;
            while (_bytes > bytesMax && _chunks.Count > 1)
            {
                dropped.Add(_chunks.First!.Value);
                Forget(_chunks.First.Value.Chunk);
            }
        }

        foreach ((NearbyLog owner, NearbyChunk old) in dropped)
        {
            owner.Drop(old);
        }
    }

    /// <summary>The log has let go of it.</summary>
    public void Remove(NearbyChunk chunk)
    {
        lock (_gate)
        {
            Forget(chunk);
        }
    }

    private void Forget(NearbyChunk chunk)
    {
        if (chunk.Place is { } place)
        {
            chunk.Place = null;
            _chunks.Remove(place);
            _bytes -= chunk.Bytes;
        }
    }
}
