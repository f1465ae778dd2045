namespace PipeRoll.Streams.Metadata.Sql;

/// <summary>Who owns which stream, and to whom it is to go.</summary>
internal static class PlacementTables
{
    public static IReadOnlyList<PartitionPlacement> Assign(
        MetadataTransaction tx, ControllerTerm term, IReadOnlyList<PartitionAssignment> assignments)
    {
        ControllerTables.RequireTerm(tx, term);
        Dictionary<long, StreamTables.StreamRow> streams = StreamTables.Read(tx, assignments.Select(a => a.Stream));
        Dictionary<long, BrokerTables.BrokerRow> brokers = BrokerTables.Read(
            tx, streams.Values.Select(s => s.Owner).Concat(assignments.Select(a => a.NewOwner.Value)));
        var placed = new List<StreamTables.StreamRow>();
        foreach (PartitionAssignment assignment in assignments)
        {
            // An owner that is not known (any more) was none, or gone and forgotten.
            if (streams.TryGetValue(assignment.Stream.Value, out StreamTables.StreamRow? row) && row.Epoch == assignment.Epoch
                && (!brokers.TryGetValue(row.Owner, out BrokerTables.BrokerRow? owner) || owner.State == (long)BrokerState.Gone)
                && brokers.TryGetValue(assignment.NewOwner.Value, out BrokerTables.BrokerRow? next) && next.IsAlive)
            {
                StreamTables.StreamRow changed = row with { Owner = next.Epoch, Epoch = row.Epoch + 1, Target = 0 };
                streams[row.Id] = changed;
                placed.Add(changed);
            }
        }

        return Write(tx, MetadataTransaction.System, "partitions.placed", placed);
    }

    public static IReadOnlyList<PartitionPlacement> RequestMoves(
        MetadataTransaction tx, string principal, IReadOnlyList<(StreamId Stream, BrokerEpoch Target)> moves)
    {
        Dictionary<long, StreamTables.StreamRow> before = StreamTables.Read(tx, moves.Select(m => m.Stream));
        var after = new Dictionary<long, StreamTables.StreamRow>(before);
        Dictionary<long, BrokerTables.BrokerRow> brokers = BrokerTables.Read(tx, moves.Select(m => m.Target.Value));
        foreach ((StreamId stream, BrokerEpoch target) in moves)
        {
            if (!after.TryGetValue(stream.Value, out StreamTables.StreamRow? row))
            {
                continue;
            }

            if (target.IsNone || target.Value == row.Owner)
            {
                after[row.Id] = row with { Target = 0 };
            }
            else if (brokers.TryGetValue(target.Value, out BrokerTables.BrokerRow? broker) && broker.IsAlive)
            {
                after[row.Id] = row with { Target = target.Value };
            }
        }

        IEnumerable<long> asked = moves.Select(m => m.Stream.Value).Distinct().Where(after.ContainsKey);
        return Write(tx, principal, "partitions.move.requested", [.. asked.Where(id => after[id] != before[id]).Select(id => after[id])]);
    }

    public static IReadOnlyList<PartitionPlacement> HandOver(
        MetadataTransaction tx, BrokerEpoch owner, IReadOnlyList<PartitionHandOver> partitions)
    {
        BrokerTables.RequireServing(tx, owner);
        Dictionary<long, StreamTables.StreamRow> streams = StreamTables.Read(tx, partitions.Select(p => p.Stream));
        Dictionary<long, BrokerTables.BrokerRow> targets = BrokerTables.Read(tx, streams.Values.Select(s => s.Target));
        var placed = new List<StreamTables.StreamRow>();
        var calledOff = new List<StreamTables.StreamRow>();
        var checkpoints = new List<(StreamId, StreamCheckpoint)>();
        foreach (PartitionHandOver partition in partitions)
        {
            if (!streams.TryGetValue(partition.Stream.Value, out StreamTables.StreamRow? row)
                || row.Owner != owner.Value || row.Epoch != partition.Epoch || row.Target == 0)
            {
                continue;
            }

            if (!targets.TryGetValue(row.Target, out BrokerTables.BrokerRow? target) || !target.IsAlive)
            {
                streams[row.Id] = row with { Target = 0 };
                calledOff.Add(streams[row.Id]);
                continue;
            }

            if (partition.EndOffset < row.ToState().EndOffset)
            {
                throw new MetadataConflictException(
                    $"stream {row.Id} can't be handed over at {partition.EndOffset}: it reaches to {row.ToState().EndOffset} already");
            }

            streams[row.Id] = row with { Owner = row.Target, Epoch = row.Epoch + 1, Target = 0, SealedOffset = partition.EndOffset };
            placed.Add(streams[row.Id]);
            checkpoints.Add((partition.Stream, new StreamCheckpoint(partition.EndOffset, partition.Checkpoint)));
        }

        CheckpointTables.Write(tx, checkpoints);
        Write(tx, MetadataTransaction.System, "partitions.move.requested", calledOff);
        return Write(tx, MetadataTransaction.System, "partitions.placed", placed);
    }

    /// <summary>As the log and topics' entries name them.</summary>
    public static object ToPayload(PartitionPlacement placement) =>
        new { stream = placement.Stream.Value, owner = placement.Owner.Value, epoch = placement.Epoch, target = placement.Target.Value };

    private static List<PartitionPlacement> Write(
        MetadataTransaction tx, string principal, string kind, IReadOnlyList<StreamTables.StreamRow> changed)
    {
        tx.ExecuteRows(
            """
            UPDATE streams SET owner = v.column2, epoch = v.column3, target = v.column4, sealed_offset = v.column5
            FROM ({rows}) AS v WHERE streams.id = v.column1
            """,
            changed.Select(s => SqlText.Row(s.Id, s.Owner, s.Epoch, s.Target, s.SealedOffset)));
        List<PartitionPlacement> placements = [.. changed.Select(s => s.ToPlacement())];
        foreach (PartitionPlacement[] chunk in placements.Chunk(SqlText.IdsPerQuery))
        {
            tx.Log(principal, kind, new { placements = chunk.Select(ToPayload) });
        }

        return placements;
    }
}
