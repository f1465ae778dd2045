using System.Buffers;
using Amazon.S3.Model;

namespace PipeRoll.Streams.Stores.S3;

/// <summary>
/// One object in parts. Parts are gathered until they have the size that the store wants; an object that never reaches it is one plain PUT.
/// </summary>
/// <remarks>
/// One caller at a time. Every step may be repeated after it failed: an append first sends what earlier ones left, and takes its own bytes
/// only when that has succeeded; parts have numbers; what was completed is recognised by its size.
/// </remarks>
internal sealed class S3Upload(S3ObjectStore store, string key) : IObjectUpload
{
    private readonly List<Gathered> _gathered = [];
    private readonly List<PartETag> _parts = [];
    private long _gatheredBytes;
    private long _sentBytes;
    private string? _uploadId;
    private bool _complete;

    public async ValueTask AppendAsync(IReadOnlyList<ReadOnlyMemory<byte>> part, CancellationToken cancellation = default)
    {
        await SendGatheredAsync(store.Options.PartBytes, cancellation);
        foreach (ReadOnlyMemory<byte> piece in part)
        {
            Gather(piece.Span);
        }
    }

    public async ValueTask CompleteAsync(CancellationToken cancellation = default)
    {
        if (_complete)
        {
            return;
        }

        if (_uploadId is null && _gatheredBytes <= store.Options.PartBytes)
        {
            await store.PutAsync(key, [.. _gathered.Select(g => g.Filled)], PutCondition.None, cancellation);
        }
        else
        {
            await SendGatheredAsync(1, cancellation);
            await CompleteMultipartAsync(cancellation);
        }

        _complete = true;
    }

    public async ValueTask DisposeAsync()
    {
        _gathered.ForEach(g => ArrayPool<byte>.Shared.Return(g.Bytes));
        _gathered.Clear();
        if (_uploadId is { } id && !_complete)
        {
            try
            {
                await store.RunAsync(
                    $"abort {key}", 0, token => store.S3.AbortMultipartUploadAsync(store.Options.Bucket, store.Full(key), id, token),
                    CancellationToken.None);
            }
            catch (ObjectStoreException)
            {
                // Unfinished parts are invisible, and a life-cycle rule of the bucket removes them; docs/OPERATIONS.md tells to set one.
            }
        }
    }

    /// <summary>Sends whole parts as long as <paramref name="bytesMin"/> are gathered.</summary>
    private async ValueTask SendGatheredAsync(int bytesMin, CancellationToken cancellation)
    {
        while (_gatheredBytes >= bytesMin)
        {
            _uploadId ??= (await store.RunAsync($"begin {key}", 0, token => store.S3.InitiateMultipartUploadAsync(
                new InitiateMultipartUploadRequest { BucketName = store.Options.Bucket, Key = store.Full(key) }, token), cancellation)).UploadId;
            Gathered next = _gathered[0];
            UploadPartResponse sent = await SendAsync(next, _parts.Count + 1, cancellation);
            _parts.Add(new PartETag(_parts.Count + 1, sent.ETag));
            _gathered.RemoveAt(0);
            _gatheredBytes -= next.Count;
            _sentBytes += next.Count;
            ArrayPool<byte>.Shared.Return(next.Bytes);
        }
    }

    private async ValueTask<UploadPartResponse> SendAsync(Gathered part, int number, CancellationToken cancellation)
    {
        await using var body = new PartsStream([part.Filled]);
        return await store.RunAsync($"put part {number} of {key}", part.Count, token => store.S3.UploadPartAsync(
            new UploadPartRequest
            {
                BucketName = store.Options.Bucket,
                Key = store.Full(key),
                UploadId = _uploadId,
                PartNumber = number,
                PartSize = part.Count,
                InputStream = body,
                UseChunkEncoding = false,
                MD5Digest = S3ObjectStore.Md5([part.Filled]),
            }, token), cancellation);
    }

    private async ValueTask CompleteMultipartAsync(CancellationToken cancellation)
    {
        try
        {
            await store.RunAsync($"complete {key}", 0, token => store.S3.CompleteMultipartUploadAsync(
                new CompleteMultipartUploadRequest
                {
                    BucketName = store.Options.Bucket,
                    Key = store.Full(key),
                    UploadId = _uploadId,
                    PartETags = _parts,
                }, token), cancellation);
        }
        catch (ObjectStoreException gone) when (gone.Kind is ObjectStoreErrorKind.Permanent or ObjectStoreErrorKind.NotFound)
        {
            // The store forgets an upload when it is complete: an earlier attempt may have done it, its answer lost.
            if (await SizeOrNoneAsync(cancellation) != _sentBytes)
            {
                throw;
            }
        }
    }

    private async ValueTask<long> SizeOrNoneAsync(CancellationToken cancellation)
    {
        try
        {
            return await store.SizeAsync(key, cancellation);
        }
        catch (ObjectStoreException missing) when (missing.Kind == ObjectStoreErrorKind.NotFound)
        {
            return -1;
        }
    }

    private void Gather(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            if (_gathered.Count == 0 || _gathered[^1].Count == store.Options.PartBytes)
            {
                _gathered.Add(new Gathered(ArrayPool<byte>.Shared.Rent(store.Options.PartBytes)));
            }

            Gathered last = _gathered[^1];
            int count = Math.Min(bytes.Length, store.Options.PartBytes - last.Count);
            bytes[..count].CopyTo(last.Bytes.AsSpan(last.Count));
            last.Count += count;
            _gatheredBytes += count;
            bytes = bytes[count..];
        }
    }

    private sealed class Gathered(byte[] bytes)
    {
        public byte[] Bytes { get; } = bytes;

        public int Count { get; set; }

        public ReadOnlyMemory<byte> Filled => Bytes.AsMemory(0, Count);
    }
}
