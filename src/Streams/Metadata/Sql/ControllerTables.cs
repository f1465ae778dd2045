namespace PipeRoll.Streams.Metadata.Sql;

/// <summary>The controller's place, and what only its holder may do to other brokers.</summary>
internal static class ControllerTables
{
    /// <summary>The holder and its term as last taken, whether or not its lease has passed: what the log says too.</summary>
    public static ControllerTerm Read(MetadataTransaction tx) => Row(tx).ToTerm();

    /// <exception cref="BrokerFencedException">The place was taken by another, or its lease has passed, or its holder may not act.</exception>
    public static void RequireTerm(MetadataTransaction tx, ControllerTerm term)
    {
        ControllerRow row = Row(tx);
        if (row.ToTerm() != term || !IsHeld(tx, row))
        {
            throw new BrokerFencedException($"term {term.Term} of broker {term.Broker} as the controller is over");
        }
    }

    public static IReadOnlyList<BrokerEpoch> FenceExpired(MetadataTransaction tx, ControllerTerm term)
    {
        RequireTerm(tx, term);
        List<BrokerTables.BrokerRow> expired = BrokerTables.ListExpired(tx);
        BrokerTables.Fence(tx, expired, term.Broker);
        return [.. expired.Select(b => new BrokerEpoch(b.Epoch))];
    }

    public static bool AssignRecovery(MetadataTransaction tx, ControllerTerm term, BrokerEpoch dead, BrokerEpoch recoverer)
    {
        RequireTerm(tx, term);
        if (BrokerTables.Find(tx, dead) is not { State: (long)BrokerState.Fenced or (long)BrokerState.Recovering } row)
        {
            return false;
        }

        if (row.State == (long)BrokerState.Recovering && BrokerTables.Find(tx, new BrokerEpoch(row.Recoverer)) is { Serves: true })
        {
            // The same answer again, or somebody else is at it.
            return row.Recoverer == recoverer.Value;
        }

        if (BrokerTables.Find(tx, recoverer) is not { IsAlive: true })
        {
            return false;
        }

        BrokerTables.SetState(tx, row, BrokerState.Recovering, recoverer);
        tx.Log(MetadataTransaction.System, "broker.recovering", new { broker = row.Epoch, node = row.NodeId, by = recoverer.Value });
        return true;
    }

    public static void FinishRecovery(MetadataTransaction tx, BrokerEpoch dead, BrokerEpoch recoverer)
    {
        BrokerTables.RequireServing(tx, recoverer);
        BrokerTables.BrokerRow? row = BrokerTables.Find(tx, dead);
        if (row is null || (row.State == (long)BrokerState.Gone && row.Recoverer == recoverer.Value))
        {
            // Repeated; or even forgotten since.
            return;
        }

        if (!BrokerTables.IsRecoveredBy(row, recoverer))
        {
            throw new BrokerFencedException($"broker {recoverer} does not recover the log of broker {dead} (any more)");
        }

        BrokerTables.End(tx, row, recoverer);
    }

    public static void Exclude(MetadataTransaction tx, ControllerTerm term, BrokerEpoch broker, bool excluded)
    {
        RequireTerm(tx, term);
        if (BrokerTables.Find(tx, broker) is not { Serves: true } row || row.Excluded != 0 == excluded)
        {
            return;
        }

        tx.Execute("UPDATE brokers SET excluded = @excluded WHERE epoch = @epoch", new { excluded = excluded ? 1 : 0, epoch = row.Epoch });
        tx.Log(MetadataTransaction.System, excluded ? "broker.excluded" : "broker.included", new { broker = row.Epoch, node = row.NodeId });
    }

    private static bool IsHeld(MetadataTransaction tx, ControllerRow row) =>
        row.Broker != 0 && row.LeaseUntilMs > tx.NowMs && BrokerTables.Find(tx, new BrokerEpoch(row.Broker)) is { Serves: true };

    private static ControllerRow Row(MetadataTransaction tx) =>
        tx.One<ControllerRow>("SELECT broker AS Broker, term AS Term, lease_until_ms AS LeaseUntilMs FROM controller WHERE id = 1")!;

    private sealed record ControllerRow
    {
        public long Broker { get; init; }

        public long Term { get; init; }

        public long LeaseUntilMs { get; init; }

        public ControllerTerm ToTerm() => new(new BrokerEpoch(Broker), Term);
    }
}
