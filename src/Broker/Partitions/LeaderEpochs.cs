namespace PipeRoll.Broker.Partitions;

/// <summary>From which offset on each leader epoch wrote: what OffsetForLeaderEpoch answers from (KIP-101, KIP-320).</summary>
/// <remarks>Owner: the partition; every call under its lock. Bounded: the oldest epochs merge into the next ones.</remarks>
internal sealed class LeaderEpochs
{
    public const int EntriesMax = 1_000;

    private readonly List<(int Epoch, long StartOffset)> _entries = [];

    public IReadOnlyList<(int Epoch, long StartOffset)> Entries => _entries;

    /// <summary>The epoch of the newest batch, or -1 when the log never had one.</summary>
    public int Latest => _entries.Count == 0 ? -1 : _entries[^1].Epoch;

    /// <summary>Notes that a batch of <paramref name="epoch"/> starts at <paramref name="offset"/>; older epochs are ignored.</summary>
    public void Note(int epoch, long offset)
    {
        if (epoch <= Latest)
        {
            return;
        }

        if (_entries.Count == EntriesMax)
        {
            _entries.RemoveAt(0);
        }

        _entries.Add((epoch, offset));
    }

    /// <summary>The epoch that wrote the record at <paramref name="offset"/>, or -1 when that is no longer known.</summary>
    public int At(long offset)
    {
        for (int i = _entries.Count - 1; i >= 0; i--)
        {
            if (_entries[i].StartOffset <= offset)
            {
                return _entries[i].Epoch;
            }
        }

        return -1;
    }

    /// <summary>
    /// The largest epoch not above <paramref name="requested"/> and the offset where the next one starts
    /// (<paramref name="endOffset"/> for the newest); (-1, -1) when the log knows no such epoch. Of a log that never had a batch every
    /// earlier epoch ends where the log does: a consumer that waits at its end stays there when the leader changes.
    /// </summary>
    /// <param name="current">The epoch that the partition is led under; it may have written nothing yet.</param>
    public (int Epoch, long EndOffset) EndOf(int requested, int current, long endOffset)
    {
        if (requested == current)
        {
            return (current, endOffset);
        }

        if (requested > current || requested < 0)
        {
            return (-1, -1);
        }

        for (int i = _entries.Count - 1; i >= 0; i--)
        {
            if (_entries[i].Epoch <= requested)
            {
                return (_entries[i].Epoch, i + 1 < _entries.Count ? _entries[i + 1].StartOffset : endOffset);
            }
        }

        // Older than all that is kept: the log, as far as that epoch goes, ends where the first known one starts.
        return (requested, _entries.Count == 0 ? endOffset : _entries[0].StartOffset);
    }
}
