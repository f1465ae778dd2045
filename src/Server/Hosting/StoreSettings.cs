namespace PipeRoll.Server.Hosting;

/// <summary>What the brokers of a cluster share.</summary>
internal enum StoreKind
{
    /// <summary>A bucket of an S3 service: AWS, Ceph RADOS Gateway, MinIO.</summary>
    S3,

    /// <summary>A folder that all brokers see, which on one machine is any folder.</summary>
    Folder,
}

/// <summary>What the section <c>store</c> says besides the options of the bucket (<see cref="Streams.Stores.S3.S3StoreOptions"/>).</summary>
internal sealed record StoreSettings
{
    public StoreKind Kind { get; init; } = StoreKind.S3;

    /// <summary>With <see cref="StoreKind.Folder"/>: which.</summary>
    public string Folder { get; init; } = "";
}
