using Microsoft.Extensions.Logging;
using PipeRoll.Broker.Cluster.Members;
using PipeRoll.Streams.Metadata;

namespace PipeRoll.Broker.Cluster;

/// <summary>What a member of a cluster is composed of.</summary>
public sealed record ClusterDependencies
{
    public required IMetadataStore Metadata { get; init; }

    public required TimeProvider Time { get; init; }

    public required ILoggerFactory Loggers { get; init; }

    /// <summary>Finds out whether somebody listens at an advertised host and port.</summary>
    public Func<string, int, CancellationToken, ValueTask<Knock>> KnockAsync { get; init; } = SocketKnock.AtAsync;

    /// <summary>
    /// This life has ended for the cluster: the process must end (exit code 75) and may start anew. Called once; must not throw.
    /// </summary>
    public required Action<string> OnFenced { get; init; }

    /// <summary>Something happened that the code holds impossible: the process must end. Must not throw.</summary>
    public required Action<Exception> OnFatal { get; init; }
}
