namespace PipeRoll.Operations.Api;

/// <summary><c>GET /api/v1/cluster</c>: the brokers, who leads what, and what is on its way.</summary>
public sealed record ClusterReport
{
    public required string ClusterId { get; init; }

    /// <summary><c>cluster</c>, or <c>embedded</c> for a server that is alone.</summary>
    public required string Mode { get; init; }

    /// <summary>Node id of the broker that answers.</summary>
    public required int AnsweredBy { get; init; }

    /// <summary>Node id of the controller; null while there is none, and for a server that is alone.</summary>
    public int? Controller { get; init; }

    public required IReadOnlyList<BrokerReport> Brokers { get; init; }

    public required int Partitions { get; init; }

    /// <summary>Partitions that no serving broker leads: clients wait for them.</summary>
    public required int Leaderless { get; init; }

    public required IReadOnlyList<MoveReport> Moves { get; init; }

    public required IReadOnlyList<RecoveryReport> Recoveries { get; init; }

    /// <summary>Since when the database has not answered; null while it does. What is told then is what was known before.</summary>
    public DateTimeOffset? MetadataAwaySince { get; init; }
}

/// <summary>One life of a broker.</summary>
/// <param name="Epoch">Which life: a restart gets a new number.</param>
/// <param name="State"><c>alive</c>, <c>draining</c>, <c>fenced</c>, <c>recovering</c> or <c>gone</c>.</param>
/// <param name="Kafka">Host and port that clients connect to.</param>
/// <param name="Http">Base address of its HTTP API.</param>
/// <param name="IsExcluded">Its log is slow: it is given no more partitions until that is over.</param>
/// <param name="Partitions">How many it leads.</param>
/// <param name="WalLatencyMs">99th percentile of the last half minute; 0 when it wrote nothing.</param>
/// <param name="LeaseUntil">By the database's clock; null for a server that is alone.</param>
public sealed record BrokerReport(
    int NodeId, long Epoch, string State, string Kafka, string Http, string? Rack, bool IsController, bool IsExcluded, int Partitions,
    double BytesInPerSecond, double BytesOutPerSecond, double WalLatencyMs, DateTimeOffset? LeaseUntil)
{
    /// <summary>It serves clients.</summary>
    public bool IsServing => State is "alive" or "draining";
}

/// <param name="From">Node id of the present leader; null when there is none.</param>
public sealed record MoveReport(string Topic, int Partition, int? From, int To);

/// <summary>The log of a dead broker, on its way into objects.</summary>
/// <param name="By">Node id of who recovers it; null while nobody does.</param>
public sealed record RecoveryReport(int NodeId, long Epoch, int? By);

/// <summary><c>POST /api/v1/cluster/moves</c>: have a partition led by another broker. Null calls its move off.</summary>
public sealed record MoveOrder(string Topic, int Partition, int? Node);

/// <summary><c>POST /api/v1/cluster/drain</c>: the broker hands over all it leads, and stops.</summary>
public sealed record DrainOrder(int Node);

/// <summary><c>POST /api/v1/cluster/balance</c>: switches balancing on or off, or has one round done now.</summary>
/// <param name="Enabled">Null leaves it as it is.</param>
/// <param name="DeadBand">How far from the mean a broker may be, as a part of it (0.2); null leaves it as it is.</param>
/// <param name="Now">One round at once, even when balancing is off.</param>
public sealed record BalanceOrder(bool? Enabled = null, double? DeadBand = null, bool Now = false);

/// <summary>What came of a <see cref="BalanceOrder"/>.</summary>
/// <param name="Moves">Asked for by the round that was wanted now.</param>
public sealed record BalanceReport(int Controller, IReadOnlyList<MoveReport> Moves);

/// <summary>An order was noted; it is carried out meanwhile.</summary>
public sealed record OrderNoted(string What);

/// <summary>Why a request was refused, in the form of RFC 9457 (<c>application/problem+json</c>).</summary>
/// <param name="Message">Where the schema registry says it.</param>
public sealed record ProblemReport(string? Title, int? Status, string? Detail, string? Message = null);
