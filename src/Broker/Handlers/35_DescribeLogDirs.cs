using PipeRoll.Broker.Partitions;
using PipeRoll.Broker.Security;
using PipeRoll.Broker.Topics;
using PipeRoll.Streams;
using PipeRoll.Streams.Metadata;
using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Handlers;

/// <summary>
/// DescribeLogDirs (35, KIP-113): how many bytes each partition takes that this broker leads.
/// </summary>
/// <remarks>
/// There is one directory, which stands for the shared storage. A size is what committed objects hold of the partition and what its leader
/// has in the log only; nothing is counted twice, and summed over all brokers it is everything once. The size of the volume (version 4)
/// is not known: -1, as Kafka says where it can't tell.
/// </remarks>
internal sealed class DescribeLogDirsHandler(BrokerServices services) : Handler<DescribeLogDirsRequest, DescribeLogDirsResponse>
{
    public const string SharedStorage = "/shared-storage";

    public override async ValueTask<DescribeLogDirsResponse> HandleAsync(DescribeLogDirsRequest request, RequestContext context)
    {
        if (!context.AllowsOnCluster(AclOperation.Describe))
        {
            return new DescribeLogDirsResponse { ErrorCode = (short)KafkaError.ClusterAuthorizationFailed, Results = [] };
        }

        Partition[] partitions = [.. Wanted(request).Where(partition => services.Cluster.LeaderOf(partition.Identity.Stream).IsSelf)];
        var directory = new DescribeLogDirsResponse.DescribeLogDirsResult { LogDir = SharedStorage, Topics = [] };
        try
        {
            IReadOnlyDictionary<StreamId, long> committed =
                await services.Catalog.MeasureStreamsAsync([.. partitions.Select(partition => partition.Identity.Stream)], context.Cancellation);
            foreach (IGrouping<string, Partition> topic in partitions.GroupBy(static partition => partition.Identity.Topic))
            {
                directory.Topics.Add(new DescribeLogDirsResponse.DescribeLogDirsTopic
                {
                    Name = topic.Key,
                    Partitions =
                    [
                        .. topic.Select(partition => new DescribeLogDirsResponse.DescribeLogDirsPartition
                        {
                            PartitionIndex = partition.Identity.Index,
                            PartitionSize = committed.GetValueOrDefault(partition.Identity.Stream) + (partition.ReadableStream?.UncommittedBytes ?? 0),
                        }),
                    ],
                });
            }
        }
        catch (MetadataUnavailableException)
        {
            directory.ErrorCode = (short)KafkaError.KafkaStorageError;
        }

        return new DescribeLogDirsResponse { Results = [directory] };
    }

    private IEnumerable<Partition> Wanted(DescribeLogDirsRequest request) => request.Topics is not { } topics
        ? services.Topics.All.OrderBy(static topic => topic.Name, StringComparer.Ordinal).SelectMany(static topic => topic.Partitions)
        : topics.SelectMany(topic => topic.Partitions.Select(index => services.Topics.Find(topic.Topic, index)).OfType<Partition>());
}
