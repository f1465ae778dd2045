namespace PipeRoll.Streams.Metadata.Sql;

/// <summary>A broker's heartbeat: it keeps its lease, and keeps or takes the controller's place.</summary>
/// <remarks>By far the most frequent transaction of an idle cluster, so it reads all it needs in one statement.</remarks>
internal static class HeartbeatTables
{
    private const string Read =
        """
        SELECT b.state AS State, c.broker AS Holder, c.term AS Term, c.lease_until_ms AS HolderUntilMs, h.state AS HolderState,
               q.epoch AS Quietest, q.lease_until_ms AS QuietestUntilMs,
               (SELECT next_value - 1 FROM counters WHERE name = 'log') AS LogEnd
        FROM controller c
        LEFT JOIN brokers b ON b.epoch = @epoch
        LEFT JOIN brokers h ON h.epoch = c.broker
        LEFT JOIN brokers q ON q.epoch =
          (SELECT epoch FROM brokers WHERE state IN (0, 1) AND epoch <> @epoch ORDER BY lease_until_ms, epoch LIMIT 1)
        WHERE c.id = 1
        """;

    public static Heartbeat Beat(MetadataTransaction tx, HeartbeatRequest request)
    {
        Situation found = tx.One<Situation>(Read, new { epoch = request.Broker.Value })!;
        bool isAccepted = Serves(found.State);
        ControllerTerm controller = found.Holds(tx.NowMs, Serves) ? found.Valid : found.Vacant;
        if (isAccepted)
        {
            KeepLease(tx, request);
            if (request.MayLead && TakeOrKeep(tx, request, found))
            {
                controller = new ControllerTerm(request.Broker, tx.Logged > 0 ? found.Term + 1 : found.Term);
            }
        }

        return new Heartbeat(isAccepted, controller, tx.NowMs, tx.Logged > 0 ? tx.Logged : found.LogEnd)
        {
            Quietest = found.Quietest is { } quietest
                ? new QuietBroker(new BrokerEpoch(quietest), TimeSpan.FromMilliseconds(found.QuietestUntilMs - tx.NowMs))
                : null,
        };
    }

    private static void KeepLease(MetadataTransaction tx, HeartbeatRequest request) => tx.Execute(
        """
        UPDATE brokers SET lease_until_ms = @lease, bytes_in = @bytesIn, bytes_out = @bytesOut, wal_latency_ms = @latency
        WHERE epoch = @epoch
        """,
        new
        {
            lease = tx.NowMs + (long)request.Session.TotalMilliseconds,
            bytesIn = request.Load.BytesInPerSecond,
            bytesOut = request.Load.BytesOutPerSecond,
            latency = request.Load.WalLatencyMs,
            epoch = request.Broker.Value,
        });

    /// <summary>Returns whether the place is the broker's now; a new term has been logged.</summary>
    private static bool TakeOrKeep(MetadataTransaction tx, HeartbeatRequest request, Situation found)
    {
        bool isHeld = found.Holds(tx.NowMs, IsAlive);
        long lease = tx.NowMs + (long)request.Session.TotalMilliseconds;
        if (isHeld && found.Holder == request.Broker.Value)
        {
            tx.Execute("UPDATE controller SET lease_until_ms = @lease WHERE id = 1", new { lease });
            return true;
        }

        if (isHeld || !IsAlive(found.State))
        {
            // One that is draining is about to leave, and takes nothing on.
            return false;
        }

        long term = found.Term + 1;
        tx.Execute(
            "UPDATE controller SET broker = @broker, term = @term, lease_until_ms = @lease WHERE id = 1",
            new { broker = request.Broker.Value, term, lease });
        tx.Log(MetadataTransaction.System, "controller.changed", new { broker = request.Broker.Value, term });
        return true;
    }

    private static bool IsAlive(long? state) => state == (long)BrokerState.Alive;

    private static bool Serves(long? state) => state is (long)BrokerState.Alive or (long)BrokerState.Draining;

    private sealed record Situation
    {
        /// <summary>Of the broker itself; null when it was forgotten.</summary>
        public long? State { get; init; }

        public long Holder { get; init; }

        public long Term { get; init; }

        public long HolderUntilMs { get; init; }

        public long? HolderState { get; init; }

        public long? Quietest { get; init; }

        public long QuietestUntilMs { get; init; }

        public long LogEnd { get; init; }

        public ControllerTerm Valid => new(new BrokerEpoch(Holder), Term);

        public ControllerTerm Vacant => new(BrokerEpoch.None, Term);

        public bool Holds(long nowMs, Func<long?, bool> may) => Holder != 0 && HolderUntilMs > nowMs && may(HolderState);
    }
}
