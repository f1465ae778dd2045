using PipeRoll.Simulation.Engine;
using PipeRoll.Simulation.Network;

namespace PipeRoll.Simulation.Kafka;

/// <summary>All clients of transactions of a scenario, over a topic of their own.</summary>
/// <remarks>Owner: <see cref="ClientFleet"/>.</remarks>
internal sealed class TransactionFleet(
    SimulatedWorld world, SimulatedNetwork network, TransactionPlan plan, IReadOnlyList<(string Host, int Port)> bootstrap)
{
    public const string Topic = "ledger";

    private readonly List<(TransactionalProducer Producer, SimulatedProcess Process, Task Work)> _producers = [];
    private readonly List<CommittedReader> _checkers = [];
    private bool _stopReading;
    private int _lives;

    public TransactionModel Model { get; } = new(plan.Partitions, world.Fail);

    public List<string> Hosts { get; } = [];

    public void Start()
    {
        for (int number = 0; number < plan.Producers; number++)
        {
            Launch(number, 0);
        }

        SimulatedProcess process = StartProcess("committed reader");
        KafkaClient client = Client(process);
        for (int partition = 0; partition < plan.Partitions; partition++)
        {
            var reader = new CommittedReader(client, partition, Model);
            _ = world.GuardAsync(process.Run(() => FollowAsync(reader)));
        }

        _ = world.GuardAsync(process.Run(() => WatchOffsetsAsync(client)));
    }

    /// <summary>A producer dies, in the middle of whatever it does, and another process goes on with its transactional id.</summary>
    public void Replace(Random random)
    {
        if (_producers.Count == 0)
        {
            return;
        }

        int index = random.Next(_producers.Count);
        (TransactionalProducer producer, SimulatedProcess process, Task work) = _producers[index];
        if (!work.IsCompleted)
        {
            process.Kill("producer crash");
            _producers.RemoveAt(index);
            Launch(producer.Number, producer.Next);
        }
    }

    public Task WhenDoneAsync() => Task.WhenAll(_producers.Select(static producer => producer.Work));

    public string Describe() => string.Join("; ",
    [
        .. _producers.Where(static one => !one.Producer.IsDone).Select(static one => $"transactional producer {one.Producer.Number} {one.Producer.Doing}"),
        .. _checkers.Where(static checker => !checker.IsAtEnd).Select(static checker => checker.Describe()),
    ]);

    /// <summary>Reads everything from the start, until all of it is decided, and compares; asks for the committed offsets.</summary>
    public async Task CheckAsync(SimulatedProcess process)
    {
        _stopReading = true;
        KafkaClient client = Client(process);
        for (int partition = 0; partition < plan.Partitions; partition++)
        {
            var checker = new CommittedReader(client, partition, Model);
            _checkers.Add(checker);
            while (!checker.IsAtEnd)
            {
                await checker.FetchAsync(waitMs: 100, bytesMax: 64 * 1024);
            }
        }

        Model.CheckAll();
        for (int number = 0; number < plan.Producers; number++)
        {
            var calls = new TransactionCalls(
                client, TransactionalProducer.IdOf(number), TransactionalProducer.GroupOf(number), isV2: true, plan.TimeoutMs);
            long? offset;
            while ((offset = await calls.FetchOffsetAsync()) is null)
            {
                await client.Host.BackOffAsync();
            }

            Model.CheckOffset(number, offset.Value);
        }

        world.Trace.Note("client.transactions", Model.CommittedCount);
        client.Close();
    }

    private void Launch(int number, int firstTransaction)
    {
        SimulatedProcess process = StartProcess($"transactional producer {number}");
        var producer = new TransactionalProducer(Client(process), number, firstTransaction, plan, Model);
        _producers.Add((producer, process, world.GuardAsync(process.Run(producer.RunAsync))));
    }

    private async Task FollowAsync(CommittedReader reader)
    {
        while (!_stopReading)
        {
            await reader.FetchAsync(waitMs: 500, bytesMax: 8 * 1024);
        }
    }

    private async Task WatchOffsetsAsync(KafkaClient client)
    {
        TransactionCalls[] calls = [.. Enumerable.Range(0, plan.Producers).Select(number => new TransactionCalls(
            client, TransactionalProducer.IdOf(number), TransactionalProducer.GroupOf(number), isV2: true, plan.TimeoutMs))];
        while (!_stopReading)
        {
            for (int number = 0; number < calls.Length; number++)
            {
                if (await calls[number].FetchOffsetAsync() is { } offset)
                {
                    Model.SawOffset(number, offset);
                }
            }

            await client.Host.Process.DelayAsync(TimeSpan.FromMilliseconds(300));
        }
    }

    private SimulatedProcess StartProcess(string name)
    {
        string unique = $"{name} life {_lives++}";
        Hosts.Add(unique);
        return world.StartProcess(unique);
    }

    private KafkaClient Client(SimulatedProcess process) => new(new ClientHost(world, network, process, process.Name, bootstrap), Topic);
}
