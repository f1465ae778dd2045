using PipeRoll.Broker.Cluster;
using PipeRoll.Broker.Topics;
using PipeRoll.Streams;
using PipeRoll.Streams.Metadata;

namespace PipeRoll.Broker.Partitions;

/// <summary>The broker's partitions as the cluster's machinery names them: by their streams.</summary>
internal sealed class PartitionHost(TopicDirectory topics, PartitionRegistry registry, PartitionRates rates) : IPartitionHost
{
    public void Lead(StreamId stream, long epoch)
    {
        if (topics.Find(stream) is { } partition)
        {
            registry.Lead(partition, checked((int)epoch));
        }
    }

    public void StepDown(StreamId stream)
    {
        if (topics.Find(stream) is { } partition)
        {
            registry.StepDown(partition);
        }
    }

    public ValueTask<PartitionHandOver?> SealAsync(StreamId stream, CancellationToken cancellation = default) =>
        topics.Find(stream) is { } partition
            ? registry.SealAsync(partition, cancellation)
            : ValueTask.FromResult<PartitionHandOver?>(null);

    public void Released(StreamId stream)
    {
        if (topics.Find(stream) is { } partition)
        {
            registry.HandedOver(partition);
        }
    }

    public void Resume(StreamId stream)
    {
        if (topics.Find(stream) is { } partition)
        {
            registry.Resume(partition);
        }
    }

    public IReadOnlyList<PartitionLoad> MeasureLoads() => rates.Measure();
}
