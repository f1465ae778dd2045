namespace PipeRoll.Policies;

/// <summary>
/// The state of one partition under one policy version: a pure fold over the partition's events in offset order. It reads no clock,
/// draws nothing at random and does no I/O, so the same events give the same bytes on every machine.
/// Owner: one caller at a time; not thread-safe. Failure: an event that cannot be read or judged is a decision too (the fallback);
/// events out of order throw, and leave the state as it was.
/// </summary>
public sealed class DecisionEngine
{
    private readonly byte[] _stateHash = new byte[32];

    /// <summary>The state before the first event.</summary>
    public DecisionEngine(PolicyBundle policy, string topic, int partition)
    {
        Policy = policy;
        Topic = topic;
        Partition = partition;
    }

    /// <summary>The policy that decides.</summary>
    public PolicyBundle Policy { get; }

    /// <summary>The topic whose events are decided.</summary>
    public string Topic { get; }

    /// <summary>The partition whose events are decided.</summary>
    public int Partition { get; }

    /// <summary>The least offset that may come next.</summary>
    public long NextOffset { get; private set; }

    /// <summary>The head of the hash chain over everything that was folded: 32 bytes.</summary>
    public ReadOnlySpan<byte> StateHash => _stateHash;

    /// <summary>Decides one event and folds it into the state.</summary>
    /// <param name="offset">At least <see cref="NextOffset"/>; offsets may be left out (compaction, transaction markers).</param>
    /// <param name="recordTimestampMs">The record's timestamp, in milliseconds since 1970.</param>
    /// <param name="key">The record's key; a null key and an empty one are the same here.</param>
    /// <param name="valueJson">The record's value; a null value and an empty one are the same here.</param>
    /// <returns>The decision, valid until the next call.</returns>
    /// <exception cref="InvalidOperationException">The offset was already folded.</exception>
    public Decision Decide(long offset, long recordTimestampMs, ReadOnlySpan<byte> key, ReadOnlySpan<byte> valueJson) =>
        throw new NotSupportedException($"Events of {Topic}/{Partition} cannot be decided before expressions are compiled.");

    /// <summary>Folds one event into the state without writing a record: what <see cref="Decide"/> does to the state, and nothing else.</summary>
    public void Fold(long offset, long recordTimestampMs, ReadOnlySpan<byte> key, ReadOnlySpan<byte> valueJson) =>
        throw new NotSupportedException($"Events of {Topic}/{Partition} cannot be folded before expressions are compiled.");

    /// <summary>The state as bytes (docs/formats/snapshot.md). Equal states give equal bytes.</summary>
    public byte[] Snapshot() => throw new NotSupportedException($"{Topic}/{Partition} has no state before expressions are compiled.");

    /// <summary>The engine as it was when <see cref="Snapshot"/> was called.</summary>
    /// <exception cref="CorruptSnapshotException">The bytes are damaged.</exception>
    /// <exception cref="SnapshotException">The snapshot belongs to another policy version, topic or partition.</exception>
    public static DecisionEngine Restore(PolicyBundle policy, string topic, int partition, ReadOnlySpan<byte> snapshot) =>
        throw new NotSupportedException($"A snapshot of {snapshot.Length} bytes cannot be read before expressions are compiled.");
}
