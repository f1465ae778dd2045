using Microsoft.Extensions.Logging;
using PipeRoll.Broker.Cluster;
using PipeRoll.Broker.Partitions;
using PipeRoll.Broker.Topics;
using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Transactions;

/// <summary>Tells the leaders of a transaction's partitions how it ended, until each has written it down.</summary>
/// <remarks>
/// Any thread; no state. A leader that is away, moving or new is asked again after a growing pause; a partition whose topic is deleted needs
/// no marker. A marker that was written twice does no harm: leaders know it, or write one more that ends nothing.
/// </remarks>
internal sealed partial class MarkerWriter(BrokerServices services) : IMarkerWriter
{
    public const short Version = 2;

    private const int PauseMinMs = 10;
    private const int PauseMaxMs = 1_000;
    private readonly ILogger _logger = services.Loggers.CreateLogger<MarkerWriter>();

    public async Task<bool> WriteAsync(
        string transactionalId, TransactionRecord decided, int coordinatorEpoch, Func<bool> isWanted, CancellationToken cancellation)
    {
        HashSet<TransactionPartition> left = [.. decided.Partitions];
        var marker = new TransactionMarker(
            decided.ProducerId, decided.Epoch, coordinatorEpoch, decided.Status == TransactionStatus.PrepareCommit,
            (sbyte)decided.ClientVersion);
        int pauseMs = PauseMinMs;
        while (left.Count > 0)
        {
            if (!isWanted())
            {
                return false;
            }

            foreach (IReadOnlyList<TransactionPartition> done in await RoundAsync(left, marker, cancellation))
            {
                left.ExceptWith(done);
            }

            if (left.Count > 0)
            {
                if (pauseMs == PauseMaxMs)
                {
                    LogWaiting(_logger, transactionalId, left.Count, left.First());
                }

                await Task.Delay(TimeSpan.FromMilliseconds(pauseMs), services.Time, cancellation);
                pauseMs = Math.Min(pauseMs * 2, PauseMaxMs);
            }
        }

        return true;
    }

    /// <summary>Asks every leader once.</summary>
    private async Task<IReadOnlyList<TransactionPartition>[]> RoundAsync(
        HashSet<TransactionPartition> left, TransactionMarker marker, CancellationToken cancellation)
    {
        Dictionary<int, List<TransactionPartition>> byLeader = [];
        List<TransactionPartition> gone = [];
        foreach (TransactionPartition partition in left)
        {
            // A topic of the name that lacks the partition is another one.
            if (services.Topics.Find(partition.Topic, partition.Partition) is { } found)
            {
                int leader = services.Cluster.LeaderOf(found.Identity.Stream).NodeId;
                if (leader >= 0)
                {
                    (byLeader.TryGetValue(leader, out List<TransactionPartition>? led) ? led : byLeader[leader] = []).Add(partition);
                }
            }
            else if (services.Topics.Find(partition.Topic) is not null || await IsGoneAsync(partition.Topic, cancellation))
            {
                gone.Add(partition);
            }
        }

        IReadOnlyList<TransactionPartition>[] written = await Task.WhenAll(
            byLeader.Select(leader => AskAsync(leader.Key, leader.Value, marker, cancellation)).ToArray());
        return [.. written, gone];
    }

    private async ValueTask<bool> IsGoneAsync(string topic, CancellationToken cancellation)
    {
        try
        {
            return await services.Topics.IsGoneAsync(topic, cancellation);
        }
        catch (Exception error) when (error is not OperationCanceledException)
        {
            // The database does not answer: asked again in the next round.
            return false;
        }
    }

    /// <returns>The partitions that need nothing more.</returns>
    private async Task<IReadOnlyList<TransactionPartition>> AskAsync(
        int leader, List<TransactionPartition> partitions, TransactionMarker marker, CancellationToken cancellation)
    {
        var request = new WriteTxnMarkersRequest
        {
            Markers =
            [
                new()
                {
                    ProducerId = marker.ProducerId,
                    ProducerEpoch = marker.Epoch,
                    TransactionResult = marker.IsCommit,
                    CoordinatorEpoch = marker.CoordinatorEpoch,
                    TransactionVersion = marker.Version,
                    Topics =
                    [
                        .. partitions.GroupBy(static partition => partition.Topic).Select(static topic =>
                            new WriteTxnMarkersRequest.WritableTxnMarkerTopic
                            {
                                Name = topic.Key,
                                PartitionIndexes = [.. topic.Select(static partition => partition.Partition)],
                            }),
                    ],
                },
            ],
        };
        try
        {
            WriteTxnMarkersResponse response =
                await services.Peers.CallAsync<WriteTxnMarkersRequest, WriteTxnMarkersResponse>(leader, request, Version, cancellation);
            return
            [
                .. response.Markers.SelectMany(static answer => answer.Topics).SelectMany(
                    static topic => topic.Partitions.Where(static partition => IsDone((KafkaError)partition.ErrorCode)),
                    static (topic, partition) => new TransactionPartition(topic.Name, partition.PartitionIndex)),
            ];
        }
        catch (PeerUnavailableException error)
        {
            LogUnavailable(_logger, leader, error.Message);
            return [];
        }
    }

    /// <summary>A partition that has seen a higher epoch of the producer has seen the end of this transaction.</summary>
    private static bool IsDone(KafkaError error) => error is KafkaError.None or KafkaError.InvalidProducerEpoch;

    [LoggerMessage(Level = LogLevel.Warning, Message =
        "the transaction of {TransactionalId} is decided, but {Left} partitions have no marker yet, {Partition} among them; trying on")]
    private static partial void LogWaiting(ILogger logger, string transactionalId, int left, TransactionPartition partition);

    [LoggerMessage(Level = LogLevel.Debug, Message = "broker {Node} could not be told of the end of a transaction: {Reason}")]
    private static partial void LogUnavailable(ILogger logger, int node, string reason);
}
