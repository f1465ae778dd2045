using Confluent.Kafka;
using Microsoft.Extensions.Logging;
using PipeRoll.Workflows.Deciding;

namespace PipeRoll.Workflows.Kafka;

/// <summary>A record and where it goes.</summary>
internal readonly record struct Addressed(TopicPartition To, Message<byte[]?, byte[]?> Message);

/// <summary>
/// A topic of one partition that several processes write, one at a time, each from a state that holds everything before: whoever begins fences off
/// whoever wrote before (KIP-98), reads to the end, decides, and commits in one transaction.
/// </summary>
/// <remarks>
/// Owner: its creator, which keeps the state. One call at a time; calls block. Failure: <see cref="WorkflowException"/>; nothing was appended then.
/// </remarks>
/// <param name="take">Folds a record into the owner's state; called in order, once for each.</param>
internal sealed class FencedTopic(
    string topic, string transactionalId, KafkaConnection connection, Action<Message<byte[]?, byte[]?>> take, ILogger log) : IDisposable
{
    private const int TriesMax = 5;
    private const int TransactionMs = 15_000;
    private static readonly TimeSpan Step = TimeSpan.FromSeconds(10);
    private readonly LogReader _reader = new(connection, log, TimeSpan.FromMilliseconds(TransactionMs) + Step);
    private long _next;
    private byte[]? _awaited;

    public TopicPartition Partition { get; } = new(topic, 0);

    /// <summary>Reads what was appended since.</summary>
    public void Refresh() => Refresh(_reader.Bounds(Partition));

    /// <summary>Reads everything that was read before once more.</summary>
    public void ReadAgain(Action<Message<byte[]?, byte[]?>> look) => _reader.Read(Partition, _reader.Bounds(Partition).Low, _next, record =>
    {
        look(record.Message);
        return true;
    });

    /// <summary>Appends what follows from the state as it is now; when it returns it is durable, and in the state.</summary>
    /// <param name="decide">
    /// What to write, the last of it here; also to other topics. Nothing for nothing. Its exception is passed on. Asked again when somebody else was faster.
    /// </param>
    public void Append(Func<IReadOnlyList<Addressed>> decide)
    {
        for (int attempt = 1; ; attempt++)
        {
            try
            {
                TryAppend(decide);
                return;
            }
            catch (KafkaException error) when (attempt < TriesMax)
            {
                // Somebody else writes, or the cluster was away for a moment: nothing of ours is visible, and what is now is looked at again.
                log.CoordinatorAway(error.Error.Reason);
            }
            catch (KafkaException error)
            {
                throw new WorkflowException($"{topic} does not take a record: {error.Error.Reason}; nothing was changed, try again", error);
            }
        }
    }

    public void Dispose() => _reader.Dispose();

    private void Refresh((long Low, long High) bounds)
    {
        (long low, long high) = bounds;
        _reader.Read(Partition, Math.Max(low, _next), high, record =>
        {
            take(record.Message);
            _awaited = _awaited is not null && record.Message.Key.AsSpan().SequenceEqual(_awaited) ? null : _awaited;
            return true;
        });
        _next = Math.Max(_next, high);
    }

    private void TryAppend(Func<IReadOnlyList<Addressed>> decide)
    {
        using IProducer<byte[]?, byte[]?> producer = KafkaClients.Producer(
            connection.TransactionalConfig("piperoll-log", transactionalId, TransactionMs), log);
        producer.InitTransactions(Step);

        // To the very end: others write to the topic too, and to decide without what a transaction of theirs hides would be to decide from the past.
        Refresh(_reader.SettledBounds(Partition));
        IReadOnlyList<Addressed> records = decide();
        if (records.Count == 0)
        {
            return;
        }

        producer.BeginTransaction();
        foreach (Addressed record in records)
        {
            producer.Produce(record.To, record.Message);
        }

        producer.CommitTransaction(Step);
        Await(records[^1].Message.Key);
    }

    /// <summary>What is committed is visible only when the mark of its transaction is written, a moment later.</summary>
    private void Await(byte[]? key)
    {
        _awaited = key;
        long giveUp = Environment.TickCount64 + (long)Step.TotalMilliseconds;
        for (Refresh(); _awaited is not null && Environment.TickCount64 < giveUp; Refresh())
        {
            Thread.Sleep(5);
        }

        _awaited = null;
    }
}
