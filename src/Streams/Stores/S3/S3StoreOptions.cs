using System.Text;

namespace PipeRoll.Streams.Stores.S3;

/// <summary>Where the bucket is and how requests to it are made.</summary>
public sealed record S3StoreOptions
{
    private const int MiB = 1024 * 1024;

    /// <summary>What S3 accepts as a part that is not the last one.</summary>
    private const int PartBytesMin = 5 * MiB;

    /// <summary>Such as <c>http://127.0.0.1:7480</c>; null for AWS itself, which finds the address by the region.</summary>
    public string? Endpoint { get; init; }

    /// <summary>Region that requests are signed for. Ceph and MinIO take any.</summary>
    public string Region { get; init; } = "us-east-1";

    /// <summary>An unversioned bucket without Object Lock: <see cref="BucketProbe"/> refuses others.</summary>
    public required string Bucket { get; init; }

    /// <summary>Comes before every key, such as <c>production/</c>; empty when the bucket is ours alone.</summary>
    public string Prefix { get; init; } = "";

    /// <summary>Null takes what AWS's default chain finds: environment, profile, web identity, instance role.</summary>
    public string? AccessKey { get; init; }

    public string? SecretKey { get; init; }

    public string? SessionToken { get; init; }

    /// <summary>Bucket in the path and not in the host name; AWS takes both, the others mostly this one.</summary>
    public bool ForcePathStyle { get; init; } = true;

    /// <summary>Connections kept to the store: as many as the request budget lets through.</summary>
    public int ConnectionsMax { get; init; } = 96;

    /// <summary>Time for connecting, being queued and the answer's first byte; the transfer's own time is added to it.</summary>
    public TimeSpan AttemptTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Slowest transfer that is waited for, in bytes per second: an attempt may take <see cref="AttemptTimeout"/> + bytes / this.</summary>
    public int TransferBytesPerSecondMin { get; init; } = 2 * MiB;

    /// <summary>Bytes of one part of a multipart upload; what stays below it is one plain PUT.</summary>
    public int PartBytes { get; init; } = 8 * MiB;

    /// <summary>How long an attempt that moves <paramref name="bytes"/> may take.</summary>
    public TimeSpan TimeoutFor(long bytes) => AttemptTimeout + TimeSpan.FromSeconds((double)bytes / TransferBytesPerSecondMin);

    /// <exception cref="ArgumentException">Names everything that is wrong, one per line.</exception>
    public void Validate()
    {
        List<string> errors = [];
        Check(Endpoint is null || (Uri.TryCreate(Endpoint, UriKind.Absolute, out Uri? uri) && uri.Scheme is "http" or "https"), errors,
            $"{nameof(Endpoint)} is '{Endpoint}': use http://HOST:PORT or https://HOST, or leave it out for AWS");
        Check(Region.Length > 0, errors, $"{nameof(Region)} is empty: use the bucket's region, such as us-east-1");
        Check(Bucket.Length is >= 3 and <= 63 && Bucket.All(c => c is (>= 'a' and <= 'z') or (>= '0' and <= '9') or '-' or '.'), errors,
            $"{nameof(Bucket)} is '{Bucket}': a bucket's name has 3 to 63 characters of a-z, 0-9, '-' and '.'");
        Check(Prefix.Length == 0 || IsPrefix(Prefix), errors,
            $"{nameof(Prefix)} is '{Prefix}': leave it empty, or use names of a-z, 0-9, '-', '.', '_' that each end with '/'");
        Check(AccessKey is null == SecretKey is null, errors,
            $"{nameof(AccessKey)} and {nameof(SecretKey)} belong together: give both, or neither for AWS's default chain");
        Check(SessionToken is null || AccessKey is not null, errors, $"{nameof(SessionToken)} needs {nameof(AccessKey)} and {nameof(SecretKey)}");
        Check(ConnectionsMax is > 0 and <= 4096, errors, $"{nameof(ConnectionsMax)} is {ConnectionsMax}: use 1 to 4096");
        Check(AttemptTimeout > TimeSpan.Zero, errors, $"{nameof(AttemptTimeout)} is {AttemptTimeout}: it must be positive");
        Check(TransferBytesPerSecondMin > 0, errors, $"{nameof(TransferBytesPerSecondMin)} is {TransferBytesPerSecondMin}: it must be positive");
        Check(PartBytes is >= PartBytesMin and <= 512 * MiB, errors, $"{nameof(PartBytes)} is {PartBytes}: use 5 MiB to 512 MiB");
        if (errors.Count > 0)
        {
            throw new ArgumentException("object store options are wrong:\n  " + string.Join("\n  ", errors));
        }
    }

    private static bool IsPrefix(string prefix) =>
        prefix.EndsWith('/') && prefix.Length <= 256 && prefix[..^1].Split('/').All(part => part is not ("" or "." or "..")
            && part.All(c => c is (>= 'a' and <= 'z') or (>= '0' and <= '9') or '-' or '.' or '_'));

    private static void Check(bool holds, List<string> errors, string error)
    {
        if (!holds)
        {
            errors.Add(error);
        }
    }

    /// <summary>Keys must not get into logs.</summary>
    private bool PrintMembers(StringBuilder text)
    {
        text.Append(nameof(Endpoint)).Append(" = ").Append(Endpoint ?? "AWS").Append(", ").Append(nameof(Region)).Append(" = ").Append(Region)
            .Append(", ").Append(nameof(Bucket)).Append(" = ").Append(Bucket).Append(", ").Append(nameof(Prefix)).Append(" = ").Append(Prefix);
        return true;
    }
}
