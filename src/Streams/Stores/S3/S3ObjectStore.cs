using System.Net;
using System.Security.Cryptography;
using Amazon.Runtime;
using Amazon.S3;
using Amazon.S3.Model;

namespace PipeRoll.Streams.Stores.S3;

/// <summary>Objects in a bucket of S3, Ceph's RADOS Gateway, MinIO, or whoever else speaks that protocol.</summary>
/// <remarks>
/// Any thread; a true edge: requests run on the thread pool, which is also where bodies are hashed. A call is one attempt with a time limit
/// (<see cref="S3StoreOptions.TimeoutFor"/>); repeating is up to <see cref="BudgetedObjectStore"/>. An attempt that was given up may take
/// effect later.
/// </remarks>
public sealed class S3ObjectStore : IObjectStore, IDisposable
{
    private const int KeysPerRequestMax = 1000;
    private readonly S3StoreOptions _options;
    private readonly TimeProvider _time;
    private readonly S3Client _client;
    private volatile bool _deletesOneByOne;

    /// <exception cref="ArgumentException">The options are wrong; the message names everything.</exception>
    public S3ObjectStore(S3StoreOptions options, TimeProvider time)
    {
        options.Validate();
        _options = options;
        _time = time;
        _client = new S3Client(options, time);
    }

    internal S3StoreOptions Options => _options;

    internal IAmazonS3 S3 => _client.S3;

    /// <summary>The store was found not to know the deletion of many objects by one request.</summary>
    internal bool DeletesOneByOne => _deletesOneByOne;

    public async ValueTask PutAsync(
        string key, IReadOnlyList<ReadOnlyMemory<byte>> content, PutCondition condition = PutCondition.None,
        CancellationToken cancellation = default)
    {
        ObjectKeys.Check(key);
        bool conditional = condition == PutCondition.IfAbsent;
        await using var body = new PartsStream(content);
        await RunAsync($"put {key}", body.Length, token => S3.PutObjectAsync(
            new PutObjectRequest
            {
                BucketName = _options.Bucket,
                Key = Full(key),
                InputStream = body,
                AutoCloseStream = false,
                UseChunkEncoding = false,
                MD5Digest = Md5(content),
                IfNoneMatch = conditional ? "*" : null,
            }, token), cancellation, conditional);
    }

    public ValueTask<IObjectUpload> BeginUploadAsync(string key, CancellationToken cancellation = default)
    {
        ObjectKeys.Check(key);
        return ValueTask.FromResult<IObjectUpload>(new S3Upload(this, key));
    }

    public async ValueTask<int> ReadAsync(string key, long position, Memory<byte> destination, CancellationToken cancellation = default)
    {
        ObjectKeys.Check(key);
        ArgumentOutOfRangeException.ThrowIfNegative(position);
        if (destination.IsEmpty)
        {
            await SizeAsync(key, cancellation);
            return 0;
        }

        return await RunAsync($"get {key} from {position}", destination.Length, token => GetAsync(key, position, destination, token), cancellation);
    }

    public async ValueTask DeleteAsync(IReadOnlyList<string> keys, CancellationToken cancellation = default)
    {
        foreach (string key in keys)
        {
            ObjectKeys.Check(key);
        }

        foreach (string[] some in keys.Chunk(KeysPerRequestMax))
        {
            if (some.Length == 1 || _deletesOneByOne || !await TryDeleteTogetherAsync(some, cancellation))
            {
                foreach (string key in some)
                {
                    await RunAsync($"delete {key}", 0, token => S3.DeleteObjectAsync(_options.Bucket, Full(key), token), cancellation);
                }
            }
        }
    }

    public async ValueTask<IReadOnlyList<StoredObject>> ListAsync(
        string prefix, string after, int max, CancellationToken cancellation = default)
    {
        List<StoredObject> found = [];
        string? continuation = null;
        while (found.Count < max)
        {
            var request = new ListObjectsV2Request
            {
                BucketName = _options.Bucket,
                Prefix = Full(prefix),
                StartAfter = after.Length > 0 ? Full(after) : null,
                MaxKeys = Math.Min(max - found.Count, KeysPerRequestMax),
                ContinuationToken = continuation,
            };
            ListObjectsV2Response page = await RunAsync($"list {prefix}", 0, token => S3.ListObjectsV2Async(request, token), cancellation);
            foreach (S3Object entry in page.S3Objects ?? [])
            {
                found.Add(new StoredObject(entry.Key[_options.Prefix.Length..], entry.Size ?? 0) { StoredAt = entry.LastModified });
            }

            continuation = page.NextContinuationToken;
            if (page.IsTruncated != true || string.IsNullOrEmpty(continuation))
            {
                break;
            }
        }

        return found;
    }

    public void Dispose() => _client.Dispose();

    internal string Full(string key) => _options.Prefix + key;

    /// <summary>Size of the object in bytes.</summary>
    internal async ValueTask<long> SizeAsync(string key, CancellationToken cancellation) =>
        (await RunAsync($"head {key}", 0, token => S3.GetObjectMetadataAsync(_options.Bucket, Full(key), token), cancellation)).ContentLength;

    /// <summary>One attempt within its time, off the caller's scheduler, failing as <see cref="IObjectStore"/> says.</summary>
    internal async ValueTask<T> RunAsync<T>(
        string what, long bytes, Func<CancellationToken, Task<T>> request, CancellationToken cancellation, bool conditional = false)
    {
        TimeSpan limit = _options.TimeoutFor(bytes);
        using var timer = new CancellationTokenSource(limit, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timer.Token, cancellation);
        try
        {
            return await Task.Factory.StartNew(
                () => request(either.Token), CancellationToken.None, TaskCreationOptions.None, TaskScheduler.Default).Unwrap();
        }
        catch (Exception) when (cancellation.IsCancellationRequested)
        {
            throw new OperationCanceledException($"{what} was given up", cancellation);
        }
        catch (Exception) when (timer.IsCancellationRequested)
        {
            throw S3Errors.TimedOut(what, limit);
        }
        catch (Exception failure)
        {
            _client.Clock.Failed((failure as AmazonServiceException)?.ErrorCode);
            if (S3Errors.Translate(failure, what, conditional) is { } translated)
            {
                throw translated;
            }

            throw;
        }
    }

    /// <summary>For the header of that name, which the store checks what it received against.</summary>
    internal static string Md5(IReadOnlyList<ReadOnlyMemory<byte>> content)
    {
#pragma warning disable CA5351 // Guards against broken transfers, not against people; the protocol knows no other that every store checks.
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.MD5);
#pragma warning restore CA5351
        foreach (ReadOnlyMemory<byte> part in content)
        {
            hash.AppendData(part.Span);
        }

        return Convert.ToBase64String(hash.GetHashAndReset());
    }

    private async Task<int> GetAsync(string key, long position, Memory<byte> destination, CancellationToken cancellation)
    {
        try
        {
            using GetObjectResponse response = await S3.GetObjectAsync(
                new GetObjectRequest
                {
                    BucketName = _options.Bucket,
                    Key = Full(key),
                    ByteRange = new ByteRange(position, position + destination.Length - 1),
                }, cancellation);
            if (response.HttpStatusCode != HttpStatusCode.PartialContent && position > 0)
            {
                throw new ObjectStoreException(
                    ObjectStoreErrorKind.Permanent, $"get {key}: the store ignores ranges; use one that knows the Range header");
            }

            int expected = (int)Math.Min(response.ContentLength, destination.Length);
            int count = await response.ResponseStream.ReadAtLeastAsync(destination[..expected], expected, throwOnEndOfStream: false, cancellation);
            return count == expected
                ? count
                : throw new ObjectStoreException(
                    ObjectStoreErrorKind.Transient, $"get {key}: the answer broke off after {count} of {expected} bytes");
        }
        catch (AmazonS3Exception beyond) when (beyond.StatusCode == HttpStatusCode.RequestedRangeNotSatisfiable)
        {
            return 0;
        }
    }

    /// <returns>False when the store has no such request; then and later they are deleted one by one.</returns>
    private async ValueTask<bool> TryDeleteTogetherAsync(string[] keys, CancellationToken cancellation)
    {
        var request = new DeleteObjectsRequest
        {
            BucketName = _options.Bucket,
            Quiet = true,
            Objects = [.. keys.Select(key => new KeyVersion { Key = Full(key) })],
        };
        try
        {
            await RunAsync($"delete {keys.Length} objects from {keys[0]} on", 0, async token =>
            {
                try
                {
                    return await S3.DeleteObjectsAsync(request, token);
                }
                catch (DeleteObjectsException some)
                {
                    List<DeleteError> errors = some.Response.DeleteErrors;
                    throw new ObjectStoreException(
                        errors[0].Code == "AccessDenied" ? ObjectStoreErrorKind.Refused : ObjectStoreErrorKind.Transient,
                        $"delete: {errors.Count} of {keys.Length} objects stay, the first is {errors[0].Key}: {errors[0].Code} {errors[0].Message}",
                        some);
                }
            }, cancellation);
            return true;
        }
        catch (ObjectStoreException unknown) when (unknown.Kind == ObjectStoreErrorKind.Permanent
            || unknown.InnerException is AmazonServiceException { StatusCode: HttpStatusCode.NotImplemented })
        {
            _deletesOneByOne = true;
            return false;
        }
    }
}
