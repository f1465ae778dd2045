namespace PipeRoll.Streams.Metadata;

/// <param name="Broker">Who opens it: the stream must be its own. None for the embedded default.</param>
public readonly record struct StreamOpening(StreamId Id, long Epoch, BrokerEpoch Broker = default);

public enum StreamOpenError
{
    None,
    NotFound,

    /// <summary>The stream has been opened with a higher epoch, or belongs to another broker.</summary>
    Fenced,
}

public readonly record struct StreamOpened(StreamOpenError Error, StreamState State);

/// <param name="StartOffset">First offset that may be read.</param>
/// <param name="CommittedOffset">Exclusive end of what lies in committed objects.</param>
/// <param name="SealedOffset">
/// Exclusive end of what earlier owners acknowledged and handed over. While it is above <paramref name="CommittedOffset"/>, the part
/// between lies in their logs and is on its way into objects.
/// </param>
public readonly record struct StreamState(StreamId Id, long Epoch, long StartOffset, long CommittedOffset, long SealedOffset = 0)
{
    /// <summary>Where the next batch goes.</summary>
    public long EndOffset => Math.Max(CommittedOffset, SealedOffset);
}

/// <summary>A piece of a stream in one object: one or more consecutive blocks.</summary>
/// <param name="Epoch">Epoch under which the writer holds the stream; the commit is refused below the stream's.</param>
/// <param name="MaxTimestamp">Largest record timestamp within, milliseconds since the Unix epoch.</param>
/// <param name="Bytes">Bytes of batches within (without framing): what retention by size counts.</param>
public readonly record struct RangeCommit(
    StreamId Stream, long Epoch, long BaseOffset, long EndOffset, long MaxTimestamp, long Bytes);

/// <param name="ObjectId">As reserved by <see cref="IMetadataStore.PrepareObjectsAsync"/>.</param>
/// <param name="Bytes">Size of the object in the store.</param>
/// <param name="IndexPosition">Where the object's index starts; index and footer reach to its end.</param>
public sealed record ObjectCommit(long ObjectId, long Bytes, long IndexPosition, IReadOnlyList<RangeCommit> Ranges);

/// <param name="Refused">Streams whose ranges were left out: destroyed, or owned by somebody else under a higher epoch.</param>
public sealed record CommitOutcome(IReadOnlyList<StreamId> Refused)
{
    /// <summary>Streams whose ranges wait for an earlier owner's part to be committed: to be tried again soon.</summary>
    public IReadOnlyList<StreamId> Later { get; init; } = [];
}

/// <summary>A committed range with what is needed to read its object.</summary>
public readonly record struct StreamRange(
    long ObjectId, long BaseOffset, long EndOffset, long MaxTimestamp, long Bytes, long ObjectBytes, long IndexPosition);

public enum ObjectState
{
    Prepared,
    Committed,
    GivenUp,
}

public readonly record struct ObjectRecord(long Id, ObjectState State, long Bytes, long ChangedAtMs);

/// <param name="Sequence">Dense, from 1.</param>
/// <param name="Kind">What happened, such as <c>topic.created</c>.</param>
/// <param name="Payload">Details as JSON.</param>
public sealed record MetadataLogEntry(long Sequence, long AtMs, string Principal, string Kind, string Payload);

/// <summary>The transaction contradicts what is stored: a bug or a second writer. Nothing was changed.</summary>
public sealed class MetadataConflictException(string message) : Exception(message);
