namespace PipeRoll.Broker.Cluster;

/// <summary>What the operator sets for a broker of a cluster. Times are in milliseconds, as the names say.</summary>
public sealed record ClusterOptions
{
    /// <summary>Kafka's <c>node.id</c>: stays the same over restarts; no other broker of the cluster has it.</summary>
    public int NodeId { get; init; } = 1;

    /// <summary>Kafka's <c>broker.rack</c>, such as the availability zone; null for none.</summary>
    public string? Rack { get; init; }

    /// <summary>How long a broker may be silent before it is declared dead, by the database's clock.</summary>
    public int SessionMs { get; init; } = 3_000;

    public int HeartbeatMs { get; init; } = 500;

    /// <summary>How often the controller looks for work; changes of the image wake it earlier.</summary>
    public int ControllerMs { get; init; } = 250;

    /// <summary>How long a broker waits before it tries again what failed, such as a recovery or a hand-over.</summary>
    public int RetryMs { get; init; } = 250;

    /// <summary>Partitions that are handed over in one transaction.</summary>
    public int HandOverBatch { get; init; } = 200;

    /// <summary>How long a leaving broker hands its partitions over; what is left then is placed anew when it is gone.</summary>
    public int DrainMs { get; init; } = 30_000;

    /// <summary>Partitions are moved from brokers with much load to those with little.</summary>
    public bool Balance { get; init; } = true;

    /// <summary>How far a broker's bytes in or out may be from the mean, as a part of it, before partitions are moved.</summary>
    public double BalanceDeadBand { get; init; } = 0.2;

    /// <summary>Differences below this many bytes per second are left alone.</summary>
    public double BalanceIgnoreBytes { get; init; } = 1024 * 1024;

    /// <summary>Time between two rounds of the balancer; also how often brokers report the loads of their partitions.</summary>
    public int BalanceMs { get; init; } = 10_000;

    /// <summary>Moves that one round asks for at most.</summary>
    public int BalanceMovesMax { get; init; } = 50;

    /// <summary>A broker whose log is slower than this many times the median of the others is slow.</summary>
    public double SlowRatio { get; init; } = 3;

    /// <summary>A log that takes less than this for a group is never slow.</summary>
    public double SlowFloorMs { get; init; } = 500;

    /// <summary>Rounds of the balancer that a broker must be slow before it is given no more, and be well before it is again.</summary>
    public int SlowRounds { get; init; } = 3;

    /// <summary>Every error at once, each saying the setting, its value and what is allowed; empty when all is well.</summary>
    public IReadOnlyList<string> Validate()
    {
        var errors = new List<string>();
        AtLeast(errors, nameof(NodeId), NodeId, 0);
        if (Rack is { } rack && string.IsNullOrWhiteSpace(rack))
        {
            errors.Add($"{nameof(Rack)} is empty: give the broker's rack or zone, or leave it out");
        }

        AtLeast(errors, nameof(SessionMs), SessionMs, 200);
        AtLeast(errors, nameof(HeartbeatMs), HeartbeatMs, 10);
        if (HeartbeatMs * 3L > SessionMs)
        {
            errors.Add($"{nameof(HeartbeatMs)} is {HeartbeatMs}: at least three heartbeats must fit into {nameof(SessionMs)}, {SessionMs}");
        }

        AtLeast(errors, nameof(ControllerMs), ControllerMs, 10);
        AtLeast(errors, nameof(RetryMs), RetryMs, 1);
        AtLeast(errors, nameof(HandOverBatch), HandOverBatch, 1);
        AtLeast(errors, nameof(DrainMs), DrainMs, 0);
        AtLeast(errors, nameof(BalanceDeadBand), BalanceDeadBand, 0.01);
        AtLeast(errors, nameof(BalanceIgnoreBytes), BalanceIgnoreBytes, 0);
        AtLeast(errors, nameof(BalanceMs), BalanceMs, 100);
        AtLeast(errors, nameof(BalanceMovesMax), BalanceMovesMax, 1);
        AtLeast(errors, nameof(SlowRatio), SlowRatio, 1.1);
        AtLeast(errors, nameof(SlowFloorMs), SlowFloorMs, 0);
        AtLeast(errors, nameof(SlowRounds), SlowRounds, 1);
        return errors;
    }

    private static void AtLeast(List<string> errors, string name, double value, double min)
    {
        // Written so that NaN is refused too.
        if (!(value >= min))
        {
            errors.Add(string.Create(
                System.Globalization.CultureInfo.InvariantCulture, $"{name} is {value}: it must be at least {min}"));
        }
    }
}
