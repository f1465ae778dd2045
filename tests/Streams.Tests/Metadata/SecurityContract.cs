using PipeRoll.Streams.Metadata;

namespace PipeRoll.Streams.Tests.Metadata;

/// <summary>Users, entries and tokens, as every engine keeps them.</summary>
public abstract class SecurityContract : MetadataContract
{
    private static readonly AclRecord Entry = new(2, "orders", 3, "User:alice", "*", 3, 3);

    internal SecurityContract(ITestDatabase database)
        : base(database)
    {
    }

    private ISecurityCatalog Catalog => (ISecurityCatalog)Store;

    [Fact]
    public async Task Credentials_are_set_changed_and_deleted()
    {
        await Catalog.AlterCredentialsAsync("User:root", [Credential("alice", 1), Credential("alice", 2)], [], []);
        await Catalog.AlterCredentialsAsync("User:root", [Credential("alice", 1, iterations: 8192)], [("alice", 2), ("nobody", 1)], []);

        ScramRecord kept = Assert.Single((await Catalog.ReadSecurityAsync()).Credentials);
        Assert.Equal(("alice", 1, 8192), (kept.User, kept.Mechanism, kept.Iterations));
        Assert.Equal(new byte[] { 1, 2 }, kept.Salt.ToArray());
        Assert.Equal(new byte[] { 3 }, kept.StoredKey.ToArray());
        Assert.Equal(new byte[] { 4 }, kept.ServerKey.ToArray());
    }

    [Fact]
    public async Task The_first_user_and_no_other_comes_with_entries()
    {
        await Catalog.AlterCredentialsAsync("User:ANONYMOUS", [Credential("alice", 1)], [], [Entry]);
        await Catalog.AlterCredentialsAsync("User:alice", [Credential("bob", 1)], [], [Entry with { Principal = "User:bob" }]);

        Assert.Equal([Entry], (await Catalog.ReadSecurityAsync()).Acls);
    }

    [Fact]
    public async Task Entries_are_there_once_and_go_when_named_exactly()
    {
        await Catalog.CreateAclsAsync("User:root", [Entry, Entry with { Operation = 4 }]);
        await Catalog.CreateAclsAsync("User:root", [Entry]);
        IReadOnlyList<AclRecord> deleted = await Catalog.DeleteAclsAsync("User:root", [Entry, Entry with { Host = "10.0.0.1" }]);

        Assert.Equal([Entry], deleted);
        Assert.Equal([Entry with { Operation = 4 }], (await Catalog.ReadSecurityAsync()).Acls);
    }

    [Fact]
    public async Task Tokens_are_made_prolonged_and_ended()
    {
        var token = new TokenRecord("t1", "User:alice", "User:bob", ["User:carol"], 1, 10, 100);
        await Catalog.PutTokenAsync("User:bob", token);
        await Catalog.PutTokenAsync("User:bob", token with { ExpiryMs = 50 });

        TokenRecord kept = Assert.Single((await Catalog.ReadSecurityAsync()).Tokens);
        Assert.Equal(50, kept.ExpiryMs);
        Assert.Equal(["User:carol"], kept.Renewers);
        await Catalog.DeleteTokensAsync("User:bob", ["t1", "t2"]);
        Assert.Empty((await Catalog.ReadSecurityAsync()).Tokens);
    }

    [Fact]
    public async Task A_secret_is_made_by_whoever_comes_first()
    {
        Assert.Equal(new byte[] { 1 }, (await Catalog.GetSecretAsync("brokers", new byte[] { 1 })).ToArray());
        Assert.Equal(new byte[] { 1 }, (await Catalog.GetSecretAsync("brokers", new byte[] { 2 })).ToArray());
    }

    [Fact]
    public async Task Every_change_is_in_the_log_with_who_made_it_and_no_secret_is()
    {
        long before = (await Catalog.ReadSecurityAsync()).LogEnd;
        await Catalog.AlterCredentialsAsync("User:root", [Credential("alice", 1)], [], [Entry]);
        await Catalog.AlterCredentialsAsync("User:root", [], [("alice", 1)], []);
        await Catalog.DeleteAclsAsync("User:root", [Entry]);
        await Catalog.PutTokenAsync("User:root", new TokenRecord("t1", "User:alice", "User:root", [], 1, 10, 100));
        await Catalog.DeleteTokensAsync("User:root", ["t1"]);

        IReadOnlyList<MetadataLogEntry> log = await Store.ReadLogAsync(before, 100);
        Assert.Equal(
            [
                "security.acls.created", "security.credential.set", "security.credential.deleted", "security.acls.deleted",
                "security.token.created", "security.token.deleted",
            ],
            log.Select(entry => entry.Kind));
        Assert.All(log, entry => Assert.Equal("User:root", entry.Principal));
        Assert.DoesNotContain(log, entry => entry.Payload.Contains("AQI=", StringComparison.Ordinal));
        Assert.Equal(log[^1].Sequence, (await Catalog.ReadSecurityAsync()).LogEnd);
    }

    private static ScramRecord Credential(string user, int mechanism, int iterations = 4096) =>
        new(user, mechanism, iterations, new byte[] { 1, 2 }, new byte[] { 3 }, new byte[] { 4 });
}
