namespace PipeRoll.Server.Hosting;

/// <summary>What the brokers of a cluster share.</summary>
internal enum StoreKind
{
    /// <summary>A bucket of an S3 service: AWS, Ceph RADOS Gateway, MinIO.</summary>
    S3,

    /// <summary>A folder that all brokers see, which on one machine is any folder.</summary>
    Folder,
}

/// <summary>The section <c>store</c>: where a cluster's log and objects lie.</summary>
/// <remarks>It holds a secret: <see cref="ToString"/> leaves it out.</remarks>
internal sealed record StoreSettings
{
    public StoreKind Kind { get; init; } = StoreKind.S3;

    /// <summary>With <see cref="StoreKind.Folder"/>: which.</summary>
    public string Folder { get; init; } = "";

    /// <summary>Address of the S3 service; empty for AWS's own in <see cref="Region"/>.</summary>
    public string Endpoint { get; init; } = "";

    public string Region { get; init; } = "us-east-1";

    /// <summary>An unversioned bucket without Object Lock: others ignore conditional writes, on which fencing rests.</summary>
    public string Bucket { get; init; } = "";

    /// <summary>Put before every key, so that several clusters can share a bucket.</summary>
    public string Prefix { get; init; } = "";

    /// <summary>Empty, as <see cref="SecretKey"/>, for the environment's own credentials (variables, profile, instance role).</summary>
    public string AccessKey { get; init; } = "";

    public string SecretKey { get; init; } = "";

    /// <summary>The bucket is named in the path, not in the host name.</summary>
    public bool PathStyle { get; init; } = true;

    /// <summary>How long one attempt of a request may take, besides what its size takes.</summary>
    public TimeSpan RequestTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Every error at once, each beginning with the property's name.</summary>
    public IReadOnlyList<string> Validate()
    {
        var errors = new List<string>();
        if (Kind == StoreKind.Folder)
        {
            Check(errors, Folder.Length > 0, $"{nameof(Folder)} is missing: give the folder that all brokers share");
            return errors;
        }

        Check(errors, Bucket.Length > 0, $"{nameof(Bucket)} is missing: give an unversioned bucket without Object Lock");
        Check(errors, Endpoint.Length == 0 || (Uri.TryCreate(Endpoint, UriKind.Absolute, out Uri? address) && address.Scheme is "http" or "https"),
            $"{nameof(Endpoint)} is '{Endpoint}': give an address such as https://s3.example.org, or leave it out for AWS");
        Check(errors, (AccessKey.Length == 0) == (SecretKey.Length == 0),
            $"{(AccessKey.Length == 0 ? nameof(AccessKey) : nameof(SecretKey))} is missing: give both keys, or neither to take the environment's");
        Check(errors, RequestTimeout >= TimeSpan.FromSeconds(1), $"{nameof(RequestTimeout)} is {RequestTimeout}: it must be at least 1s");
        return errors;
    }

    public override string ToString() => Kind == StoreKind.Folder
        ? $"folder {Folder}"
        : $"bucket {Bucket}{(Prefix.Length > 0 ? "/" + Prefix : "")} at {(Endpoint.Length > 0 ? Endpoint : "AWS " + Region)}";

    private static void Check(List<string> errors, bool holds, string error)
    {
        if (!holds)
        {
            errors.Add(error);
        }
    }
}
