using PipeRoll.Broker.Groups;
using PipeRoll.Broker.Tests.Support;
using PipeRoll.Broker.Tests.Transactions;
using PipeRoll.Broker.Transactions;
using PipeRoll.Wire;

namespace PipeRoll.Broker.Tests.Connect;

/// <summary>A broker as these tests want it, and what a Connect cluster called <c>g</c> has on it.</summary>
internal static class ConnectHost
{
    public const string Group = "g";
    public const string Configs = "connect-configs";
    public const string Offsets = "connect-offsets";
    public const string Status = "connect-status";

    /// <summary>By the worker's defaults: configs have one partition because their order counts.</summary>
    public static readonly (string Name, int Partitions)[] Topics = [(Configs, 1), (Offsets, 25), (Status, 5)];

    private static BrokerOptions Options => BrokerHost.Options with
    {
        Groups = new GroupOptions { OffsetsTopicPartitions = 1, InitialRebalanceDelayMs = 50, SessionTimeoutMinMs = 100 },
        Transactions = new TransactionOptions { StateTopicPartitions = 1 },
    };

    public static Task<BrokerHost> StartAsync() => BrokerHost.StartAsync(Options);

    /// <summary>What a worker with exactly-once support calls the producer of a task.</summary>
    public static string TransactionalId(string connector, int task) => $"{Group}-{connector}-{task}";

    /// <summary>A producer that begins to write under an id, as initTransactions does it.</summary>
    public static async Task<TransactionClient> ProducerAsync(this BrokerHost host, string transactionalId, bool isV2)
    {
        TransactionClient producer = await TransactionClient.ConnectAsync(host, transactionalId, isV2);
        KafkaError error = KafkaError.None;
        await BrokerHost.UntilAsync(async () =>
        {
            error = await producer.InitAsync();
            return error is not (KafkaError.ConcurrentTransactions or KafkaError.CoordinatorLoadInProgress or KafkaError.CoordinatorNotAvailable
                or KafkaError.NotCoordinator);
        });
        Assert.Equal(KafkaError.None, error);
        return producer;
    }
}
