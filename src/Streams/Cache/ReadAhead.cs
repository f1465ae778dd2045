namespace PipeRoll.Streams.Cache;

/// <summary>
/// Recognises sequential readers of one stream by where they go on, and gives each a growing read-ahead.
/// </summary>
/// <remarks>Any thread. It remembers the last few readers; one more starts again with the smallest read-ahead.</remarks>
internal sealed class ReadAhead(int bytesMin, int bytesMax)
{
    private const int ReadersMax = 16;
    private readonly Lock _lock = new();
    private readonly Queue<(long NextOffset, int Bytes)> _readers = new();

    /// <summary>How much a reader at <paramref name="offset"/> should load at once, and whether it reads on from an earlier read.</summary>
    public (int Bytes, bool Sequential) Start(long offset)
    {
        lock (_lock)
        {
            for (int i = _readers.Count; i > 0; i--)
            {
                (long next, int bytes) = _readers.Dequeue();
                if (next == offset)
                {
                    return (Math.Min(bytesMax, bytes * 2), true);
                }

                _readers.Enqueue((next, bytes));
            }

            return (bytesMin, false);
        }
    }

    public void End(long nextOffset, int bytes)
    {
        lock (_lock)
        {
            _readers.Enqueue((nextOffset, bytes));
            if (_readers.Count > ReadersMax)
            {
                _readers.Dequeue();
            }
        }
    }
}
