using PipeRoll.Broker.Handlers;
using PipeRoll.Broker.Partitions;

namespace PipeRoll.Broker;

/// <summary>The inventory of what a broker serves: the one list to add a handler or a module to.</summary>
internal static class BrokerComposition
{
    public static IEnumerable<IHandler> Handlers(
        BrokerServices services, DecompressorPool decompressors, IReadOnlyList<IBrokerModule> modules) =>
    [
        new ProduceHandler(services, decompressors, modules.OfType<Transactions.TransactionModule>().Single().Gate),
        new FetchHandler(services),
        new ListOffsetsHandler(services, decompressors),
        new MetadataHandler(services),
        new FindCoordinatorHandler(services),
        new ApiVersionsHandler(),
        new CreateTopicsHandler(services),
        new DeleteTopicsHandler(services),
        new DeleteRecordsHandler(services),
        new OffsetForLeaderEpochHandler(services),
        new DescribeConfigsHandler(services),
        new AlterConfigsHandler(services),
        new CreatePartitionsHandler(services),
        new ElectLeadersHandler(services),
        new IncrementalAlterConfigsHandler(services),
        new AlterPartitionReassignmentsHandler(services),
        new ListPartitionReassignmentsHandler(services),
        new DescribeClusterHandler(services),
    ];

    /// <summary>In the order in which they are started.</summary>
    public static IEnumerable<IBrokerModule> Modules(BrokerServices services)
    {
        var groups = new Groups.GroupModule(services, services.Options.Groups);
        return
        [
            groups,
            new Transactions.TransactionModule(services, groups.Coordinator),
            new Compaction.CompactionModule(services, services.Options.Compaction),
        ];
    }
}
