using Microsoft.Extensions.Logging;
using PipeRoll.Streams.Metadata;

namespace PipeRoll.Streams.Wal.Objects;

/// <summary>
/// One recovery of a dead log: gathers its batches, and commits them in chunks, each stream's in order, leaving out what is committed already
/// and putting off what an earlier owner's part is missing for.
/// </summary>
/// <remarks>
/// Used by one caller. A stream occurs in a log in several runs when it was moved away and back: between them lies what others wrote.
/// Holds references on what is gathered and not yet committed.
/// </remarks>
internal sealed partial class TakeoverRun(BrokerEpoch dead, TakeoverWriter writer, IMetadataStore metadata, ObjectWalContext context) : IDisposable
{
    private readonly SortedDictionary<long, LinkedList<Pending>> _gathered = [];

    /// <summary>Streams of which the first offset named waits for what is before it, with the number of its object.</summary>
    private readonly Dictionary<StreamId, (long BaseOffset, long Number)> _deferred = [];

    /// <summary>Destroyed, or no longer the dead broker's to write.</summary>
    private readonly HashSet<StreamId> _dropped = [];

    /// <summary>When reading again: the streams that are wanted; null for all.</summary>
    private HashSet<StreamId>? _wanted;
    private long _gatheredBytes;

    public long Batches { get; private set; }

    public long Bytes { get; private set; }

    /// <summary>Streams that wait for an earlier owner's part.</summary>
    public int Deferred => _deferred.Count;

    public void Dispose()
    {
        foreach (Pending pending in _gathered.Values.SelectMany(static batches => batches))
        {
            pending.Batch.Owner?.Release();
        }

        _gathered.Clear();
    }

    /// <summary>Gathers the batches of the log's next object, and commits when enough are there.</summary>
    public async ValueTask TakeAsync(WalObject source, CancellationToken cancellation)
    {
        foreach (WalReplayedBatch found in source.Batches())
        {
            if (_dropped.Contains(found.Stream) || _deferred.ContainsKey(found.Stream) || _wanted?.Contains(found.Stream) == false)
            {
                continue;
            }

            if (!_gathered.TryGetValue(found.Stream.Value, out LinkedList<Pending>? batches))
            {
                _gathered.Add(found.Stream.Value, batches = new LinkedList<Pending>());
            }

            found.Batch.Owner!.AddReference();
            batches.AddLast(new Pending(found.Epoch, found.Batch, source.Number));
            _gatheredBytes += found.Batch.Bytes.Length;
        }

        if (_gatheredBytes >= context.Options.UploadBytes)
        {
            await CommitAllAsync(cancellation);
        }
    }

    /// <summary>Commits everything gathered, but for what has to wait.</summary>
    public async ValueTask CommitAllAsync(CancellationToken cancellation)
    {
        string? conflict = null;
        while (_gathered.Count > 0)
        {
            // 1. What is still to be done, as the metadata says now.
            bool moved = await SkipCommittedAsync(cancellation);
            if (conflict is not null && !moved)
            {
                throw new MetadataConflictException(conflict);
            }

            // 2. The first run of each stream.
            List<TakeoverCut> cuts = [.. _gathered.Select(static g => FirstRun(new StreamId(g.Key), g.Value))];
            if (cuts.Count == 0)
            {
                return;
            }

            try
            {
                Settle(cuts, await writer.CommitAsync(cuts, cancellation));
                conflict = null;
            }
            catch (MetadataConflictException refused)
            {
                // Somebody else who recovers the log was here: without news from the metadata, nothing would go better the next time.
                conflict = refused.Message;
            }
        }
    }

    /// <summary>Looks whether any stream that waits can go on.</summary>
    /// <returns>From where to read the log again for those; null when there is none.</returns>
    public async ValueTask<long?> ResumeAsync(CancellationToken cancellation)
    {
        Dictionary<StreamId, StreamState> states = await ReadAsync(_deferred.Keys, cancellation);
        _wanted = [.. _deferred.Where(d => !states.TryGetValue(d.Key, out StreamState s) || s.CommittedOffset >= d.Value.BaseOffset).Select(d => d.Key)];
        long? from = null;
        foreach (StreamId stream in _wanted)
        {
            _deferred.Remove(stream, out (long BaseOffset, long Number) place);
            from = Math.Min(from ?? long.MaxValue, place.Number);
        }

        return from;
    }

    /// <returns>Whether anything of what was gathered needs no commit (any more).</returns>
    private async ValueTask<bool> SkipCommittedAsync(CancellationToken cancellation)
    {
        bool any = false;
        Dictionary<StreamId, StreamState> states = await ReadAsync(_gathered.Keys.Select(static id => new StreamId(id)), cancellation);
        foreach ((long id, LinkedList<Pending> batches) in _gathered.ToArray())
        {
            var stream = new StreamId(id);
            if (!states.TryGetValue(stream, out StreamState state))
            {
                Drop(stream, "it was destroyed");
                any = true;
                continue;
            }

            while (batches.First is { } first && first.Value.Batch.EndOffset <= state.CommittedOffset)
            {
                Remove(batches);
                any = true;
            }

            if (batches.First is not { } next)
            {
                _gathered.Remove(id);
            }
            else if (next.Value.Batch.BaseOffset > state.CommittedOffset && state.SealedOffset > state.CommittedOffset)
            {
                Defer(stream, next.Value);
                any = true;
            }
            else if (next.Value.Batch.BaseOffset != state.CommittedOffset)
            {
                throw new CorruptDataException(
                    $"{ObjectWalFormat.KeyOf(dead, next.Value.Number)} holds offset {next.Value.Batch.BaseOffset} of stream {stream} where "
                    + $"{state.CommittedOffset} is next: log and metadata are not of the same cluster or moment. Restore both from the same copy");
            }
        }

        return any;
    }

    private static TakeoverCut FirstRun(StreamId stream, LinkedList<Pending> batches)
    {
        var run = new List<StreamBatch>();
        long epoch = 0;
        foreach (Pending pending in batches)
        {
            if (run.Count > 0 && pending.Batch.BaseOffset != run[^1].EndOffset)
            {
                break;
            }

            run.Add(pending.Batch);
            epoch = Math.Max(epoch, pending.Epoch);
        }

        return new TakeoverCut(stream, epoch, run);
    }

    private void Settle(List<TakeoverCut> cuts, CommitOutcome outcome)
    {
        foreach (TakeoverCut cut in cuts)
        {
            if (outcome.Refused.Contains(cut.Stream))
            {
                Drop(cut.Stream, "it was destroyed, or is another broker's now");
            }
            else if (outcome.Later.Contains(cut.Stream))
            {
                Defer(cut.Stream, _gathered[cut.Stream.Value].First!.Value);
            }
            else
            {
                Batches += cut.Batches.Count;
                Bytes += cut.Bytes;
                LinkedList<Pending> batches = _gathered[cut.Stream.Value];
                for (int i = 0; i < cut.Batches.Count; i++)
                {
                    Remove(batches);
                }

                if (batches.Count == 0)
                {
                    _gathered.Remove(cut.Stream.Value);
                }
            }
        }
    }

    private void Drop(StreamId stream, string why)
    {
        LinkedList<Pending> batches = _gathered[stream.Value];
        LogDropped(context.Logger, stream, batches.First!.Value.Batch.BaseOffset, dead, why);
        _dropped.Add(stream);
        Forget(stream);
    }

    private void Defer(StreamId stream, in Pending first)
    {
        LogDeferred(context.Logger, stream, first.Batch.BaseOffset, dead);
        _deferred.Add(stream, (first.Batch.BaseOffset, first.Number));
        Forget(stream);
    }

    private void Forget(StreamId stream)
    {
        LinkedList<Pending> batches = _gathered[stream.Value];
        while (batches.Count > 0)
        {
            Remove(batches);
        }

        _gathered.Remove(stream.Value);
    }

    private void Remove(LinkedList<Pending> batches)
    {
        StreamBatch batch = batches.First!.Value.Batch;
        batches.RemoveFirst();
        _gatheredBytes -= batch.Bytes.Length;
        batch.Owner?.Release();
    }

    private async ValueTask<Dictionary<StreamId, StreamState>> ReadAsync(IEnumerable<StreamId> streams, CancellationToken cancellation)
    {
        StreamId[] ids = [.. streams];
        IReadOnlyList<StreamState> states = await context.AskAsync(() => metadata.ReadStreamsAsync(ids, cancellation), cancellation);
        return states.ToDictionary(static s => s.Id);
    }

    /// <param name="Number">Of the object that holds the batch.</param>
    private readonly record struct Pending(long Epoch, StreamBatch Batch, long Number);

    [LoggerMessage(53, LogLevel.Warning, "Stream {Stream} from offset {From} on is dropped from the log of broker life {Dead}: {Why}")]
    private static partial void LogDropped(ILogger logger, StreamId stream, long from, BrokerEpoch dead, string why);

    [LoggerMessage(54, LogLevel.Information, "Stream {Stream} from offset {From} on of the log of broker life {Dead} waits for an earlier owner's part")]
    private static partial void LogDeferred(ILogger logger, StreamId stream, long from, BrokerEpoch dead);
}
