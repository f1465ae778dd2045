using PipeRoll.Streams.Metadata;
using PipeRoll.Streams.Stores;

namespace PipeRoll.Streams;

/// <param name="Orphans">Objects in the store that the metadata does not know: bytes that nobody will ever delete.</param>
/// <param name="Missing">Committed objects that are not in the store, or have another size: lost data.</param>
/// <param name="Objects">How many committed objects were found in order.</param>
public sealed record StorageAuditReport(IReadOnlyList<string> Orphans, IReadOnlyList<string> Missing, int Objects)
{
    public bool IsClean => Orphans.Count == 0 && Missing.Count == 0;
}

/// <summary>Compares what the object store holds with what the metadata knows.</summary>
public static class StorageAudit
{
    private const int Page = 1000;

    /// <summary>
    /// May run beside a working storage: the store is listed before the metadata is read, and an object is known
    /// from before its upload until after its deletion.
    /// </summary>
    public static async ValueTask<StorageAuditReport> RunAsync(
        IObjectStore store, IMetadataStore metadata, CancellationToken cancellation = default)
    {
        // 1. What was committed before the listing must be in it, unless it is given up meanwhile.
        HashSet<long> committedBefore = [.. (await ReadObjectsAsync(metadata, cancellation)).Values
            .Where(o => o.State == ObjectState.Committed).Select(o => o.Id)];
        Dictionary<string, long> stored = await ListAsync(store, cancellation);
        Dictionary<long, ObjectRecord> known = await ReadObjectsAsync(metadata, cancellation);

        // 2. What is stored must be known.
        var orphans = new List<string>();
        foreach (string key in stored.Keys)
        {
            if (!ObjectKeys.TryParseData(key, out long id) || (!known.ContainsKey(id) && !committedBefore.Contains(id)))
            {
                orphans.Add(key);
            }
        }

        // 3. What is committed must be stored.
        var missing = new List<string>();
        int objects = 0;
        foreach (ObjectRecord record in known.Values.Where(o => o.State == ObjectState.Committed && committedBefore.Contains(o.Id)))
        {
            string key = ObjectKeys.ForData(record.Id);
            if (!stored.TryGetValue(key, out long bytes) || bytes != record.Bytes)
            {
                missing.Add(key);
            }
            else
            {
                objects++;
            }
        }

        return new StorageAuditReport([.. orphans.Order(StringComparer.Ordinal)], [.. missing.Order(StringComparer.Ordinal)], objects);
    }

    private static async ValueTask<Dictionary<string, long>> ListAsync(IObjectStore store, CancellationToken cancellation)
    {
        var stored = new Dictionary<string, long>(StringComparer.Ordinal);
        string after = "";
        IReadOnlyList<StoredObject> page;
        while ((page = await store.ListAsync(ObjectKeys.DataPrefix, after, Page, cancellation)).Count > 0)
        {
            foreach (StoredObject item in page)
            {
                stored[item.Key] = item.Bytes;
            }

            after = page[^1].Key;
        }

        return stored;
    }

    private static async ValueTask<Dictionary<long, ObjectRecord>> ReadObjectsAsync(IMetadataStore metadata, CancellationToken cancellation)
    {
        var known = new Dictionary<long, ObjectRecord>();
        long after = 0;
        IReadOnlyList<ObjectRecord> page;
        while ((page = await metadata.ListObjectsAsync(after, Page, cancellation)).Count > 0)
        {
            foreach (ObjectRecord record in page)
            {
                known[record.Id] = record;
            }

            after = page[^1].Id;
        }

        return known;
    }
}
