using Dapper;
using DbUp;
using DbUp.Engine;
using Npgsql;

namespace PipeRoll.Streams.Metadata.Postgres;

/// <summary>Creates and upgrades the schema, one broker at a time.</summary>
internal static class PostgresSchema
{
    /// <summary>"PipeRoll", as what all brokers lock; for the database, so it names nothing else there.</summary>
    private const long UpgradeLock = 0x50_69_70_65_52_6f_6c_6c;

    /// <exception cref="InvalidOperationException">A script failed, or the database is set to lose commits; the message says which.</exception>
    public static void Upgrade(string connectionString)
    {
        using var turn = new NpgsqlConnection(connectionString);
        turn.Open();

        // Held by the session: it ends with it, whatever happens.
        turn.Execute("SELECT pg_advisory_lock(@UpgradeLock)", new { UpgradeLock });
        if (turn.QuerySingle<string>("SHOW synchronous_commit") == "off")
        {
            throw new InvalidOperationException(
                "the metadata database has synchronous_commit = off, which loses answered commits when it crashes: set it to on for this database");
        }

        DatabaseUpgradeResult result = DeployChanges.To.PostgresqlDatabase(connectionString)
            .WithScriptsEmbeddedInAssembly(typeof(PostgresSchema).Assembly, name => name.Contains(".Metadata.Migrations.", StringComparison.Ordinal))
            .WithVariable("bytes", "BYTEA")
            .WithTransactionPerScript()
            .LogToNowhere()
            .Build()
            .PerformUpgrade();
        if (!result.Successful)
        {
            throw result.Error is NpgsqlException lost && PostgresFailures.Classify(lost) != PostgresFailure.Wrong
                ? lost
                : new InvalidOperationException(
                    $"the metadata database could not be upgraded (script {result.ErrorScript?.Name}): {result.Error?.Message}", result.Error);
        }
    }
}
