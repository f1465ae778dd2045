using PipeRoll.Foundation.Buffers;
using PipeRoll.Streams.Stores;
using PipeRoll.Streams.Wal;
using PipeRoll.Streams.Wal.Objects;

namespace PipeRoll.Simulation.Streams;

/// <summary>Bugs planted on purpose around the object log and its recovery.</summary>
public enum ObjectWalBug
{
    None,

    /// <summary>Whoever recovers the log believes to have put the fence.</summary>
    FenceSkipped,

    /// <summary>The fence replaces what is there.</summary>
    FencePutPlainly,

    /// <summary>A batch is acknowledged as soon as its own object is stored, whatever became of those before it.</summary>
    AcknowledgedOutOfOrder,

    /// <summary>The writer takes "exists already" for its own earlier try, without looking.</summary>
    ExistsTakenForSuccess,

    /// <summary>Recovery starts at the lowest number that is listed.</summary>
    RecoveredFromLowestListed,

    /// <summary>Objects are deleted before the trim point was recorded.</summary>
    DeletedBeforeTrimRecorded,
}

/// <summary>The store with a bug in what the log's writer, or its recovery, makes of conditional puts.</summary>
/// <param name="stored">Told of each object that the writer has stored, for acknowledgements out of order.</param>
internal sealed class ObjectWalBugStore(IObjectStore inner, ObjectWalBug bug, bool isWriter, Action<WalObject> stored) : IObjectStore
{
    public async ValueTask PutAsync(
        string key, IReadOnlyList<ReadOnlyMemory<byte>> content, PutCondition condition = PutCondition.None,
        CancellationToken cancellation = default)
    {
        if (!isWriter && condition == PutCondition.IfAbsent && bug == ObjectWalBug.FenceSkipped)
        {
            return;
        }

        try
        {
            bool isPlain = !isWriter && bug == ObjectWalBug.FencePutPlainly;
            await inner.PutAsync(key, content, isPlain ? PutCondition.None : condition, cancellation);
            if (isWriter && bug == ObjectWalBug.AcknowledgedOutOfOrder)
            {
                using WalObject written = Read(content);
                stored(written);
            }
        }
        catch (ObjectStoreException exists) when (
            isWriter && bug == ObjectWalBug.ExistsTakenForSuccess && exists.Kind == ObjectStoreErrorKind.AlreadyExists)
        {
            return;
        }
    }

    public ValueTask<IObjectUpload> BeginUploadAsync(string key, CancellationToken cancellation = default) =>
        inner.BeginUploadAsync(key, cancellation);

    public ValueTask<int> ReadAsync(string key, long position, Memory<byte> destination, CancellationToken cancellation = default) =>
        inner.ReadAsync(key, position, destination, cancellation);

    public ValueTask DeleteAsync(IReadOnlyList<string> keys, CancellationToken cancellation = default) =>
        inner.DeleteAsync(keys, cancellation);

    public ValueTask<IReadOnlyList<StoredObject>> ListAsync(
        string prefix, string after, int max, CancellationToken cancellation = default) =>
        inner.ListAsync(prefix, after, max, cancellation);

    private static WalObject Read(IReadOnlyList<ReadOnlyMemory<byte>> content)
    {
        byte[] bytes = [.. content.SelectMany(static part => part.ToArray())];
        SharedBuffer buffer = SharedBuffer.Rent(bytes.Length);
        bytes.CopyTo(buffer.Span);
        WalFormat.TryReadGroupHeader(bytes, out WalGroupHeader header);
        return ObjectWalFormat.Read(new((long)header.LogId), (long)header.Group, buffer);
    }
}
