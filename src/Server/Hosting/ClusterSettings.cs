namespace PipeRoll.Server.Hosting;

/// <summary>The section <c>cluster</c>: what makes this server one broker of several.</summary>
/// <remarks>The connection string holds a password: <see cref="ToString"/> leaves it out.</remarks>
internal sealed record ClusterSettings
{
    /// <summary>Kafka's node id: one number for each broker of the cluster, the same over restarts. Below 0: not given.</summary>
    public int NodeId { get; init; } = -1;

    /// <summary>Kafka's <c>broker.rack</c>: the partitions of a topic are spread over racks. Null when there is none.</summary>
    public string? Rack { get; init; }

    /// <summary>Connection string of PostgreSQL.</summary>
    public string Database { get; init; } = "";

    /// <summary>How long a start waits for the database and the bucket before it gives up.</summary>
    public TimeSpan StartWait { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>A broker that the database has not heard of for so long is declared dead.</summary>
    public TimeSpan SessionTimeout { get; init; } = TimeSpan.FromSeconds(3);

    public TimeSpan HeartbeatInterval { get; init; } = TimeSpan.FromMilliseconds(500);

    /// <summary>How long a stop hands partitions over before it leaves the rest to recovery.</summary>
    public TimeSpan DrainTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Whether partitions are moved by themselves so that the brokers carry alike.</summary>
    public bool Balance { get; init; } = true;

    /// <summary>How far a broker's bytes may be from the mean before partitions are moved, in percent.</summary>
    public int BalanceDeadBand { get; init; } = 20;

    /// <summary>Base address of this broker's HTTP API as others reach it; empty: the advertised host and the HTTP port.</summary>
    public string HttpAddress { get; init; } = "";

    /// <summary>Every error at once, each beginning with the property's name.</summary>
    public IReadOnlyList<string> Validate()
    {
        var errors = new List<string>();
        Check(errors, NodeId >= 0, $"{nameof(NodeId)} is missing: give each broker of the cluster a number of its own, from 0 on");
        Check(errors, Database.Length > 0,
            $"{nameof(Database)} is missing: give the connection string of PostgreSQL, such as Host=db;Database=piperoll;Username=piperoll");
        Check(errors, HeartbeatInterval >= TimeSpan.FromMilliseconds(50),
            $"{nameof(HeartbeatInterval)} is {HeartbeatInterval.TotalMilliseconds}ms: it must be at least 50ms");
        Check(errors, SessionTimeout >= 3 * HeartbeatInterval,
            $"{nameof(SessionTimeout)} is {SessionTimeout.TotalMilliseconds}ms: it must be at least three heartbeats "
            + $"({3 * HeartbeatInterval.TotalMilliseconds}ms), or one that is late counts as a death");
        Check(errors, BalanceDeadBand is >= 5 and <= 100, $"{nameof(BalanceDeadBand)} is {BalanceDeadBand}: give 5 to 100 (percent)");
        Check(errors, HttpAddress.Length == 0 || (Uri.TryCreate(HttpAddress, UriKind.Absolute, out Uri? address) && address.Scheme is "http" or "https"),
            $"{nameof(HttpAddress)} is no address: give one such as http://10.0.0.1:8080");
        return errors;
    }

    public override string ToString() => $"node {NodeId}, rack {Rack ?? "none"}";

    private static void Check(List<string> errors, bool holds, string error)
    {
        if (!holds)
        {
            errors.Add(error);
        }
    }
}
