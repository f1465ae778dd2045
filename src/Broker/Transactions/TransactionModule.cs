using Microsoft.Extensions.Logging;
using PipeRoll.Broker.Groups;
using PipeRoll.Broker.Handlers;

namespace PipeRoll.Broker.Transactions;

/// <summary>Transactions as a part of the broker: their coordinator, the gate that their records pass, and the APIs that speak to both.</summary>
/// <remarks>Owner: the broker.</remarks>
internal sealed class TransactionModule : IBrokerModule, IDisposable
{
    private readonly BrokerServices _services;
    private readonly GroupCoordinator _groups;
    private readonly PartitionTransactionLog _log;
    private readonly CancellationTokenSource _stopping = new();

    public TransactionModule(BrokerServices services, GroupCoordinator groups)
    {
        _services = services;
        _groups = groups;
        TransactionOptions options = services.Options.Transactions;
        _log = new PartitionTransactionLog(services.Topics, services.Partitions, options, services.Time);
        Gate = new TransactionGate(new PermitSource(services, _stopping.Token));
        Coordinator = new TransactionCoordinator(new TransactionServices(
            options, _log, services.Time, new GroupClock(services.Time), services.ProducerIds.NextAsync, new MarkerWriter(services),
            services.Loggers.CreateLogger<TransactionCoordinator>()));
    }

    public TransactionCoordinator Coordinator { get; }

    public TransactionGate Gate { get; }

    public IEnumerable<IHandler> Handlers =>
    [
        new InitProducerIdHandler(_services, Coordinator),
        new AddPartitionsToTxnHandler(_services, Coordinator),
        new AddOffsetsToTxnHandler(_services, Coordinator),
        new EndTxnHandler(Coordinator),
        new WriteTxnMarkersHandler(_services, _groups),
        new TxnOffsetCommitHandler(_services, _groups, Gate),
        new DescribeProducersHandler(_services),
        new DescribeTransactionsHandler(Coordinator),
        new ListTransactionsHandler(Coordinator),
    ];

    public ValueTask StartAsync(CancellationToken cancellation)
    {
        Coordinator.Start();
        return ValueTask.CompletedTask;
    }

    public async ValueTask StopAsync()
    {
        _stopping.Cancel();
        await Coordinator.DisposeAsync();
        _log.Detach();
        Dispose();
    }

    public void Dispose() => _stopping.Dispose();
}
