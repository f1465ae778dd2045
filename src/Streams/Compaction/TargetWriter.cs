using PipeRoll.Streams.Metadata;
using PipeRoll.Streams.Objects;
using PipeRoll.Streams.Stores;

namespace PipeRoll.Streams.Compaction;

/// <summary>Writes one object in parts, so that memory stays bounded; a small one in a single request.</summary>
/// <remarks>Used by one caller. Disposed before it was finished, it leaves nothing visible.</remarks>
internal sealed class TargetWriter(IObjectStore store, long objectId, ObjectKind kind, int blockBytes) : IAsyncDisposable
{
    private const int PartBytes = 8 * 1024 * 1024;
    private readonly ObjectWriter _writer = new(objectId, kind, blockBytes);
    private IObjectUpload? _upload;

    /// <summary>Ranges keep the epoch of nobody: where bytes lie is not a writer's business.</summary>
    public void Add(StreamId stream, in StreamBatch batch) => _writer.Add(stream, 0, batch);

    public void EndRange() => _writer.EndRange();

    /// <summary>Sends what has gathered, if it is enough for a part.</summary>
    public async ValueTask FlushAsync(CancellationToken cancellation)
    {
        if (_writer.PendingBytes >= PartBytes)
        {
            _upload ??= await store.BeginUploadAsync(ObjectKeys.ForData(objectId), cancellation);
            await _upload.AppendAsync(_writer.TakeParts(), cancellation);
        }
    }

    public async ValueTask<ObjectCommit> FinishAsync(CancellationToken cancellation)
    {
        ObjectCommit commit = _writer.Finish();
        if (_upload is null)
        {
            await store.PutAsync(ObjectKeys.ForData(objectId), _writer.TakeParts(), PutCondition.None, cancellation);
            return commit;
        }

        await _upload.AppendAsync(_writer.TakeParts(), cancellation);
        await _upload.CompleteAsync(cancellation);
        return commit;
    }

    public ValueTask DisposeAsync() => _upload?.DisposeAsync() ?? ValueTask.CompletedTask;
}
