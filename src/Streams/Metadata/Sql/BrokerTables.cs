namespace PipeRoll.Streams.Metadata.Sql;

/// <summary>Lives of brokers, from registration until they are forgotten.</summary>
internal static class BrokerTables
{
    /// <summary>As SQL: the row of <c>brokers</c> may commit.</summary>
    public const string IsServing = "brokers.state IN (0, 1)";

    /// <summary>Logs are numbered from here.</summary>
    private const long FirstOfLog = 1;

    private const string Columns =
        """
        SELECT epoch AS Epoch, node_id AS NodeId, host AS Host, port AS Port, http_address AS HttpAddress, rack AS Rack, state AS State,
               lease_until_ms AS LeaseUntilMs, recoverer AS Recoverer, wal_first AS WalFirst, excluded AS Excluded, bytes_in AS BytesIn,
               bytes_out AS BytesOut, wal_latency_ms AS WalLatencyMs
        FROM brokers
        """;

    public static BrokerEpoch Register(MetadataTransaction tx, BrokerEndpoint endpoint, TimeSpan session)
    {
        var epoch = new BrokerEpoch(tx.Take("broker", 1));
        Fence(tx, tx.Query<BrokerRow>($"{Columns} WHERE node_id = @NodeId AND {IsServing} ORDER BY epoch", new { endpoint.NodeId }), epoch);
        tx.Execute(
            """
            INSERT INTO brokers (epoch, node_id, host, port, http_address, rack, state, lease_until_ms, changed_at_ms, recoverer, wal_first,
              excluded, bytes_in, bytes_out, wal_latency_ms)
            VALUES (@epoch, @NodeId, @Host, @Port, @HttpAddress, @Rack, 0, @lease, @now, 0, @first, 0, 0, 0, 0)
            """,
            new
            {
                epoch = epoch.Value,
                endpoint.NodeId,
                endpoint.Host,
                endpoint.Port,
                endpoint.HttpAddress,
                endpoint.Rack,
                lease = tx.NowMs + (long)session.TotalMilliseconds,
                now = tx.NowMs,
                first = FirstOfLog,
            });
        tx.Log(
            MetadataTransaction.System, "broker.registered",
            new
            {
                broker = epoch.Value,
                node = endpoint.NodeId,
                host = endpoint.Host,
                port = endpoint.Port,
                http = endpoint.HttpAddress,
                rack = endpoint.Rack,
            });
        return epoch;
    }

    public static IReadOnlyList<BrokerRecord> List(MetadataTransaction tx) =>
        [.. tx.Query<BrokerRow>($"{Columns} ORDER BY epoch").Select(b => b.ToRecord())];

    /// <summary>Those of <paramref name="brokers"/> that are known, by epoch.</summary>
    public static Dictionary<long, BrokerRow> Read(MetadataTransaction tx, IEnumerable<long> brokers)
    {
        var rows = new Dictionary<long, BrokerRow>();
        foreach (long[] chunk in SqlText.Chunks(brokers))
        {
            foreach (BrokerRow row in tx.QueryText<BrokerRow>($"{Columns} WHERE epoch IN {SqlText.List(chunk)}"))
            {
                rows.Add(row.Epoch, row);
            }
        }

        return rows;
    }

    public static BrokerRow? Find(MetadataTransaction tx, BrokerEpoch broker) =>
        tx.One<BrokerRow>($"{Columns} WHERE epoch = @epoch", new { epoch = broker.Value });

    /// <summary>Whether a broker was ever registered: what tells a cluster from the embedded default.</summary>
    public static bool IsCluster(MetadataTransaction tx) => tx.One<long>("SELECT next_value FROM counters WHERE name = 'broker'") > 1;

    /// <exception cref="BrokerFencedException">It may commit nothing (any more), for itself or for whom it names.</exception>
    public static void RequireWriter(MetadataTransaction tx, CommitWriter writer)
    {
        if (writer.Broker.IsNone)
        {
            return;
        }

        RequireServing(tx, writer.Broker);
        if (!writer.OnBehalfOf.IsNone && !(Find(tx, writer.OnBehalfOf) is { } dead && IsRecoveredBy(dead, writer.Broker)))
        {
            throw new BrokerFencedException($"broker {writer.Broker} does not recover the log of broker {writer.OnBehalfOf} (any more)");
        }
    }

    /// <exception cref="BrokerFencedException">It is neither alive nor draining.</exception>
    public static BrokerRow RequireServing(MetadataTransaction tx, BrokerEpoch broker) =>
        Find(tx, broker) is { Serves: true } row
            ? row
            : throw new BrokerFencedException($"this life of the broker ({broker}) was declared dead, replaced or retired: it must end");

    public static bool IsRecoveredBy(BrokerRow dead, BrokerEpoch recoverer) =>
        dead.State == (long)BrokerState.Recovering && dead.Recoverer == recoverer.Value;

    /// <param name="by">Who declares them dead: the controller, the next life of the same node, or one that found nobody listening.</param>
    public static void Fence(MetadataTransaction tx, IReadOnlyList<BrokerRow> rows, BrokerEpoch by)
    {
        foreach (BrokerRow row in rows)
        {
            SetState(tx, row, BrokerState.Fenced);
            tx.Log(MetadataTransaction.System, "broker.fenced", new { broker = row.Epoch, node = row.NodeId, by = by.Value });
        }
    }

    public static bool FenceSilent(MetadataTransaction tx, BrokerEpoch by, BrokerEpoch silent, TimeSpan leaseLeftMax)
    {
        RequireServing(tx, by);
        if (Find(tx, silent) is not { Serves: true } row || row.LeaseUntilMs - tx.NowMs > (long)leaseLeftMax.TotalMilliseconds)
        {
            return false;
        }

        Fence(tx, [row], by);
        return true;
    }

    public static List<BrokerRow> ListExpired(MetadataTransaction tx) =>
        tx.Query<BrokerRow>($"{Columns} WHERE {IsServing} AND lease_until_ms <= @now ORDER BY epoch", new { now = tx.NowMs });

    public static bool Drain(MetadataTransaction tx, BrokerEpoch broker, string principal)
    {
        if (Find(tx, broker) is not { Serves: true } row)
        {
            return false;
        }

        if (row.State == (long)BrokerState.Alive)
        {
            SetState(tx, row, BrokerState.Draining);
            tx.Log(principal, "broker.draining", new { broker = row.Epoch, node = row.NodeId });
        }

        return true;
    }

    public static void Retire(MetadataTransaction tx, BrokerEpoch broker)
    {
        if (Find(tx, broker) is { State: (long)BrokerState.Gone, Recoverer: 0 })
        {
            return;
        }

        End(tx, RequireServing(tx, broker), broker);
    }

    /// <summary>Nothing of its log is needed any more.</summary>
    public static void End(MetadataTransaction tx, BrokerRow row, BrokerEpoch by)
    {
        SetState(tx, row, BrokerState.Gone);
        PendingTables.DropOfWriter(tx, new BrokerEpoch(row.Epoch));
        tx.Log(MetadataTransaction.System, "broker.gone", new { broker = row.Epoch, node = row.NodeId, by = by.Value });
    }

    public static void SetState(MetadataTransaction tx, BrokerRow row, BrokerState state, BrokerEpoch recoverer = default) => tx.Execute(
        "UPDATE brokers SET state = @state, recoverer = @recoverer, changed_at_ms = @now WHERE epoch = @epoch",
        new { state = (int)state, recoverer = recoverer.IsNone ? row.Recoverer : recoverer.Value, now = tx.NowMs, epoch = row.Epoch });

    public static void AdvanceWal(MetadataTransaction tx, BrokerEpoch broker, long first)
    {
        if (RequireServing(tx, broker).WalFirst < first)
        {
            tx.Execute("UPDATE brokers SET wal_first = @first WHERE epoch = @epoch", new { first, epoch = broker.Value });
        }
    }

    public static IReadOnlyList<BrokerEpoch> ListGone(MetadataTransaction tx, TimeSpan grace) =>
        [.. tx.Query<long>(
            "SELECT epoch FROM brokers WHERE state = @gone AND changed_at_ms <= @before ORDER BY epoch",
            new { gone = (int)BrokerState.Gone, before = tx.NowMs - (long)grace.TotalMilliseconds }).Select(e => new BrokerEpoch(e))];

    public static void Forget(MetadataTransaction tx, BrokerEpoch broker)
    {
        int forgotten = tx.Execute(
            "DELETE FROM brokers WHERE epoch = @epoch AND state = @gone", new { epoch = broker.Value, gone = (int)BrokerState.Gone });
        if (forgotten > 0)
        {
            tx.Execute("DELETE FROM partition_loads WHERE broker = @epoch", new { epoch = broker.Value });
        }
    }

    internal sealed record BrokerRow
    {
        public long Epoch { get; init; }

        public int NodeId { get; init; }

        public string Host { get; init; } = "";

        public int Port { get; init; }

        public string HttpAddress { get; init; } = "";

        public string? Rack { get; init; }

        public long State { get; init; }

        public long LeaseUntilMs { get; init; }

        public long Recoverer { get; init; }

        public long WalFirst { get; init; }

        public long Excluded { get; init; }

        public double BytesIn { get; init; }

        public double BytesOut { get; init; }

        public double WalLatencyMs { get; init; }

        public bool IsAlive => State == (long)BrokerState.Alive;

        /// <summary>It may commit: alive or draining.</summary>
        public bool Serves => State is (long)BrokerState.Alive or (long)BrokerState.Draining;

        public BrokerRecord ToRecord() => new(
            new BrokerEpoch(Epoch), new BrokerEndpoint(NodeId, Host, Port, HttpAddress, Rack), (BrokerState)State, LeaseUntilMs,
            new BrokerEpoch(Recoverer), WalFirst, new BrokerLoad(BytesIn, BytesOut, WalLatencyMs), Excluded != 0);
    }
}
