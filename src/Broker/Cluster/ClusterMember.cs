using PipeRoll.Streams;
using PipeRoll.Streams.Metadata;

namespace PipeRoll.Broker.Cluster;

/// <summary>Everything by which one broker is a member of a cluster.</summary>
/// <remarks>
/// Owner: the composition root, which calls, in this order: <see cref="RegisterAsync"/>; starts the storage under <see cref="Epoch"/>;
/// <see cref="StartAsync"/>; starts the broker over <see cref="View"/>; <see cref="AttachAsync"/>. To leave: <see cref="DrainAsync"/>; stops
/// the broker and the storage; <see cref="RetireAsync"/>; <see cref="StopAsync"/>.
/// </remarks>
public sealed class ClusterMember : IAsyncDisposable
{
    /// <exception cref="ArgumentException">The options are wrong; the message has every error.</exception>
    public ClusterMember(ClusterOptions options, ClusterDependencies dependencies)
    {
        if (options.Validate() is { Count: > 0 } errors)
        {
            throw new ArgumentException(string.Join(Environment.NewLine, errors), nameof(options));
        }

        _ = dependencies;
    }

    /// <summary>This life of this broker; none before <see cref="RegisterAsync"/> has ended.</summary>
    public BrokerEpoch Epoch { get; }

    /// <summary>This broker holds the controller's place, as far as it knows: it is who cleans up for the whole cluster.</summary>
    public bool IsController => throw new NotSupportedException();

    public IPartitionMover Mover => throw new NotSupportedException();

    public ClusterStatus Status => throw new NotSupportedException();

    /// <summary>
    /// Ends when this broker has been told to drain (by an operator, or by <see cref="DrainAsync"/>) and has handed its partitions over, or
    /// did not manage to in time: the composition root then stops it.
    /// </summary>
    public Task Drained => throw new NotSupportedException();

    /// <summary>The brokers and who leads what. Valid after <see cref="StartAsync"/>.</summary>
    internal IClusterView View => throw new NotSupportedException();

    /// <summary>Begins this life and its heartbeats. Waits for the database while that is away, until cancelled.</summary>
    /// <param name="host">What clients are told to connect to, with <paramref name="port"/>.</param>
    /// <param name="httpAddress">Base address of the HTTP API, such as <c>http://10.0.0.1:8080</c>.</param>
    public ValueTask<BrokerEpoch> RegisterAsync(string host, int port, string httpAddress, CancellationToken cancellation = default) =>
        throw new NotSupportedException();

    /// <summary>Reads the image of the cluster, follows it, and takes part in recoveries and in being controller.</summary>
    /// <param name="storage">Started under <see cref="Epoch"/>.</param>
    public ValueTask StartAsync(IStreamStorage storage, CancellationToken cancellation = default) => throw new NotSupportedException();

    /// <summary>
    /// From now on the hosts follow the image: first all that is there, then every change. Returns when all topics were applied and the
    /// opening of all partitions owned here was begun.
    /// </summary>
    internal ValueTask AttachAsync(ITopicHost topics, IPartitionHost partitions, CancellationToken cancellation = default) =>
        throw new NotSupportedException();

    /// <summary>Ends when the image has everything that was in the metadata when this was called: after an own change of topics.</summary>
    /// <exception cref="MetadataUnavailableException">The database is away.</exception>
    internal ValueTask CatchUpAsync(CancellationToken cancellation = default) => throw new NotSupportedException();

    /// <summary>
    /// Hands all partitions of this broker over to the others, within <see cref="ClusterOptions.DrainMs"/>. Ends at once when there is nobody
    /// to take them, or the database is away.
    /// </summary>
    public ValueTask DrainAsync(string principal, CancellationToken cancellation = default) => throw new NotSupportedException();

    /// <summary>Tells another broker (or this one) to drain and leave.</summary>
    public ValueTask<DrainOutcome> RequestDrainAsync(string principal, int nodeId, CancellationToken cancellation = default) =>
        throw new NotSupportedException();

    /// <summary>Switches balancing on or off on this broker while it is controller, and changes the dead band; null leaves as it is.</summary>
    public void ConfigureBalance(bool? enabled, double? deadBand) => throw new NotSupportedException();

    /// <summary>Has one round of balancing done now, even when balancing is off. Returns the moves that were asked for.</summary>
    public ValueTask<IReadOnlyList<PartitionMove>> BalanceNowAsync(string principal, CancellationToken cancellation = default) =>
        throw new NotSupportedException();

    /// <summary>The storage stopped cleanly: this life ends, nothing of it is to be recovered.</summary>
    public ValueTask RetireAsync(CancellationToken cancellation = default) => throw new NotSupportedException();

    /// <summary>Ends heartbeats and all loops. Partitions that are still owned here are recovered by others when the lease has passed.</summary>
    public ValueTask StopAsync() => throw new NotSupportedException();

    public ValueTask DisposeAsync() => StopAsync();
}

public enum DrainOutcome
{
    Accepted,

    /// <summary>No live broker has that node id, or it drains already.</summary>
    UnknownBroker,

    /// <summary>The metadata can't be reached now: to be tried again.</summary>
    Unavailable,
}
