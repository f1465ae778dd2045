using System.Text.Json;

namespace PipeRoll.Streams.Metadata.Sql;

/// <summary>Users, access control entries, delegation tokens, and secrets of the cluster. Bytes are stored as Base64.</summary>
internal static class SecurityTables
{
    private const string AclColumns =
        "resource_type = @ResourceType AND resource_name = @ResourceName AND pattern_type = @PatternType AND principal = @Principal "
        + "AND host = @Host AND operation = @Operation AND permission = @Permission";

    public static SecuritySnapshot Read(MetadataTransaction tx) => new(
        LogTables.End(tx),
        [.. tx.Query<ScramRow>(
            """
            SELECT user_name AS UserName, mechanism AS Mechanism, iterations AS Iterations, salt AS Salt, stored_key AS StoredKey,
                   server_key AS ServerKey
            FROM scram_credentials
            """).Select(row => row.ToRecord())
            .OrderBy(record => record.User, StringComparer.Ordinal).ThenBy(record => record.Mechanism)],
        [.. tx.Query<AclRow>(
            """
            SELECT resource_type AS ResourceType, resource_name AS ResourceName, pattern_type AS PatternType, principal AS Principal,
                   host AS Host, operation AS Operation, permission AS Permission
            FROM acls
            """).Select(row => row.ToRecord())
            .OrderBy(acl => acl.ResourceType).ThenBy(acl => acl.ResourceName, StringComparer.Ordinal).ThenBy(acl => acl.PatternType)
            .ThenBy(acl => acl.Principal, StringComparer.Ordinal).ThenBy(acl => acl.Host, StringComparer.Ordinal)
            .ThenBy(acl => acl.Operation).ThenBy(acl => acl.Permission)],
        [.. tx.Query<TokenRow>(
            """
            SELECT id AS Id, owner AS Owner, requester AS Requester, renewers AS Renewers, issued_ms AS IssuedMs, expiry_ms AS ExpiryMs,
                   max_ms AS MaxMs
            FROM delegation_tokens
            """).Select(row => row.ToRecord()).OrderBy(token => token.Id, StringComparer.Ordinal)]);

    public static void AlterCredentials(
        MetadataTransaction tx, string principal, IReadOnlyList<ScramRecord> set, IReadOnlyList<(string User, int Mechanism)> deleted,
        IReadOnlyList<AclRecord> ifFirst)
    {
        if (set.Count > 0 && tx.One<long>("SELECT COUNT(*) FROM scram_credentials") == 0)
        {
            CreateAcls(tx, principal, ifFirst);
        }

        foreach ((string user, int mechanism) in deleted)
        {
            if (tx.Execute(
                "DELETE FROM scram_credentials WHERE user_name = @user AND mechanism = @mechanism", new { user, mechanism = (long)mechanism }) > 0)
            {
                tx.Log(principal, "security.credential.deleted", new { user, mechanism });
            }
        }

        foreach (ScramRecord record in set)
        {
            tx.Execute(
                """
                INSERT INTO scram_credentials (user_name, mechanism, iterations, salt, stored_key, server_key)
                VALUES (@UserName, @Mechanism, @Iterations, @Salt, @StoredKey, @ServerKey)
                ON CONFLICT (user_name, mechanism) DO UPDATE SET iterations = excluded.iterations, salt = excluded.salt,
                    stored_key = excluded.stored_key, server_key = excluded.server_key
                """, ScramRow.Of(record));
            tx.Log(
                principal, "security.credential.set", new { user = record.User, mechanism = record.Mechanism, iterations = record.Iterations });
        }
    }

    public static void CreateAcls(MetadataTransaction tx, string principal, IReadOnlyList<AclRecord> acls)
    {
        List<AclRecord> created = [.. acls.Where(acl => tx.Execute(
            """
            INSERT INTO acls (resource_type, resource_name, pattern_type, principal, host, operation, permission)
            VALUES (@ResourceType, @ResourceName, @PatternType, @Principal, @Host, @Operation, @Permission)
            ON CONFLICT DO NOTHING
            """, AclRow.Of(acl)) > 0)];
        if (created.Count > 0)
        {
            tx.Log(principal, "security.acls.created", new { acls = created.Select(Describe) });
        }
    }

    public static IReadOnlyList<AclRecord> DeleteAcls(MetadataTransaction tx, string principal, IReadOnlyList<AclRecord> acls)
    {
        List<AclRecord> deleted = [.. acls.Where(acl => tx.Execute($"DELETE FROM acls WHERE {AclColumns}", AclRow.Of(acl)) > 0)];
        if (deleted.Count > 0)
        {
            tx.Log(principal, "security.acls.deleted", new { acls = deleted.Select(Describe) });
        }

        return deleted;
    }

    public static void PutToken(MetadataTransaction tx, string principal, TokenRecord token)
    {
        bool isNew = tx.One<long>("SELECT COUNT(*) FROM delegation_tokens WHERE id = @Id", new { token.Id }) == 0;
        tx.Execute(
            """
            INSERT INTO delegation_tokens (id, owner, requester, renewers, issued_ms, expiry_ms, max_ms)
            VALUES (@Id, @Owner, @Requester, @Renewers, @IssuedMs, @ExpiryMs, @MaxMs)
            ON CONFLICT (id) DO UPDATE SET expiry_ms = excluded.expiry_ms
            """, TokenRow.Of(token));
        tx.Log(
            principal, isNew ? "security.token.created" : "security.token.changed",
            new { id = token.Id, owner = token.Owner, requester = token.Requester, renewers = token.Renewers, expiryMs = token.ExpiryMs, maxMs = token.MaxMs });
    }

    public static void DeleteTokens(MetadataTransaction tx, string principal, IReadOnlyList<string> ids)
    {
        foreach (string id in ids)
        {
            if (tx.Execute("DELETE FROM delegation_tokens WHERE id = @id", new { id }) > 0)
            {
                tx.Log(principal, "security.token.deleted", new { id });
            }
        }
    }

    public static ReadOnlyMemory<byte> ReadOrMakeSecret(MetadataTransaction tx, string name, ReadOnlyMemory<byte> made)
    {
        string? known = tx.One<string>("SELECT secret FROM secrets WHERE name = @name", new { name });
        if (known is not null)
        {
            return Convert.FromBase64String(known);
        }

        tx.Execute("INSERT INTO secrets (name, secret) VALUES (@name, @secret)", new { name, secret = Convert.ToBase64String(made.Span) });
        tx.Log(MetadataTransaction.System, "security.secret.made", new { name });
        return made;
    }

    private static object Describe(AclRecord acl) => new
    {
        resourceType = acl.ResourceType,
        resourceName = acl.ResourceName,
        patternType = acl.PatternType,
        principal = acl.Principal,
        host = acl.Host,
        operation = acl.Operation,
        permission = acl.Permission,
    };

    private sealed record ScramRow
    {
        public string UserName { get; init; } = "";

        public long Mechanism { get; init; }

        public long Iterations { get; init; }

        public string Salt { get; init; } = "";

        public string StoredKey { get; init; } = "";

        public string ServerKey { get; init; } = "";

        public static ScramRow Of(ScramRecord record) => new()
        {
            UserName = record.User,
            Mechanism = record.Mechanism,
            Iterations = record.Iterations,
            Salt = Convert.ToBase64String(record.Salt.Span),
            StoredKey = Convert.ToBase64String(record.StoredKey.Span),
            ServerKey = Convert.ToBase64String(record.ServerKey.Span),
        };

        public ScramRecord ToRecord() => new(
            UserName, (int)Mechanism, (int)Iterations, Convert.FromBase64String(Salt), Convert.FromBase64String(StoredKey),
            Convert.FromBase64String(ServerKey));
    }

    private sealed record AclRow
    {
        public long ResourceType { get; init; }

        public string ResourceName { get; init; } = "";

        public long PatternType { get; init; }

        public string Principal { get; init; } = "";

        public string Host { get; init; } = "";

        public long Operation { get; init; }

        public long Permission { get; init; }

        public static AclRow Of(AclRecord acl) => new()
        {
            ResourceType = acl.ResourceType,
            ResourceName = acl.ResourceName,
            PatternType = acl.PatternType,
            Principal = acl.Principal,
            Host = acl.Host,
            Operation = acl.Operation,
            Permission = acl.Permission,
        };

        public AclRecord ToRecord() => new(
            (int)ResourceType, ResourceName, (int)PatternType, Principal, Host, (int)Operation, (int)Permission);
    }

    private sealed record TokenRow
    {
        public string Id { get; init; } = "";

        public string Owner { get; init; } = "";

        public string Requester { get; init; } = "";

        /// <summary>A JSON array.</summary>
        public string Renewers { get; init; } = "[]";

        public long IssuedMs { get; init; }

        public long ExpiryMs { get; init; }

        public long MaxMs { get; init; }

        public static TokenRow Of(TokenRecord token) => new()
        {
            Id = token.Id,
            Owner = token.Owner,
            Requester = token.Requester,
            Renewers = JsonSerializer.Serialize(token.Renewers),
            IssuedMs = token.IssuedMs,
            ExpiryMs = token.ExpiryMs,
            MaxMs = token.MaxMs,
        };

        public TokenRecord ToRecord() => new(
            Id, Owner, Requester, JsonSerializer.Deserialize<string[]>(Renewers) ?? [], IssuedMs, ExpiryMs, MaxMs);
    }
}
