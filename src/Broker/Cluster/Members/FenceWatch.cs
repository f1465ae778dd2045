using PipeRoll.Streams;
using PipeRoll.Streams.Stores;

namespace PipeRoll.Broker.Cluster.Members;

/// <summary>
/// While the database can't be reached, looks into the bucket every session whether others have declared this broker dead. When the
/// database is away for all, nobody can have; when only this broker is cut off from it, others lead its partitions after a while, and
/// its clients, who get no error, would go on reading and coordinating here what nobody writes any more.
/// </summary>
/// <remarks>Owner: the <see cref="ClusterMember"/>. What is found is told by the storage, as when a write meets the fence.</remarks>
internal sealed class FenceWatch(ClusterOptions options, IStreamStorage storage, Membership membership, TimeProvider time)
{
    private readonly TimeSpan _session = TimeSpan.FromMilliseconds(options.SessionMs);

    public async Task RunAsync(CancellationToken cancellation)
    {
        while (!membership.IsFenced)
        {
            await Task.Delay(_session, time, cancellation);
            if (membership.IsInTouch)
            {
                continue;
            }

            using var late = new CancellationTokenSource(_session, time);
            using CancellationTokenRegistration stop = cancellation.UnsafeRegister(
                static source => ((CancellationTokenSource)source!).Cancel(), late);
            try
            {
                await storage.LookForFenceAsync(late.Token);
            }
            catch (Exception error) when (error is ObjectStoreException
                || (error is OperationCanceledException && !cancellation.IsCancellationRequested))
            {
                // Neither the database nor the bucket answers, and so nothing is acknowledged here: the next round looks again.
            }
        }
    }
}
