using Microsoft.Extensions.Logging;
using PipeRoll.Broker.Cluster.Image;
using PipeRoll.Streams;
using PipeRoll.Streams.Metadata;

namespace PipeRoll.Broker.Cluster.Members;

/// <summary>
/// Declares a broker dead sooner than its lease says, when it is silent and its machine says that nobody listens where it used to: a process
/// that was killed or has crashed. Who only does not answer may be frozen or cut off, and keeps what is left of its lease.
/// </summary>
/// <remarks>
/// Owner: the <see cref="ClusterMember"/>. Every broker watches the others, the controller among them. A wrong verdict costs the other one its
/// life and nothing else: what fences is the database, and then the log, as ever.
/// </remarks>
internal sealed partial class SilenceWatch(
    ClusterOptions options, IMetadataStore metadata, Membership membership, ImageHolder images,
    Func<string, int, CancellationToken, ValueTask<Knock>> knock, TimeProvider time, ClusterMetrics metrics, ILogger logger)
{
    private readonly WakeSignal _wake = new(time);
    private readonly TimeSpan _patience = TimeSpan.FromMilliseconds(options.HeartbeatMs);
    private readonly TimeSpan _leaseLeftMax = TimeSpan.FromMilliseconds(options.SessionMs - (options.HeartbeatMs * 2.5));

    /// <summary>Lives that were found listening once: one that has only begun its life may not listen yet.</summary>
    private readonly HashSet<long> _found = [];
    private long _suspect;

    /// <summary>After a heartbeat.</summary>
    public void Look(QuietBroker quietest)
    {
        Volatile.Write(ref _suspect, quietest.LeaseLeft <= _leaseLeftMax ? quietest.Broker.Value : BrokerEpoch.None.Value);
        _wake.Set();
    }

    public async Task RunAsync(CancellationToken cancellation)
    {
        while (!membership.IsFenced)
        {
            await _wake.WaitAsync(_patience, cancellation);
            ClusterImage image = images.Current;
            _found.RemoveWhere(epoch => image.Broker(new BrokerEpoch(epoch)) is null);
            if (image.Broker(new BrokerEpoch(Volatile.Read(ref _suspect))) is { } suspect && _found.Contains(suspect.Epoch.Value))
            {
                await JudgeAsync(suspect, cancellation);
            }
            else if (image.Brokers.Values.FirstOrDefault(IsNew) is { } other && await KnockAtAsync(other, cancellation) == Knock.Answered)
            {
                _found.Add(other.Epoch.Value);
            }
        }
    }

    private bool IsNew(BrokerRecord broker) =>
        ClusterImage.Serves(broker) && broker.Epoch != membership.Epoch && !_found.Contains(broker.Epoch.Value);

    private async ValueTask JudgeAsync(BrokerRecord suspect, CancellationToken cancellation)
    {
        if (!ClusterImage.Serves(suspect) || await KnockAtAsync(suspect, cancellation) != Knock.Refused)
        {
            return;
        }

        try
        {
            if (await metadata.FenceSilentAsync(membership.Epoch, suspect.Epoch, _leaseLeftMax, cancellation))
            {
                metrics.Died(1);
                LogDead(logger, suspect.Endpoint.NodeId, suspect.Epoch, suspect.Endpoint.Host, suspect.Endpoint.Port);
            }
        }
        catch (Exception error) when (error is MetadataUnavailableException or BrokerFencedException)
        {
            // The next heartbeat tells which, and what became of the other.
        }
    }

    private async ValueTask<Knock> KnockAtAsync(BrokerRecord broker, CancellationToken cancellation)
    {
        using var late = new CancellationTokenSource(_patience, time);
        using CancellationTokenRegistration stop = cancellation.UnsafeRegister(
            static source => ((CancellationTokenSource)source!).Cancel(), late);
        try
        {
            return await knock(broker.Endpoint.Host, broker.Endpoint.Port, late.Token);
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            return Knock.Unknown;
        }
    }

    [LoggerMessage(56, LogLevel.Warning,
        "node {NodeId}, life {Epoch}, is dead: it is silent, and nobody listens at {Host}:{Port}")]
    private static partial void LogDead(ILogger logger, int nodeId, BrokerEpoch epoch, string host, int port);
}
