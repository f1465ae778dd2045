using System.Globalization;
using PipeRoll.Streams.Metadata;
using PipeRoll.Streams.Stores;
using PipeRoll.Streams.Wal.Objects;

namespace PipeRoll.Streams;

/// <summary>Compares what the object store holds with what the metadata knows, and deletes what nobody knows when it is told to.</summary>
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
        Dictionary<long, BrokerRecord> brokersBefore = await ReadBrokersAsync(metadata, cancellation);
        Dictionary<string, StoredObject> stored = await ListAsync(store, ObjectKeys.DataPrefix, cancellation);
        Dictionary<string, StoredObject> logs = await ListAsync(store, ObjectWalFormat.Prefix, cancellation);
        Dictionary<long, ObjectRecord> known = await ReadObjectsAsync(metadata, cancellation);
        Dictionary<long, BrokerRecord> brokers = await ReadBrokersAsync(metadata, cancellation);

        // 2. What is stored must be known.
        List<StoredObject> orphans = [.. stored.Values.Where(o =>
            !ObjectKeys.TryParseData(o.Key, out long id) || (!known.ContainsKey(id) && !committedBefore.Contains(id)))];
        var findings = new LogFindings(brokers, brokersBefore);
        findings.AddAll(logs.Values);
        orphans.AddRange(findings.Orphans);
        orphans.Sort(static (a, b) => string.CompareOrdinal(a.Key, b.Key));

        // 3. What is committed must be stored.
        var lost = new List<LostObject>();
        int objects = 0;
        long bytes = 0;
        foreach (ObjectRecord record in known.Values.Where(o => o.State == ObjectState.Committed && committedBefore.Contains(o.Id)))
        {
            string key = ObjectKeys.ForData(record.Id);
            if (stored.TryGetValue(key, out StoredObject found) && found.Bytes == record.Bytes)
            {
                objects++;
                bytes += record.Bytes;
            }
            else if (await metadata.ListObjectRangesAsync(record.Id, cancellation) is { Count: > 0 } ranges)
            {
                lost.Add(new LostObject(key, record.Bytes, stored.ContainsKey(key) ? found.Bytes : -1, ranges));
            }
        }

        lost.Sort(static (a, b) => string.CompareOrdinal(a.Key, b.Key));
        return new StorageAuditReport([.. orphans.Select(static o => o.Key)], [.. lost.Select(static o => o.Key)], objects)
        {
            OrphanDetails = [.. orphans.Select(static o => new OrphanObject(o.Key, o.Bytes, o.StoredAt))],
            MissingDetails = lost,
            Bytes = bytes,
            PassingObjects = known.Values.Count(static o => o.State != ObjectState.Committed),
            LogObjects = findings.Objects,
            LogBytes = findings.Bytes,
            DeadLogObjects = findings.Dead,
        };
    }

    /// <summary>
    /// Audits, and deletes the orphans that are at least <paramref name="grace"/> old. What is committed is never touched, whatever became
    /// of it: what is missing has to be put back from a copy.
    /// </summary>
    /// <param name="grace">Longer than an upload may take; zero deletes also what the store does not tell the age of.</param>
    public static async ValueTask<StorageRepairReport> RepairAsync(
        IObjectStore store, IMetadataStore metadata, TimeSpan grace, TimeProvider time, CancellationToken cancellation = default)
    {
        StorageAuditReport report = await RunAsync(store, metadata, cancellation);
        DateTimeOffset before = time.GetUtcNow() - grace;
        List<string> old = [.. report.OrphanDetails.Where(o => grace == TimeSpan.Zero || o.StoredAt <= before).Select(static o => o.Key)];
        string[] tooYoung = [.. report.Orphans.Except(old)];
        var deleted = new List<string>();
        foreach (string[] some in old.Chunk(Page))
        {
            // Looked up once more: an audit of a large bucket takes its time.
            var keys = new List<string>(some.Length);
            foreach (string key in some)
            {
                if (!ObjectKeys.TryParseData(key, out long id) || !await IsKnownAsync(metadata, id, cancellation))
                {
                    keys.Add(key);
                }
            }

            await store.DeleteAsync(keys, cancellation);
            deleted.AddRange(keys);
        }

        return new StorageRepairReport(report, deleted, tooYoung);
    }

    private static async ValueTask<bool> IsKnownAsync(IMetadataStore metadata, long objectId, CancellationToken cancellation) =>
        await metadata.ListObjectsAsync(objectId - 1, 1, cancellation) is [{ } record] && record.Id == objectId;

    private static async ValueTask<Dictionary<string, StoredObject>> ListAsync(
        IObjectStore store, string prefix, CancellationToken cancellation)
    {
        var stored = new Dictionary<string, StoredObject>(StringComparer.Ordinal);
        string after = "";
        IReadOnlyList<StoredObject> page;
        while ((page = await store.ListAsync(prefix, after, Page, cancellation)).Count > 0)
        {
            foreach (StoredObject item in page)
            {
                stored[item.Key] = item;
            }

            after = page[^1].Key;
        }

        return stored;
    }

    private static async ValueTask<Dictionary<long, BrokerRecord>> ReadBrokersAsync(IMetadataStore metadata, CancellationToken cancellation) =>
        (await metadata.ReadBrokersAsync(cancellation)).ToDictionary(static b => b.Epoch.Value);

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

    /// <summary>
    /// Tells objects of logs that may be needed from those that nobody needs. A fence stays for ever and belongs to its log, known or not;
    /// everything else of a log that was forgotten is an orphan: a request that came late.
    /// </summary>
    private sealed class LogFindings(Dictionary<long, BrokerRecord> brokers, Dictionary<long, BrokerRecord> brokersBefore)
    {
        public List<StoredObject> Orphans { get; } = [];

        public int Objects { get; private set; }

        public long Bytes { get; private set; }

        public int Dead { get; private set; }

        public void AddAll(IReadOnlyCollection<StoredObject> logs)
        {
            var fences = new Dictionary<long, long>();
            var groups = new List<(long Log, long Number, StoredObject Stored)>();
            foreach (StoredObject stored in logs)
            {
                if (!TryParse(stored.Key, out long log, out long number))
                {
                    Orphans.Add(stored);
                }
                else if (stored.Bytes == ObjectWalFormat.FenceBytes)
                {
                    // The lowest ends the log; those put ahead of a fast writer lie above it.
                    fences[log] = Math.Min(number, fences.GetValueOrDefault(log, number));
                    Needed(stored);
                }
                else
                {
                    groups.Add((log, number, stored));
                }
            }

            foreach ((long log, long number, StoredObject stored) in groups)
            {
                Add(stored, log, number, fences.GetValueOrDefault(log, long.MaxValue));
            }
        }

        private void Add(StoredObject stored, long log, long number, long fence)
        {
            if (!brokers.TryGetValue(log, out BrokerRecord? broker) && !brokersBefore.TryGetValue(log, out broker))
            {
                Orphans.Add(stored);
            }
            else if (broker.State == BrokerState.Gone || number < broker.WalFirst || number > fence)
            {
                Dead++;
            }
            else
            {
                Needed(stored);
            }
        }

        private void Needed(StoredObject stored)
        {
            Objects++;
            Bytes += stored.Bytes;
        }

        private static bool TryParse(string key, out long log, out long number)
        {
            number = 0;
            string[] parts = key.Split('/');
            return long.TryParse(parts.ElementAtOrDefault(1), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out log)
                && ObjectWalFormat.TryParse(new BrokerEpoch(log), key, out number);
        }
    }
}
