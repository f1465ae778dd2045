using PipeRoll.Streams.Metadata;

namespace PipeRoll.Broker.Tests.Support;

/// <summary>Users, entries and tokens in memory; outlives restarts of a broker.</summary>
internal sealed class MemorySecurityCatalog : ISecurityCatalog
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, ReadOnlyMemory<byte>> _secrets = [];
    private SecuritySnapshot _snapshot = SecuritySnapshot.Empty;

    /// <summary>How many changes there were.</summary>
    public long Changes
    {
        get
        {
            lock (_gate)
            {
                return _snapshot.LogEnd;
            }
        }
    }

    public ValueTask<SecuritySnapshot> ReadSecurityAsync(CancellationToken cancellation = default)
    {
        lock (_gate)
        {
            return ValueTask.FromResult(_snapshot);
        }
    }

    public ValueTask AlterCredentialsAsync(
        string principal, IReadOnlyList<ScramRecord> set, IReadOnlyList<(string User, int Mechanism)> deleted, IReadOnlyList<AclRecord> ifFirst,
        CancellationToken cancellation = default) => Change(now => now with
        {
            Acls = now.Credentials.Count == 0 ? [.. now.Acls.Union(ifFirst)] : now.Acls,
            Credentials =
            [
                .. now.Credentials.Where(known => !deleted.Contains((known.User, known.Mechanism))
                    && !set.Any(each => each.User == known.User && each.Mechanism == known.Mechanism)),
                .. set,
            ],
        });

    public ValueTask CreateAclsAsync(string principal, IReadOnlyList<AclRecord> acls, CancellationToken cancellation = default) =>
        Change(now => now with { Acls = [.. now.Acls.Union(acls)] });

    public async ValueTask<IReadOnlyList<AclRecord>> DeleteAclsAsync(
        string principal, IReadOnlyList<AclRecord> acls, CancellationToken cancellation = default)
    {
        await Change(now => now with { Acls = [.. now.Acls.Except(acls)] });
        return acls;
    }

    public ValueTask PutTokenAsync(string principal, TokenRecord token, CancellationToken cancellation = default) =>
        Change(now => now with { Tokens = [.. now.Tokens.Where(known => known.Id != token.Id), token] });

    public ValueTask DeleteTokensAsync(string principal, IReadOnlyList<string> ids, CancellationToken cancellation = default) =>
        Change(now => now with { Tokens = [.. now.Tokens.Where(known => !ids.Contains(known.Id))] });

    public ValueTask<ReadOnlyMemory<byte>> GetSecretAsync(string name, ReadOnlyMemory<byte> made, CancellationToken cancellation = default)
    {
        lock (_gate)
        {
            _secrets.TryAdd(name, made);
            return ValueTask.FromResult(_secrets[name]);
        }
    }

    private ValueTask Change(Func<SecuritySnapshot, SecuritySnapshot> change)
    {
        lock (_gate)
        {
            _snapshot = change(_snapshot) with { LogEnd = _snapshot.LogEnd + 1 };
            return ValueTask.CompletedTask;
        }
    }
}
