using PipeRoll.Foundation.Scheduling;

namespace PipeRoll.Streams.Stores;

/// <summary>
/// Tries at start whether a bucket keeps what the write-ahead log stands on: of racing creates at most one wins, and what is stored is read
/// back, listed and deleted.
/// </summary>
/// <remarks>
/// Versioned and Object Lock buckets ignore the condition of a create in silence: every writer wins, so that two brokers would acknowledge
/// different batches as the same group. Nothing but a race in the very bucket tells. Several brokers may probe at the same time; each has
/// keys of its own and deletes them.
/// </remarks>
public sealed class BucketProbe(IObjectStore store, TimeProvider time, Func<Guid> newGuid)
{
    private const int RacersMax = 8;
    private const int AttemptsMax = 20;
    private static readonly TimeSpan RetryDelay = TimeSpan.FromMilliseconds(250);

    /// <summary>Races in as many rounds; each is one more chance for a store to show that it lets two win.</summary>
    public int Rounds { get; init; } = 4;

    /// <returns>Null when the bucket may be used, else what is wrong and what to do.</returns>
    public async ValueTask<string?> FindProblemAsync(CancellationToken cancellation = default)
    {
        string prefix = $"probe/{newGuid():n}/";
        var keys = new List<string>();
        try
        {
            string? problem = await FindRoundTripProblemAsync(prefix, keys, cancellation);
            for (int round = 0; problem is null && round < Rounds; round++)
            {
                string key = $"{prefix}race-{round}";
                keys.Add(key);
                problem = await FindRaceProblemAsync(key, cancellation);
            }

            string? left = await FindDeleteProblemAsync(prefix, keys, cancellation);
            return problem ?? left;
        }
        catch (ObjectStoreException failure)
        {
            return failure.Transient
                ? $"the object store does not answer: {failure.Message}; see that it runs and can be reached from here, then start again"
                : $"the bucket can't be used: {failure.Message}";
        }
    }

    private async ValueTask<string?> FindRoundTripProblemAsync(string prefix, List<string> keys, CancellationToken cancellation)
    {
        string key = $"{prefix}round-trip";
        keys.Add(key);
        byte[] content = [.. newGuid().ToByteArray(), .. newGuid().ToByteArray()];
        await RetryAsync(
            () => store.PutAsync(key, [content.AsMemory(0, 10), content.AsMemory(10)], PutCondition.None, cancellation), cancellation);
        if (await ReadAsync(key, 0, cancellation) is var whole && !whole.AsSpan().SequenceEqual(content))
        {
            return $"what was stored as {key} reads back as {whole.Length} other bytes: this store does not keep what it is given, use another";
        }

        if (await ReadAsync(key, 7, cancellation) is var tail && !tail.AsSpan().SequenceEqual(content.AsSpan(7)))
        {
            return $"a ranged read of {key} returned other bytes than the range: this store does not know the Range header, use another";
        }

        IReadOnlyList<StoredObject> listed = await ListAsync(prefix, cancellation);
        return listed.Count == 1 && listed[0] == new StoredObject(key, content.Length)
            ? null
            : $"{key} was stored, but listing {prefix} shows {listed.Count} objects: give our key the right to list the bucket, or use a "
                + "store with consistent listings";
    }

    private async ValueTask<string?> FindRaceProblemAsync(string key, CancellationToken cancellation)
    {
        byte[][] contents = [.. Enumerable.Range(0, RacersMax).Select(_ => newGuid().ToByteArray())];
        Created[] results = await Task.WhenAll(contents.Select(content => CreateAsync(key, content, cancellation).AsTask().Follow()));
        byte[] stored = await ReadAsync(key, 0, cancellation);
        int won = results.Count(r => r == Created.Ours);
        int holder = Array.FindIndex(contents, content => content.AsSpan().SequenceEqual(stored));

        // Whoever had a failure on the way and then lost may have lost to itself.
        bool right = holder >= 0 && results[holder] != Created.Lost && (won == 0 || (won == 1 && results[holder] == Created.Ours));

        // One more, alone, whose outcome needs no timing to be wrong.
        bool again = await CreateAsync(key, newGuid().ToByteArray(), cancellation) == Created.Ours;
        return right && !again
            ? null
            : $"of {RacersMax} racing creates of {key} {won} won" + (again ? ", and one more when the object was there already" : "")
                + (right ? "" : ", and what is stored is not the winner's")
                + ": this bucket ignores 'If-None-Match: *', so that a broker that was replaced could still write. Versioned buckets and "
                + "buckets with Object Lock do that: give us a bucket that is neither, and keep those for retention";
    }

    private async ValueTask<string?> FindDeleteProblemAsync(string prefix, List<string> keys, CancellationToken cancellation)
    {
        await RetryAsync(() => store.DeleteAsync(keys, cancellation), cancellation);
        IReadOnlyList<StoredObject> left = await ListAsync(prefix, cancellation);
        return left.Count == 0
            ? null
            : $"{left[0].Key} was deleted and is still listed: give our key the right to delete, and use a bucket without retention";
    }

    private async ValueTask<Created> CreateAsync(string key, byte[] content, CancellationToken cancellation)
    {
        bool certain = true;
        for (int attempt = 1; ; attempt++)
        {
            try
            {
                await store.PutAsync(key, [content], PutCondition.IfAbsent, cancellation);
                return Created.Ours;
            }
            catch (ObjectStoreException lost) when (lost.Kind == ObjectStoreErrorKind.AlreadyExists)
            {
                return certain ? Created.Lost : Created.Unknown;
            }
            catch (ObjectStoreException failure) when (failure.Transient && attempt < AttemptsMax)
            {
                certain = false;
                await Task.Delay(RetryDelay, time, cancellation);
            }
        }
    }

    private async ValueTask<byte[]> ReadAsync(string key, long position, CancellationToken cancellation)
    {
        byte[] bytes = new byte[64];
        int count = 0;
        await RetryAsync(async () => count = await store.ReadAsync(key, position, bytes, cancellation), cancellation);
        return bytes[..count];
    }

    private async ValueTask<IReadOnlyList<StoredObject>> ListAsync(string prefix, CancellationToken cancellation)
    {
        IReadOnlyList<StoredObject> found = [];
        await RetryAsync(async () => found = await store.ListAsync(prefix, "", 100, cancellation), cancellation);
        return found;
    }

    private async ValueTask RetryAsync(Func<ValueTask> call, CancellationToken cancellation)
    {
        for (int attempt = 1; ; attempt++)
        {
            try
            {
                await call();
                return;
            }
            catch (ObjectStoreException failure) when (failure.Transient && attempt < AttemptsMax)
            {
                await Task.Delay(RetryDelay, time, cancellation);
            }
        }
    }

    private enum Created
    {
        Ours,
        Lost,

        /// <summary>An earlier attempt of ours failed and may have been what made the object.</summary>
        Unknown,
    }
}
