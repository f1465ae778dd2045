namespace PipeRoll.Streams.Metadata.Postgres;

/// <summary>How a broker reaches the metadata database of its cluster.</summary>
public sealed record PostgresMetadataOptions
{
    /// <summary>
    /// As Npgsql takes it. Several hosts separated by commas are tried for the one that takes writes, so that a fail-over is followed.
    /// </summary>
    public required string ConnectionString { get; init; }

    /// <summary>Transactions at the same time, each on a thread and a connection of its own. One connection more listens for news.</summary>
    public int Connections { get; init; } = 8;

    /// <summary>How long a connection may take to be made. Whole seconds.</summary>
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(3);

    /// <summary>How long one statement may take, waiting for locks included. Whole seconds.</summary>
    public TimeSpan StatementTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>After which silence within a transaction the database ends it: a paused broker must not keep its locks.</summary>
    public TimeSpan IdleTimeout { get; init; } = TimeSpan.FromSeconds(3);

    /// <summary>How long a transaction that others got in the way of is tried again, before the database counts as away.</summary>
    public TimeSpan ConflictTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How often the log is looked at without news of it. Also how long to wait before the listener connects again.</summary>
    public TimeSpan LogPollInterval { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>How long to wait for the brokers that upgrade the schema at the same time. Whole seconds.</summary>
    public TimeSpan UpgradeTimeout { get; init; } = TimeSpan.FromMinutes(2);

    /// <exception cref="ArgumentException">Names everything that is wrong.</exception>
    public void Validate()
    {
        List<string> errors = [];
        if (string.IsNullOrWhiteSpace(ConnectionString))
        {
            errors.Add($"{nameof(ConnectionString)} is missing: use something like Host=db;Database=piperoll;Username=piperoll;Password=…");
        }

        if (Connections is < 1 or > 100)
        {
            errors.Add($"{nameof(Connections)} is {Connections}: use 1 to 100");
        }

        foreach ((string name, TimeSpan value) in new[]
        {
            (nameof(ConnectTimeout), ConnectTimeout), (nameof(StatementTimeout), StatementTimeout), (nameof(UpgradeTimeout), UpgradeTimeout),
        })
        {
            if (value < TimeSpan.FromSeconds(1) || value.Ticks % TimeSpan.TicksPerSecond != 0)
            {
                errors.Add($"{name} is {value}: use whole seconds, at least one");
            }
        }

        foreach ((string name, TimeSpan value) in new[]
        {
            (nameof(IdleTimeout), IdleTimeout), (nameof(ConflictTimeout), ConflictTimeout), (nameof(LogPollInterval), LogPollInterval),
        })
        {
            if (value < TimeSpan.FromMilliseconds(1))
            {
                errors.Add($"{name} is {value}: it must be positive");
            }
        }

        if (errors.Count > 0)
        {
            throw new ArgumentException(string.Join("; ", errors));
        }
    }
}
