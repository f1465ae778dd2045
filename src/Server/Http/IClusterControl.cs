using PipeRoll.Broker.Cluster;
using PipeRoll.Operations.Api;

namespace PipeRoll.Server.Http;

/// <summary>What the cluster's endpoints ask of the broker that answers them.</summary>
internal interface IClusterControl
{
    /// <summary>Answers while the database is away too: then from what was known before. Null while the broker starts.</summary>
    ValueTask<ClusterReport?> ReportAsync(CancellationToken cancellation);

    /// <summary>Null for a server that is alone.</summary>
    IClusterOrders? Orders { get; }
}

/// <summary>What an operator may order in a cluster.</summary>
internal interface IClusterOrders
{
    IPartitionMover Mover { get; }

    ValueTask<DrainOutcome> DrainAsync(string principal, int nodeId, CancellationToken cancellation);

    void ConfigureBalance(bool? enabled, double? deadBand);

    ValueTask<IReadOnlyList<PartitionMove>> BalanceNowAsync(string principal, CancellationToken cancellation);
}

/// <summary>The control of a broker of a cluster.</summary>
/// <param name="clusterId">Empty until the broker serves: before that its image of the cluster may be empty too.</param>
internal sealed class MemberControl(ClusterMember member, Func<string> clusterId) : IClusterControl, IClusterOrders
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    public IClusterOrders Orders => this;

    public IPartitionMover Mover => member.Mover;

    public async ValueTask<ClusterReport?> ReportAsync(CancellationToken cancellation)
    {
        if (clusterId().Length == 0)
        {
            return null;
        }

        // A database that hangs must not keep an operator from seeing that it does.
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        patience.CancelAfter(Patience);
        try
        {
            return ClusterReports.Of(await member.ReadStatusAsync(patience.Token), clusterId());
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            return ClusterReports.Of(member.Status, clusterId());
        }
    }

    public ValueTask<DrainOutcome> DrainAsync(string principal, int nodeId, CancellationToken cancellation) =>
        member.RequestDrainAsync(principal, nodeId, cancellation);

    public void ConfigureBalance(bool? enabled, double? deadBand) => member.ConfigureBalance(enabled, deadBand);

    public ValueTask<IReadOnlyList<PartitionMove>> BalanceNowAsync(string principal, CancellationToken cancellation) =>
        member.BalanceNowAsync(principal, cancellation);
}

/// <summary>The control of a server that is alone: there is something to see, and nothing to order.</summary>
internal sealed class EmbeddedControl(Broker.Broker broker, int nodeId, string kafkaHost, Func<string> httpAddress) : IClusterControl
{
    public IClusterOrders? Orders => null;

    public ValueTask<ClusterReport?> ReportAsync(CancellationToken cancellation) =>
        new(ClusterReports.Embedded(broker.Status, broker.ClusterId, nodeId, kafkaHost, httpAddress()));
}
