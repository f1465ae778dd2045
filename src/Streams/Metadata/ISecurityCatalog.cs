namespace PipeRoll.Streams.Metadata;

/// <summary>What proves a password without being one (RFC 5802).</summary>
/// <param name="User">Without the type: <c>alice</c>.</param>
/// <param name="Mechanism">Kafka's code: 1 SCRAM-SHA-256, 2 SCRAM-SHA-512.</param>
public sealed record ScramRecord(
    string User, int Mechanism, int Iterations, ReadOnlyMemory<byte> Salt, ReadOnlyMemory<byte> StoredKey, ReadOnlyMemory<byte> ServerKey);

/// <summary>One access control entry; numbers are Kafka's codes.</summary>
public sealed record AclRecord(
    int ResourceType, string ResourceName, int PatternType, string Principal, string Host, int Operation, int Permission);

/// <summary>A delegation token (KIP-48); its secret is derived from its id and the cluster's token secret.</summary>
/// <param name="Owner">Principal whom it acts for.</param>
/// <param name="Requester">Principal who had it made.</param>
/// <param name="Renewers">Principals who may also let it live on.</param>
public sealed record TokenRecord(
    string Id, string Owner, string Requester, IReadOnlyList<string> Renewers, long IssuedMs, long ExpiryMs, long MaxMs);

/// <summary>All of it, in one state.</summary>
/// <param name="LogEnd">The last entry of the metadata log that is in it.</param>
public sealed record SecuritySnapshot(
    long LogEnd, IReadOnlyList<ScramRecord> Credentials, IReadOnlyList<AclRecord> Acls, IReadOnlyList<TokenRecord> Tokens)
{
    public static readonly SecuritySnapshot Empty = new(0, [], [], []);
}

/// <summary>
/// Users, access control entries and delegation tokens. Every change and its entry in the <c>metadata_log</c> (who, what; never a secret)
/// are one transaction; kinds begin with <c>security.</c>, so that every broker knows when to read anew.
/// </summary>
/// <remarks>Failure: <see cref="MetadataUnavailableException"/> when the database is away; every call may be repeated.</remarks>
public interface ISecurityCatalog
{
    ValueTask<SecuritySnapshot> ReadSecurityAsync(CancellationToken cancellation = default);

    /// <summary>Sets and deletes credentials; deleting what is not there changes nothing.</summary>
    /// <param name="principal">Who asks for it.</param>
    /// <param name="ifFirst">
    /// Entries that are made too when there was no credential before: whoever defines the first user must not lock everybody out.
    /// </param>
    ValueTask AlterCredentialsAsync(
        string principal, IReadOnlyList<ScramRecord> set, IReadOnlyList<(string User, int Mechanism)> deleted,
        IReadOnlyList<AclRecord> ifFirst, CancellationToken cancellation = default);

    /// <summary>Adds entries; one that is there already stays as it is.</summary>
    ValueTask CreateAclsAsync(string principal, IReadOnlyList<AclRecord> acls, CancellationToken cancellation = default);

    /// <returns>Those that were there.</returns>
    ValueTask<IReadOnlyList<AclRecord>> DeleteAclsAsync(
        string principal, IReadOnlyList<AclRecord> acls, CancellationToken cancellation = default);

    /// <summary>Makes a token, or changes when it expires.</summary>
    ValueTask PutTokenAsync(string principal, TokenRecord token, CancellationToken cancellation = default);

    /// <summary>No error when there is no such token.</summary>
    ValueTask DeleteTokensAsync(string principal, IReadOnlyList<string> ids, CancellationToken cancellation = default);

    /// <summary>A secret that all brokers share, made from <paramref name="made"/> by whoever asks first.</summary>
    ValueTask<ReadOnlyMemory<byte>> GetSecretAsync(string name, ReadOnlyMemory<byte> made, CancellationToken cancellation = default);
}
