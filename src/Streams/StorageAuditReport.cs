using PipeRoll.Streams.Metadata;

namespace PipeRoll.Streams;

/// <summary>An object in the store that nobody knows: nobody else will ever delete it.</summary>
/// <param name="StoredAt">By the store's clock; null when it does not say.</param>
public sealed record OrphanObject(string Key, long Bytes, DateTimeOffset? StoredAt);

/// <summary>A committed object that is not in the store, or has another size: lost data, unless it is put back from a copy.</summary>
/// <param name="StoredBytes">-1 when there is no such object.</param>
/// <param name="Ranges">The offsets that can't be read.</param>
public sealed record LostObject(string Key, long Bytes, long StoredBytes, IReadOnlyList<(StreamId Stream, StreamRange Range)> Ranges)
{
    public override string ToString()
    {
        string offsets = string.Join(", ", Ranges.Select(static r => $"[{r.Range.BaseOffset}, {r.Range.EndOffset}) of stream {r.Stream}"));
        string what = StoredBytes < 0 ? "is missing" : $"has {StoredBytes} bytes instead of {Bytes}";
        return $"{Key} {what}: offsets {offsets} can't be read. Put it back from a copy of the bucket";
    }
}

/// <param name="Orphans">Keys of objects in the store that the metadata does not know: bytes that nobody will ever delete.</param>
/// <param name="Missing">Keys of committed objects that are not in the store, or have another size: lost data.</param>
/// <param name="Objects">How many committed objects were found in order.</param>
public sealed record StorageAuditReport(IReadOnlyList<string> Orphans, IReadOnlyList<string> Missing, int Objects)
{
    /// <summary><see cref="Orphans"/> with size and age.</summary>
    public IReadOnlyList<OrphanObject> OrphanDetails { get; init; } = [];

    /// <summary><see cref="Missing"/> with what is lost by each.</summary>
    public IReadOnlyList<LostObject> MissingDetails { get; init; } = [];

    /// <summary>Bytes of the committed objects that were found in order.</summary>
    public long Bytes { get; init; }

    /// <summary>Objects that are known and on their way into or out of the store: prepared, or given up and not yet deleted.</summary>
    public int PassingObjects { get; init; }

    /// <summary>Objects of write-ahead logs that may still be needed, fences among them.</summary>
    public int LogObjects { get; init; }

    public long LogBytes { get; init; }

    /// <summary>Objects of known logs below the trim point or above a fence: nobody needs them, and they go with their log at the latest.</summary>
    public int DeadLogObjects { get; init; }

    public bool IsClean => Orphans.Count == 0 && Missing.Count == 0;
}

/// <param name="Report">What was found.</param>
/// <param name="Deleted">Keys of orphans that were deleted.</param>
/// <param name="TooYoung">Keys of orphans whose age is unknown or below the grace: they were left.</param>
public sealed record StorageRepairReport(StorageAuditReport Report, IReadOnlyList<string> Deleted, IReadOnlyList<string> TooYoung);
