using System.Globalization;
using PipeRoll.Streams;

namespace PipeRoll.Simulation.Streams;

/// <summary>A promise of Streams was broken.</summary>
public sealed class BrokenPromiseException(string message) : Exception(message);

/// <summary>
/// What is known about one stream from the outside, through all incarnations: what was appended, what was confirmed,
/// where it may start. Every observation is checked against it, and then narrows it.
/// </summary>
/// <remarks>Owner: the scenario; it outlives the processes, as clients do.</remarks>
/// <param name="onBroken">Ends the run, also when whoever called swallows the exception.</param>
internal sealed class StreamModel(StreamId id, Action<Exception> onBroken)
{
    private readonly List<ScenarioBatch> _batches = [];
    private readonly List<StreamCheckpoint> _checkpointsInDoubt = [];
    private StreamCheckpoint? _checkpoint;
    private int _attempts;

    public StreamId Id => id;

    public long Epoch { get; set; }

    /// <summary>Exclusive end of what was acknowledged, observed or read: it must never be lost.</summary>
    public long Confirmed { get; private set; }

    /// <summary>The start offset is at least this.</summary>
    public long StartMin { get; private set; }

    /// <summary>The start offset is at most this: trims in doubt may have happened.</summary>
    public long StartMax { get; private set; }

    public bool MaybeDestroyed { get; private set; }

    public bool Destroyed { get; private set; }

    public IReadOnlyList<ScenarioBatch> Batches => _batches;

    /// <summary>The stream was opened, under a higher epoch than ever.</summary>
    public void Opened(IStream stream, long step)
    {
        foreach (ScenarioBatch batch in _batches)
        {
            batch.DroppedBy?.Settled(step);
        }

        long next = stream.NextOffset;
        Require(stream.ConfirmedOffset == next, $"opened with confirmed {stream.ConfirmedOffset} but next {next}");
        Require(next >= Confirmed, $"lost: confirmed up to {Confirmed}, but opened at {next}");
        Require(
            next == Confirmed || _batches.Exists(batch => batch.EndOffset == next),
            $"opened at {next}, where no batch that was ever appended ends");
        _batches.RemoveAll(batch => batch.BaseOffset >= next);
        foreach (ScenarioBatch batch in _batches)
        {
            batch.Failed = false; // it made it after all
        }

        Confirmed = next;
        SawStart(stream.StartOffset);
        StartMin = StartMax = stream.StartOffset;
    }

    public ScenarioBatch MakeBatch(long baseOffset, int count, long timestamp, int length) =>
        ScenarioBatch.Make(id, baseOffset, count, timestamp, _attempts++, length);

    public void Appended(ScenarioBatch batch)
    {
        long end = _batches.Count == 0 ? 0 : _batches[^1].EndOffset;
        Require(batch.BaseOffset == end, $"next offset {batch.BaseOffset} is not dense: the last batch ends at {end}");
        _batches.Add(batch);
    }

    /// <summary>Everything below is known to somebody outside and must stay.</summary>
    public void ConfirmedUpTo(long end, string how)
    {
        if (end <= Confirmed)
        {
            return;
        }

        foreach (ScenarioBatch batch in _batches)
        {
            if (batch.BaseOffset >= Confirmed && batch.BaseOffset < end)
            {
                Require(!batch.Failed, $"{how} up to {end}, although the append of {batch.BaseOffset} before it has failed");
            }
        }

        Require(_batches.Exists(batch => batch.EndOffset == end), $"{how} up to {end}, where no batch ends");
        Confirmed = end;
    }

    public void SawStart(long start) =>
        Require(start >= StartMin && start <= StartMax, $"starts at {start}, outside of [{StartMin}, {StartMax}]");

    public void Trimming(long newStart) => StartMax = Math.Max(StartMax, newStart);

    public void Trimmed(long newStart) => StartMin = Math.Max(StartMin, newStart);

    /// <summary>A retention run ended; nothing else may trim at the same time.</summary>
    /// <param name="trimmedBefore">Up to here an earlier trim may have happened.</param>
    public void Retained(long newStart, long trimmedBefore, RetentionPolicy policy, long nowMs)
    {
        SawStart(newStart);
        long keptBytes = _batches.Where(batch => batch.EndOffset > newStart).Sum(static batch => (long)batch.Bytes.Length);
        foreach (ScenarioBatch batch in _batches.Where(batch => batch.EndOffset > trimmedBefore && batch.EndOffset <= newStart))
        {
            if (batch.DroppedBy is { MayHaveHappened: true })
            {
                continue;
            }

            bool tooOld = policy.MaxAgeMs >= 0 && batch.Timestamp < nowMs - policy.MaxAgeMs;
            bool tooMuch = policy.MaxBytes >= 0 && keptBytes >= policy.MaxBytes;
            Require(tooOld || tooMuch, $"retention {policy} took {batch.BaseOffset}, kept {keptBytes} bytes, now {nowMs}");
        }

        StartMin = StartMax = newStart;
    }

    /// <summary>A read of <paramref name="offset"/> was refused as out of range.</summary>
    public void Refused(long offset, OffsetOutOfRangeException error, long confirmedBefore) =>
        Require(offset < StartMax || offset > confirmedBefore, $"a read of {offset} was refused: {error.Message}");

    /// <param name="startedAtStep">When the read was made: what was dropped before must not appear.</param>
    /// <param name="startBefore">The least start when it was made.</param>
    /// <param name="confirmedBefore">The stream's confirmed end when it was made: up to there it must find something.</param>
    /// <param name="confirmedAfter">The stream's confirmed end now: beyond it nothing may be seen.</param>
    public void Read(
        long offset, int maxBytes, FetchedBatches fetched, long startedAtStep, long startBefore, long confirmedBefore, long confirmedAfter)
    {
        Require(offset >= startBefore, $"a read of {offset} succeeded below the start {startBefore}");
        long at = offset;
        int count = 0;
        foreach (ReadOnlyMemory<byte> segment in fetched.Segments)
        {
            ReadOnlySpan<byte> rest = segment.Span;
            while (!rest.IsEmpty)
            {
                ScenarioBatch batch = Recognise(rest, at, startedAtStep);
                at = batch.EndOffset;
                rest = rest[batch.Bytes.Length..];
                count++;
            }
        }

        Require(
            count > 0 || offset >= confirmedBefore || SkipsTo(offset, confirmedBefore),
            $"a read of {offset} found nothing, confirmed {confirmedBefore}");
        Require(at <= confirmedAfter, $"a read saw up to {at}, beyond the confirmed end {confirmedAfter}");
        Require(count <= 1 || fetched.TotalBytes <= maxBytes, $"a read of at most {maxBytes} bytes gave {fetched.TotalBytes}");
        Require(count == 0 || fetched.EndOffset >= at, $"a read ends at {at} but says {fetched.EndOffset}");
        if (count > 0)
        {
            ConfirmedUpTo(at, "read");
        }
    }

    /// <summary>The batches of a read that was checked.</summary>
    public IEnumerable<ScenarioBatch> BatchesOf(FetchedBatches fetched)
    {
        foreach (ReadOnlyMemory<byte> segment in fetched.Segments)
        {
            for (int at = 0; at < segment.Length;)
            {
                ScenarioBatch batch = _batches[IndexOf(ScenarioBatch.BaseOffsetOf(segment.Span[at..]))];
                at += batch.Bytes.Length;
                yield return batch;
            }
        }
    }

    /// <summary>A search by time gave a lower bound: nothing that new may lie before it.</summary>
    public void FoundByTime(long timestamp, long? found)
    {
        ScenarioBatch? first = _batches.Find(batch =>
            batch.BaseOffset >= StartMax && batch.EndOffset <= Confirmed && batch.Timestamp >= timestamp && batch.DroppedBy is null);
        Require(
            first is null || (found is { } offset && offset <= first.BaseOffset),
            $"a search for {timestamp} gave {found}, but {first?.BaseOffset} is that new");
    }

    public void Dropping(IEnumerable<ScenarioBatch> batches, Replacement replacement)
    {
        foreach (ScenarioBatch batch in batches)
        {
            batch.DroppedBy = replacement;
        }
    }

    public void SavingCheckpoint(StreamCheckpoint checkpoint) => _checkpointsInDoubt.Add(checkpoint);

    public void SavedCheckpoint(StreamCheckpoint checkpoint)
    {
        _checkpoint = checkpoint;
        _checkpointsInDoubt.Clear();
    }

    public void ReadCheckpoint(StreamCheckpoint? found)
    {
        bool known = Same(found, _checkpoint) || _checkpointsInDoubt.Exists(one => Same(found, one));
        Require(known, $"the checkpoint of {found?.Offset} was never saved, or is not the last");
        _checkpoint = found;
        _checkpointsInDoubt.Clear();
    }

    public void Destroying() => MaybeDestroyed = true;

    public void WasDestroyed() => Destroyed = true;

    public void Require(bool holds, string what)
    {
        if (!holds)
        {
            var broken = new BrokenPromiseException(string.Create(CultureInfo.InvariantCulture, $"stream {id} epoch {Epoch}: {what}"));
            onBroken(broken);
            throw broken;
        }
    }

    private static bool Same(StreamCheckpoint? left, StreamCheckpoint? right) =>
        left is null || right is null
            ? left is null && right is null
            : left.Value.Offset == right.Value.Offset && left.Value.State.Span.SequenceEqual(right.Value.State.Span);

    private ScenarioBatch Recognise(ReadOnlySpan<byte> bytes, long at, long startedAtStep)
    {
        Require(bytes.Length >= ScenarioBatch.HeaderBytes, $"a read at {at} gave {bytes.Length} stray bytes");
        long baseOffset = ScenarioBatch.BaseOffsetOf(bytes);
        int index = IndexOf(baseOffset);
        Require(index >= 0, $"a read at {at} gave a batch of base {baseOffset} that was never appended there");
        ScenarioBatch batch = _batches[index];
        Require(batch.EndOffset > at, $"a read at {at} gave the batch [{baseOffset}, {batch.EndOffset}) again or out of order");
        Require(
            bytes.Length >= batch.Bytes.Length && bytes[..batch.Bytes.Length].SequenceEqual(batch.Bytes),
            $"a read at {at} gave other bytes for {baseOffset} than were appended");
        Require(
            SkipsTo(at, baseOffset),
            $"a read at {at} jumped to {baseOffset} over batches that nobody dropped: {Describe(at, baseOffset)}");
        if (batch.DroppedBy is { } replacement)
        {
            Require(!replacement.HappenedBefore(startedAtStep), $"batch {baseOffset} came back after it was replaced");
            Settle(replacement, happened: false, startedAtStep);
        }

        for (int skipped = IndexAt(at); skipped < index; skipped++)
        {
            if (_batches[skipped].EndOffset > StartMax)
            {
                Settle(_batches[skipped].DroppedBy!, happened: true, startedAtStep);
            }
        }

        return batch;
    }

    private static void Settle(Replacement replacement, bool happened, long startedAtStep)
    {
        if (!replacement.IsDecided && startedAtStep > replacement.SettledAtStep)
        {
            replacement.Decided(happened, startedAtStep);
        }
    }

    /// <summary>Whether every batch in the range may be missing.</summary>
    private bool SkipsTo(long from, long to)
    {
        for (int index = IndexAt(from); index < _batches.Count && _batches[index].BaseOffset < to; index++)
        {
            bool trimmed = _batches[index].EndOffset <= StartMax; // beside the read
            if (!trimmed && _batches[index].DroppedBy is not { MayHaveHappened: true })
            {
                return false;
            }
        }

        return true;
    }

    private string Describe(long from, long to) => string.Join(", ", _batches
        .Where(batch => batch.EndOffset > from && batch.BaseOffset < to)
        .Select(static batch => $"[{batch.BaseOffset}, {batch.EndOffset}) {(batch.DroppedBy is { } by ? by.ToString() : "kept")}"));

    private int IndexOf(long baseOffset)
    {
        int index = IndexAt(baseOffset);
        return index < _batches.Count && _batches[index].BaseOffset == baseOffset ? index : -1;
    }

    /// <summary>Index of the first batch that ends after the offset.</summary>
    private int IndexAt(long offset)
    {
        int low = 0;
        int high = _batches.Count;
        while (low < high)
        {
            int middle = (low + high) / 2;
            if (_batches[middle].EndOffset <= offset)
            {
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }

        return low;
    }
}
