using PipeRoll.Foundation.Buffers;

namespace PipeRoll.Streams.Wal;

/// <summary>What recovery found: where the log goes on, and what may be used again.</summary>
/// <param name="LogId">Null when no segment holds anything.</param>
/// <param name="NextGroup">Number of the next group.</param>
/// <param name="FirstLiveGroup">The trim point that the log itself knows of.</param>
/// <param name="Live">Filled segments with live groups, oldest first.</param>
/// <param name="Free">Segments to use again, oldest first.</param>
/// <param name="Current">The segment to go on with; null when there is none yet.</param>
internal sealed record WalRecovered(
    ulong? LogId, ulong NextGroup, ulong FirstLiveGroup, IReadOnlyList<WalUsedSegment> Live, IReadOnlyList<IWalSegment> Free,
    IWalSegment? Current, ulong CurrentSequence, long Position, long Batches, long Bytes, string TailDescription);

/// <summary>
/// Reads a log back: the contiguous valid prefix of groups from the trim point on.
/// </summary>
/// <remarks>
/// How a torn tail is told from corruption: group n+1 is written only after group n was synced. So when group n is
/// damaged and anything of a group above n is found (its header, checked by its own CRC, log id and segment number),
/// n was durable once and has been destroyed since: recovery refuses. When nothing above n is found, n was never
/// acknowledged, and it is cut off. The last group of a log can't be judged that way: damage to it after its sync
/// looks like a torn write; docs/formats/wal.md says so. Used once, by one caller.
/// </remarks>
internal sealed class WalRecovery(IReadOnlyList<IWalSegment> segments, IWalReplay replay)
{
    private readonly WalScanner _scanner = new();
    private readonly List<SurveyedSegment> _used = [];
    private readonly List<IWalSegment> _free = [];
    private ulong? _logId;
    private ulong _firstLive = 1;
    private (IWalSegment Segment, long Position, long Bytes)? _last;
    private long _batches;
    private long _bytes;

    public async ValueTask<WalRecovered> RunAsync(CancellationToken cancellation)
    {
        // 1. Which use is each segment in, and where is the trim point?
        await SurveyAsync(cancellation);
        if (_used.Count == 0)
        {
            return new WalRecovered(_logId, 1, 1, [], _free, null, 0, 0, 0, 0, "It was empty");
        }

        if (_used.FindLast(s => !s.HeadMissing) is { } newest)
        {
            await FindTrimPointAsync(newest);
        }

        DropStaleSegments();

        // 2. Replay from the segment with the first live group on.
        int start = FindStart();
        ulong expected = _used[start].FirstGroup;
        var live = new List<WalUsedSegment>();
        int i = start;
        long position;
        while (true)
        {
            cancellation.ThrowIfCancellationRequested();
            (position, expected) = await ReplaySegmentAsync(_used[i], expected, cancellation);
            if (i + 1 >= _used.Count || _used[i + 1].Sequence != _used[i].Sequence + 1 || _used[i + 1].FirstGroup != expected)
            {
                break;
            }

            live.Add(new WalUsedSegment(_used[i].Segment, _used[i].Sequence, expected - 1));
            i++;
        }

        // 3. The end of the valid prefix: a torn tail or corruption?
        await RefuseIfCorruptAsync(i, position, expected);
        await RewriteLastAsync();
        await CutTailAsync(_used[i].Segment, position);
        IEnumerable<IWalSegment> dead = _used.Take(start).Select(s => s.Segment);
        string tail = position == _used[i].Segment.Bytes ? "The last segment was full" : $"It ends in {_used[i].Segment.Name} at byte {position}";
        return new WalRecovered(
            _logId, expected, _firstLive, live, [.. dead, .. _free], _used[i].Segment, _used[i].Sequence, position, _batches, _bytes, tail);
    }

    private async ValueTask SurveyAsync(CancellationToken cancellation)
    {
        foreach (IWalSegment segment in segments)
        {
            cancellation.ThrowIfCancellationRequested();
            WalGroupHeader? first = await _scanner.ReadHeaderAsync(segment, 0);
            if (first is { } header)
            {
                Note(segment, header);
                _used.Add(new SurveyedSegment(segment, header.Segment, header.Group, header.Group));
                continue;
            }

            // New, or its present use ended before its first group was durable, or damaged: only a full scan can tell.
            SurveyedSegment? found = null;
            await foreach ((long _, WalGroupHeader later) in _scanner.ScanAsync(segment, 0))
            {
                Note(segment, later);
                if (found is null || later.Segment > found.Sequence)
                {
                    found = new SurveyedSegment(segment, later.Segment, later.Group, later.Group) { HeadMissing = true };
                }
                else if (later.Segment == found.Sequence)
                {
                    found.LastSeenGroup = Math.Max(found.LastSeenGroup, later.Group);
                }
            }

            if (found is null)
            {
                _free.Add(segment);
            }
            else
            {
                _used.Add(found);
            }
        }

        _used.Sort((a, b) => a.Sequence.CompareTo(b.Sequence));
    }

    private void Note(IWalSegment segment, in WalGroupHeader header)
    {
        _logId ??= header.LogId;
        if (_logId != header.LogId)
        {
            throw new CorruptDataException(
                $"write-ahead log segment {segment.Name} belongs to another log (id {header.LogId:x}, expected {_logId:x}): "
                + "remove the files that were copied here from another broker");
        }

        _firstLive = Math.Max(_firstLive, header.FirstLiveGroup);
    }

    /// <summary>Each group says what was trimmed when it was written: the newest one knows best.</summary>
    private async ValueTask FindTrimPointAsync(SurveyedSegment newest)
    {
        long position = 0;
        ulong group = newest.FirstGroup;
        while (await _scanner.ReadHeaderAsync(newest.Segment, position) is { } header
            && header.Segment == newest.Sequence && header.Group == group)
        {
            Note(newest.Segment, header);
            position += header.PaddedBytes;
            group++;
        }
    }

    /// <summary>
    /// A segment without a head is one whose new use never became durable, if all groups of its last use are dead.
    /// If one of them is live, the head was destroyed.
    /// </summary>
    private void DropStaleSegments()
    {
        foreach (SurveyedSegment segment in _used.Where(s => s.HeadMissing).ToList())
        {
            if (segment.LastSeenGroup >= _firstLive)
            {
                throw WalCorruption.Damaged(segment.Segment, 0, segment.FirstGroup - 1, segment.Segment, segment.FirstGroup);
            }

            _used.Remove(segment);
            _free.Add(segment.Segment);
        }

        for (int i = 1; i < _used.Count; i++)
        {
            if (_used[i].Sequence == _used[i - 1].Sequence)
            {
                throw new CorruptDataException(
                    $"write-ahead log segments {_used[i - 1].Segment.Name} and {_used[i].Segment.Name} are two copies of number "
                    + $"{_used[i].Sequence}: remove the copy");
            }
        }
    }

    private int FindStart()
    {
        int start = _used.FindLastIndex(s => s.FirstGroup <= _firstLive);
        if (start < 0)
        {
            throw WalCorruption.Missing(_firstLive, _used.Count > 0 ? _used[0].FirstGroup - 1 : _firstLive);
        }

        return start;
    }

    private async ValueTask<(long Position, ulong Expected)> ReplaySegmentAsync(
        SurveyedSegment segment, ulong expected, CancellationToken cancellation)
    {
        long position = 0;
        while (await _scanner.ReadHeaderAsync(segment.Segment, position) is { } header
            && header.Segment == segment.Sequence && header.Group == expected)
        {
            cancellation.ThrowIfCancellationRequested();
            if (header.Group >= _firstLive && !await ReplayGroupAsync(segment.Segment, position, header))
            {
                break;
            }

            _last = (segment.Segment, position, header.PaddedBytes);
            position += header.PaddedBytes;
            expected++;
        }

        return (position, expected);
    }

    private async ValueTask<bool> ReplayGroupAsync(IWalSegment segment, long position, WalGroupHeader header)
    {
        // The header is intact and its group fits in the segment: what is rented is bounded by bytes that exist.
        SharedBuffer buffer = SharedBuffer.Rent((int)(header.TableBytes + header.BodyBytes));
        try
        {
            int read = await segment.ReadAsync(position + WalFormat.GroupHeaderBytes, buffer.Memory);
            if (read != buffer.Length || !WalFormat.IsIntact(header, buffer.Span))
            {
                return false;
            }

            if (header.RecordCount > 0)
            {
                await replay.ReplayAsync(Batches(header, buffer));
                _batches += header.RecordCount;
                _bytes += header.BodyBytes;
            }

            return true;
        }
        finally
        {
            buffer.Release();
        }
    }

    private static List<WalReplayedBatch> Batches(in WalGroupHeader header, SharedBuffer buffer)
    {
        var batches = new List<WalReplayedBatch>(header.RecordCount);
        int body = (int)header.TableBytes;
        for (int i = 0; i < header.RecordCount; i++)
        {
            WalRecordEntry entry = WalFormat.ReadRecordEntry(buffer.Span[(i * WalFormat.RecordEntryBytes)..]);
            batches.Add(new WalReplayedBatch(entry.Stream, entry.Epoch, new StreamBatch(
                entry.BaseOffset, entry.Count, entry.MaxTimestamp, buffer.Memory.Slice(body, entry.BodyBytes), buffer)));
            body += entry.BodyBytes;
        }

        return batches;
    }

    private async ValueTask RefuseIfCorruptAsync(int last, long position, ulong expected)
    {
        IWalSegment segment = _used[last].Segment;
        await foreach ((long found, WalGroupHeader header) in _scanner.ScanAsync(segment, position))
        {
            if (header.Group > expected)
            {
                throw WalCorruption.Damaged(segment, position, expected, segment, header.Group, found);
            }
        }

        if (last + 1 < _used.Count)
        {
            throw WalCorruption.Damaged(segment, position, expected, _used[last + 1].Segment, _used[last + 1].FirstGroup);
        }
    }

    /// <summary>
    /// Makes the last group durable: it may so far exist in the page cache only, and from now on it counts as acknowledged.
    /// A sync alone would not do: when the sync of the group had failed, the kernel took its pages for clean, so that they
    /// are read back well and never written. The groups before it were synced, or it would not have been written.
    /// </summary>
    private async ValueTask RewriteLastAsync()
    {
        if (_last is not { } last)
        {
            return;
        }

        SharedBuffer buffer = SharedBuffer.Rent((int)last.Bytes);
        try
        {
            int read = await last.Segment.ReadAsync(last.Position, buffer.Memory);
            await last.Segment.WriteAsync(last.Position, [buffer.Memory[..read]]);
            await last.Segment.SyncAsync();
        }
        finally
        {
            buffer.Release();
        }
    }

    /// <summary>Wipes the head of a torn group.</summary>
    private static async ValueTask CutTailAsync(IWalSegment segment, long position)
    {
        if (position < segment.Bytes)
        {
            await segment.WriteAsync(position, [new byte[Math.Min(WalFormat.AlignmentBytes, segment.Bytes - position)]]);
        }

        await segment.SyncAsync();
    }

    private sealed class SurveyedSegment(IWalSegment segment, ulong sequence, ulong firstGroup, ulong lastSeenGroup)
    {
        public IWalSegment Segment { get; } = segment;

        public ulong Sequence { get; } = sequence;

        public ulong FirstGroup { get; } = firstGroup;

        public ulong LastSeenGroup { get; set; } = lastSeenGroup;

        /// <summary>Position 0 holds no valid header.</summary>
        public bool HeadMissing { get; init; }
    }
}
