namespace PipeRoll.Broker.Quotas;

/// <summary>Over which time quotas are an average.</summary>
public sealed record QuotaOptions
{
    /// <summary>Kafka's <c>quota.window.num</c>: one of them is always the one that has just begun.</summary>
    public int Windows { get; init; } = 11;

    /// <summary>Kafka's <c>quota.window.size.seconds</c>.</summary>
    public int WindowSeconds { get; init; } = 1;

    /// <summary>How many seconds' worth somebody who was idle may take at once.</summary>
    public double BurstSeconds => (Windows - 1) * WindowSeconds;
}
