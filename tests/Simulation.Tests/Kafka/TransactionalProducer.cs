using PipeRoll.Simulation.Engine;
using PipeRoll.Wire;

namespace PipeRoll.Simulation.Kafka;

/// <summary>What transactional producers do.</summary>
/// <param name="Producers">Each has a transactional id of its own.</param>
/// <param name="Transactions">Of each producer.</param>
/// <param name="TimeoutMs">After which a coordinator aborts.</param>
internal sealed record TransactionPlan(int Producers, int Partitions, int Transactions, int TimeoutMs, int PauseMsMax);

/// <summary>
/// Writes transactions over several partitions, each with an offset of its group in some, and commits or aborts them; goes on after
/// everything that a client can go on after.
/// </summary>
/// <remarks>Owner: the scenario; one process. Killed at any moment, another process goes on with the id.</remarks>
internal sealed class TransactionalProducer(KafkaClient client, int number, int firstTransaction, TransactionPlan plan, TransactionModel model)
{
    private static readonly long CreateTimeMs = SimulatedTime.Start.AddDays(-1).ToUnixTimeMilliseconds();

    private readonly Random _random = client.Host.Random;
    private readonly TransactionCalls _calls = new(
        client, IdOf(number), GroupOf(number), isV2: client.Host.Random.Next(2) == 0, plan.TimeoutMs);

    public int Number => number;

    /// <summary>The number that the next transaction has.</summary>
    public int Next { get; private set; } = firstTransaction;

    public bool IsDone { get; private set; }

    public string Doing { get; private set; } = "starting";

    public static string IdOf(int number) => $"writer-{number}";

    public static string GroupOf(int number) => $"ledger-group-{number}";

    public async Task RunAsync()
    {
        await InitAsync();
        while (Next < plan.Transactions)
        {
            SentTransaction sent = Draw();
            if (!await WriteAsync(sent) || !await EndAsync(sent))
            {
                // Nobody has decided to commit it, and nobody else will: the next epoch aborts what is left of it.
                await InitAsync();
            }

            client.Host.World.Trace.Note("client.transaction", number, (sent.Number * 10) + (int)sent.Fate);
            await client.Host.Process.DelayAsync(TimeSpan.FromMilliseconds(_random.Next(plan.PauseMsMax)));
        }

        IsDone = true;
        client.Close();
    }

    private SentTransaction Draw()
    {
        Dictionary<int, int> records = [];
        for (int partition = 0; partition < plan.Partitions; partition++)
        {
            if (_random.Next(3) > 0)
            {
                records[partition] = _random.Next(1, 4);
            }
        }

        if (records.Count == 0)
        {
            records[0] = 1;
        }

        return model.Begin(number, Next++, records, commitsOffset: _random.Next(2) == 0);
    }

    private async Task InitAsync()
    {
        Doing = "initialising";
        while (true)
        {
            KafkaError error = await _calls.InitAsync();
            if (error == KafkaError.None)
            {
                return;
            }

            model.Require(IsPassing(error), $"InitProducerId failed with {error}");
            await client.Host.BackOffAsync();
        }
    }

    /// <returns>False when the transaction can't be committed any more.</returns>
    private async Task<bool> WriteAsync(SentTransaction sent)
    {
        Doing = $"writing {sent.Number}";
        bool goesOn = true;
        foreach ((int partition, int count) in sent.Records)
        {
            goesOn = goesOn && await TryAsync(() => _calls.AddAsync([partition]), isNeeded: !_calls.IsV2, "AddPartitionsToTxn");
            goesOn = goesOn && await TryAsync(
                () => _calls.ProduceAsync(partition, number, sent.Number, count, CreateTimeMs), isNeeded: true, "Produce");
        }

        goesOn = goesOn && await TryAsync(() => _calls.CommitOffsetAsync(sent.Number), sent.CommitsOffset, "TxnOffsetCommit");
        if (!goesOn)
        {
            sent.Fate = TransactionFate.Aborted;
        }

        return goesOn;
    }

    private async Task<bool> TryAsync(Func<Task<KafkaError>> call, bool isNeeded, string what)
    {
        while (isNeeded)
        {
            KafkaError error = await call();
            if (error == KafkaError.None)
            {
                return true;
            }

            if (IsFence(error))
            {
                client.Host.World.Trace.Note("client.fenced", number, (int)error);
                return false;
            }

            model.Require(IsPassing(error), $"{what} failed with {error}");
            await client.Host.BackOffAsync();
        }

        return true;
    }

    /// <returns>False when it was aborted against the producer's will.</returns>
    private async Task<bool> EndAsync(SentTransaction sent)
    {
        bool commits = _random.Next(4) > 0;
        Doing = $"{(commits ? "committing" : "aborting")} {sent.Number}";
        if (!commits)
        {
            sent.Fate = TransactionFate.Aborted;
        }

        bool isEnded = await TryAsync(() => _calls.EndAsync(commits), isNeeded: true, "EndTxn");
        sent.Fate = isEnded && commits ? TransactionFate.Committed : TransactionFate.Aborted;
        return isEnded;
    }

    /// <summary>The coordinator has aborted the transaction: its time was up.</summary>
    private static bool IsFence(KafkaError error) => error is KafkaError.ProducerFenced or KafkaError.InvalidProducerEpoch
        or KafkaError.InvalidTxnState or KafkaError.TransactionAbortable or KafkaError.InvalidProducerIdMapping;

    private static bool IsPassing(KafkaError error) => Retriable.Is(error) || error == KafkaError.ConcurrentTransactions;
}
