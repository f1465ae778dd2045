using PipeRoll.Streams;
using PipeRoll.Streams.Metadata;

namespace PipeRoll.Broker.Cluster.Members;

/// <summary>Measures what this broker and its partitions carry, for the heartbeats and for the balancer.</summary>
internal sealed class LoadReporter(
    ClusterOptions options, IMetadataStore metadata, IStreamStorage storage, Membership membership, TimeProvider time)
{
    private const double IdleBytes = 1;
    private volatile IPartitionHost? _host;
    private bool _savedAny;

    public void Attach(IPartitionHost host) => _host = host;

    public async Task RunAsync(CancellationToken cancellation)
    {
        while (true)
        {
            // Twice a balancer's round, so that a round never sees loads from before the one before it.
            await Task.Delay(TimeSpan.FromMilliseconds(Math.Max(50, options.BalanceMs / 2)), time, cancellation);
            PartitionLoad[] loads = [.. (_host?.MeasureLoads() ?? []).Where(load => load.BytesInPerSecond + load.BytesOutPerSecond >= IdleBytes)];
            membership.Report(new BrokerLoad(
                loads.Sum(load => load.BytesInPerSecond), loads.Sum(load => load.BytesOutPerSecond), storage.WalLatencyMs));
            if (membership.IsMetadataAway || membership.IsFenced || (loads.Length == 0 && !_savedAny))
            {
                continue;
            }

            try
            {
                await metadata.SavePartitionLoadsAsync(membership.Epoch, loads, cancellation);
                _savedAny = loads.Length > 0;
            }
            catch (MetadataUnavailableException)
            {
                // The next round says it again.
            }
        }
    }
}
