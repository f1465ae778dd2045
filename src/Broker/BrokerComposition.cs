using PipeRoll.Broker.Configs;
using PipeRoll.Broker.Handlers;
using PipeRoll.Broker.Partitions;
using PipeRoll.Broker.Telemetry;

namespace PipeRoll.Broker;

/// <summary>The inventory of what a broker serves: the one list to add a handler or a module to.</summary>
internal static class BrokerComposition
{
    public static IEnumerable<IHandler> Handlers(
        BrokerServices services, DecompressorPool decompressors, IReadOnlyList<IBrokerModule> modules)
    {
        var telemetry = new ClientTelemetry(services, decompressors);
        Transactions.TransactionGate gate = modules.OfType<Transactions.TransactionModule>().Single().Gate;
        return [.. Core(services, decompressors, gate), .. Admin(services, telemetry), .. SecurityHandlers(services)];
    }

    /// <summary>In the order in which they are started.</summary>
    public static IEnumerable<IBrokerModule> Modules(BrokerServices services, DecompressorPool decompressors)
    {
        var groups = new Groups.GroupModule(services, services.Options.Groups, decompressors);
        return
        [
            groups,
            new Transactions.TransactionModule(services, groups.Coordinator),
            new Compaction.CompactionModule(services, services.Options.Compaction),
            new Security.Audit.AuditModule(services),
        ];
    }

    private static IHandler[] Admin(BrokerServices services, ClientTelemetry telemetry) =>
    [
        new AlterReplicaLogDirsHandler(services),
        new DescribeLogDirsHandler(services),
        new DescribeClientQuotasHandler(services),
        new AlterClientQuotasHandler(services),
        new DescribeQuorumHandler(services),
        new UpdateFeaturesHandler(),
        new UnregisterBrokerHandler(services),
        new GetTelemetrySubscriptionsHandler(services, telemetry),
        new PushTelemetryHandler(telemetry),
        new ListConfigResourcesHandler(services),
        new DescribeTopicPartitionsHandler(services),
    ];

    private static IHandler[] Core(BrokerServices services, DecompressorPool decompressors, Transactions.TransactionGate gate) =>
    [
        new ProduceHandler(services, decompressors, gate),
        new FetchHandler(services),
        new ListOffsetsHandler(services, decompressors),
        new MetadataHandler(services),
        new FindCoordinatorHandler(services),
        new ApiVersionsHandler(() => services.Configs.Has(ConfigKinds.ClientMetrics)),
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

    private static IEnumerable<IHandler> SecurityHandlers(BrokerServices services) =>
    [
        new SaslHandshakeHandler(services.Security),
        new SaslAuthenticateHandler(services.Security),
        new DescribeAclsHandler(services.Security),
        new CreateAclsHandler(services.Security),
        new DeleteAclsHandler(services.Security),
        new CreateDelegationTokenHandler(services.Security, services.Time, services.NewGuid),
        new RenewDelegationTokenHandler(services.Security, services.Time),
        new ExpireDelegationTokenHandler(services.Security, services.Time),
        new DescribeDelegationTokenHandler(services.Security, services.Time),
        new DescribeUserScramCredentialsHandler(services.Security),
        new AlterUserScramCredentialsHandler(services.Security),
    ];
}
