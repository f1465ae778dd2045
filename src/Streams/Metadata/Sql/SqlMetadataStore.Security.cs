namespace PipeRoll.Streams.Metadata.Sql;

/// <summary>Users, access control entries, delegation tokens.</summary>
public abstract partial class SqlMetadataStore : ISecurityCatalog
{
    public ValueTask<SecuritySnapshot> ReadSecurityAsync(CancellationToken cancellation = default) =>
        RunAsync(TransactionKind.Read, SecurityTables.Read, cancellation);

    public ValueTask AlterCredentialsAsync(
        string principal, IReadOnlyList<ScramRecord> set, IReadOnlyList<(string User, int Mechanism)> deleted,
        IReadOnlyList<AclRecord> ifFirst, CancellationToken cancellation = default) =>
        DoAsync(TransactionKind.Control, tx => SecurityTables.AlterCredentials(tx, principal, set, deleted, ifFirst), cancellation);

    public ValueTask CreateAclsAsync(string principal, IReadOnlyList<AclRecord> acls, CancellationToken cancellation = default) =>
        DoAsync(TransactionKind.Control, tx => SecurityTables.CreateAcls(tx, principal, acls), cancellation);

    public ValueTask<IReadOnlyList<AclRecord>> DeleteAclsAsync(
        string principal, IReadOnlyList<AclRecord> acls, CancellationToken cancellation = default) =>
        RunAsync(TransactionKind.Control, tx => SecurityTables.DeleteAcls(tx, principal, acls), cancellation);

    public ValueTask PutTokenAsync(string principal, TokenRecord token, CancellationToken cancellation = default) =>
        DoAsync(TransactionKind.Control, tx => SecurityTables.PutToken(tx, principal, token), cancellation);

    public ValueTask DeleteTokensAsync(string principal, IReadOnlyList<string> ids, CancellationToken cancellation = default) =>
        DoAsync(TransactionKind.Control, tx => SecurityTables.DeleteTokens(tx, principal, ids), cancellation);

    public ValueTask<ReadOnlyMemory<byte>> GetSecretAsync(
        string name, ReadOnlyMemory<byte> made, CancellationToken cancellation = default) =>
        RunAsync(TransactionKind.Control, tx => SecurityTables.ReadOrMakeSecret(tx, name, made), cancellation);
}
