using Amazon.Runtime;
using Amazon.S3;
using Amazon.S3.Model;
using PipeRoll.Servers;
using PipeRoll.Streams.Stores.S3;

[assembly: AssemblyFixture(typeof(PipeRoll.Streams.Tests.Stores.S3.RgwFixture))]

namespace PipeRoll.Streams.Tests.Stores.S3;

/// <summary>One gateway for all tests of this assembly, started by the first that asks; each test takes a bucket of its own.</summary>
public sealed class RgwFixture : IAsyncDisposable
{
    private readonly Lazy<Task<RgwServer>> _server = new(() => RgwServer.StartAsync());
    private int _buckets;

    /// <summary>Options for a new bucket.</summary>
    public async Task<S3StoreOptions> NewBucketAsync(bool versioned = false, bool objectLock = false)
    {
        RgwServer server = await _server.Value;
        var options = new S3StoreOptions
        {
            Endpoint = server.Endpoint,
            Region = server.Region,
            Bucket = $"test-{Interlocked.Increment(ref _buckets)}",
            AccessKey = server.AccessKey,
            SecretKey = server.SecretKey,
            PartBytes = 5 * 1024 * 1024,

            // The machine runs other tests beside this one.
            AttemptTimeout = TimeSpan.FromSeconds(60),
        };
        using IAmazonS3 s3 = Client(options);
        await s3.PutBucketAsync(new PutBucketRequest { BucketName = options.Bucket, ObjectLockEnabledForBucket = objectLock });
        if (versioned)
        {
            await s3.PutBucketVersioningAsync(new PutBucketVersioningRequest
            {
                BucketName = options.Bucket,
                VersioningConfig = new S3BucketVersioningConfig { Status = VersionStatus.Enabled },
            });
        }

        return options;
    }

    public async ValueTask DisposeAsync()
    {
        if (_server.IsValueCreated)
        {
            await (await _server.Value).DisposeAsync();
        }
    }

    private static AmazonS3Client Client(S3StoreOptions options) => new(
        new BasicAWSCredentials(options.AccessKey, options.SecretKey),
        new AmazonS3Config { ServiceURL = options.Endpoint, AuthenticationRegion = options.Region, ForcePathStyle = true });
}
