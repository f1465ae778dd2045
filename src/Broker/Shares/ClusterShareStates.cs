using PipeRoll.Broker.Cluster;
using PipeRoll.Broker.Groups;
using PipeRoll.Broker.Topics;
using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Shares;

/// <summary>States of share partitions wherever they are kept: here, or with the broker that leads the group's partition of the topic.</summary>
/// <remarks>Any thread. Failure: a broker that can't be reached is COORDINATOR_NOT_AVAILABLE; whether it has acted is not known then.</remarks>
internal sealed class ClusterShareStates(ShareStateLog here, TopicDirectory topics, IClusterView cluster, IPeers peers) : IShareStates
{
    private const short Version = 0;

    public async Task<(KafkaError Error, ShareSnapshot? Snapshot)> ReadAsync(SharePartitionKey key, CancellationToken cancellation)
    {
        (KafkaError error, ShareSnapshot? snapshot) = await here.ReadAsync(key, cancellation);
        if (error != KafkaError.NotCoordinator || KeeperOf(key.GroupId) is not { } node)
        {
            return (error, snapshot);
        }

        ReadShareGroupStateRequest request = new()
        {
            GroupId = key.GroupId,
            Topics = [new() { TopicId = key.Topic, Partitions = [new() { Partition = key.Partition, LeaderEpoch = -1 }] }],
        };
        ReadShareGroupStateResponse? response = await CallAsync<ReadShareGroupStateRequest, ReadShareGroupStateResponse>(node, request, cancellation);
        if (response?.Results.FirstOrDefault()?.Partitions.FirstOrDefault() is not { } result)
        {
            return (KafkaError.CoordinatorNotAvailable, null);
        }

        ShareSnapshot? found = result.StartOffset < 0 ? null : new ShareSnapshot(
            result.StateEpoch, result.StartOffset,
            [.. result.StateBatches.Select(static batch => new ShareRange(
                batch.FirstOffset, batch.LastOffset, (ShareRecordState)batch.DeliveryState, batch.DeliveryCount))]);
        return ((KafkaError)result.ErrorCode, found);
    }

    public async Task<KafkaError> WriteAsync(SharePartitionKey key, ShareSnapshot? snapshot, CancellationToken cancellation)
    {
        KafkaError error = await here.WriteAsync(key, snapshot, cancellation);
        if (error != KafkaError.NotCoordinator || KeeperOf(key.GroupId) is not { } node)
        {
            return error;
        }

        return snapshot is null ? await DeleteAsync(node, key, cancellation) : await WriteAsync(node, key, snapshot, cancellation);
    }

    public Task<(KafkaError Error, IReadOnlyList<SharePartitionKey> Keys)> ListAsync(string groupId, CancellationToken cancellation) =>
        here.ListAsync(groupId, cancellation);

    private async Task<KafkaError> WriteAsync(int node, SharePartitionKey key, ShareSnapshot snapshot, CancellationToken cancellation)
    {
        WriteShareGroupStateRequest request = new()
        {
            GroupId = key.GroupId,
            Topics =
            [
                new()
                {
                    TopicId = key.Topic,
                    Partitions =
                    [
                        new()
                        {
                            Partition = key.Partition,
                            StateEpoch = snapshot.StateEpoch,
                            LeaderEpoch = -1,
                            StartOffset = snapshot.StartOffset,
                            StateBatches = [.. snapshot.Ranges.Select(static range => new WriteShareGroupStateRequest.StateBatch
                            {
                                FirstOffset = range.First,
                                LastOffset = range.Last,
                                DeliveryState = (sbyte)range.State,
                                DeliveryCount = (short)Math.Min(range.Deliveries, short.MaxValue),
                            })],
                        },
                    ],
                },
            ],
        };
        WriteShareGroupStateResponse? response = await CallAsync<WriteShareGroupStateRequest, WriteShareGroupStateResponse>(node, request, cancellation);
        return (KafkaError)(response?.Results.FirstOrDefault()?.Partitions.FirstOrDefault()?.ErrorCode ?? (short)KafkaError.CoordinatorNotAvailable);
    }

    private async Task<KafkaError> DeleteAsync(int node, SharePartitionKey key, CancellationToken cancellation)
    {
        DeleteShareGroupStateRequest request = new()
        {
            GroupId = key.GroupId,
            Topics = [new() { TopicId = key.Topic, Partitions = [new() { Partition = key.Partition }] }],
        };
        DeleteShareGroupStateResponse? response = await CallAsync<DeleteShareGroupStateRequest, DeleteShareGroupStateResponse>(node, request, cancellation);
        return (KafkaError)(response?.Results.FirstOrDefault()?.Partitions.FirstOrDefault()?.ErrorCode ?? (short)KafkaError.CoordinatorNotAvailable);
    }

    private async Task<TResponse?> CallAsync<TRequest, TResponse>(int node, TRequest request, CancellationToken cancellation)
        where TRequest : class, IKafkaRequest, IKafkaMessage<TRequest>
        where TResponse : class, IKafkaResponse, IKafkaMessage<TResponse>
    {
        try
        {
            return await peers.CallAsync<TRequest, TResponse>(node, request, Version, cancellation);
        }
        catch (PeerUnavailableException)
        {
            return null;
        }
    }

    /// <summary>Null while nobody leads the partition that keeps the group, or it is this broker after all.</summary>
    private int? KeeperOf(string groupId)
    {
        if (topics.Find(ShareStateLog.TopicName) is not { } topic)
        {
            return null;
        }

        int node = cluster.LeaderOf(topic.Partitions[GroupHash.PartitionOf(groupId, topic.Partitions.Count)].Identity.Stream).NodeId;
        return node < 0 || node == cluster.NodeId ? null : node;
    }
}
