using Npgsql;

namespace PipeRoll.Streams.Metadata.Postgres;

/// <summary>Makes connections as the store needs them. Any thread.</summary>
internal sealed class PostgresConnections : IDisposable
{
    private readonly PostgresMetadataOptions _options;
    private readonly NpgsqlDataSource _pool;

    public PostgresConnections(PostgresMetadataOptions options)
    {
        _options = options;
        NpgsqlConnectionStringBuilder pooled = Common();
        pooled.Pooling = true;

        // One more than there are threads for transactions: the heartbeat's.
        pooled.MaxPoolSize = options.Connections + 1;
        pooled.Multiplexing = false;
        pooled.CommandTimeout = (int)options.StatementTimeout.TotalSeconds;

        // One that does not answer in time is dropped at once; the server's own time-out ends what it does.
        pooled.CancellationTimeout = -1;

        // We leave nothing behind in a session that the next transaction could trip over.
        pooled.NoResetOnClose = true;
        pooled.Options = string.Join(
            ' ', pooled.Options, $"-c statement_timeout={options.StatementTimeout.TotalMilliseconds}",
            $"-c idle_in_transaction_session_timeout={options.IdleTimeout.TotalMilliseconds}",

            // Serializable transactions then watch the rows they read, not whole tables that are small; and are not compiled for it.
            "-c enable_seqscan=off -c jit=off").Trim();
        pooled.TargetSessionAttributes = null;
        var builder = new NpgsqlDataSourceBuilder(pooled.ToString());
        _pool = IsMultiHost(pooled) ? builder.BuildMultiHost().WithTargetSession(TargetSessionAttributes.Primary) : builder.Build();
    }

    /// <summary>One of the pool, for a transaction.</summary>
    public NpgsqlConnection Open() => _pool.OpenConnection();

    /// <summary>After a failure of one, the others that wait in the pool are likely broken too.</summary>
    public void Clear() => _pool.Clear();

    /// <summary>One outside of the pool that listens, and notices soon when nobody is there any more.</summary>
    public NpgsqlConnection ForListening()
    {
        NpgsqlConnectionStringBuilder alone = Alone();
        alone.KeepAlive = Math.Max(1, (int)_options.StatementTimeout.TotalSeconds);
        alone.CommandTimeout = (int)_options.StatementTimeout.TotalSeconds;
        return new NpgsqlConnection(alone.ToString());
    }

    /// <summary>For the upgrade of the schema: it may wait for others and take long.</summary>
    public string ForUpgrade()
    {
        NpgsqlConnectionStringBuilder alone = Alone();
        alone.CommandTimeout = (int)_options.UpgradeTimeout.TotalSeconds;
        return alone.ToString();
    }

    public void Dispose() => _pool.Dispose();

    private static bool IsMultiHost(NpgsqlConnectionStringBuilder builder) => builder.Host?.Contains(',', StringComparison.Ordinal) == true;

    private NpgsqlConnectionStringBuilder Alone()
    {
        NpgsqlConnectionStringBuilder builder = Common();
        builder.Pooling = false;
        if (IsMultiHost(builder))
        {
            builder.TargetSessionAttributes = "primary";
        }

        return builder;
    }

    private NpgsqlConnectionStringBuilder Common()
    {
        var builder = new NpgsqlConnectionStringBuilder(_options.ConnectionString) { Timeout = (int)_options.ConnectTimeout.TotalSeconds };
        builder.ApplicationName ??= "piperoll";

        // A standby that has taken over must not be taken for one that only reads for ten seconds, which is Npgsql's default.
        builder.HostRecheckSeconds = 1;
        return builder;
    }
}
