using Confluent.Kafka;
using Microsoft.Extensions.Logging;
using PipeRoll.Workflows.Kafka;

namespace PipeRoll.Workflows.Deciding;

/// <summary>
/// What a worker writes: its records and the offsets of the events that they follow from become visible together or not at all
/// (KIP-98, KIP-447). Owner: a <see cref="WorkflowWorker"/>, one thread. Failure: <see cref="WorkflowException"/>; the transaction then never
/// becomes visible, and the worker must be thrown away, since its engines are ahead of what is committed.
/// </summary>
internal sealed class OutputTransaction : IDisposable
{
    private static readonly TimeSpan Step = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan HangsAfter = Step + TimeSpan.FromSeconds(3);
    private readonly IProducer<byte[]?, byte[]?> _producer;
    private readonly CallThread _calls = new("piperoll-transaction");
    private readonly string _workflow;
    private readonly int _drainTimeoutMs;
    private readonly ILogger _log;
    private CancellationToken _stop;
    private Error? _fatal;
    private bool _isOpen;
    private bool _hangs;

    public OutputTransaction(string workflow, KafkaConnection connection, WorkerOptions options, ILogger log)
    {
        _workflow = workflow;
        _drainTimeoutMs = options.DrainTimeoutMs;
        _log = log;
        ProducerConfig config = connection.TransactionalConfig(
            "piperoll-worker", $"piperoll.{workflow}.{options.TransactionName}", options.TransactionTimeoutMs);
        _producer = KafkaClients.Producer(config, log, error => _fatal = error);
    }

    /// <summary>Learns who it is from the coordinator; waits for one until it is told to stop.</summary>
    /// <returns>Whether it may write; false if it was stopped before.</returns>
    public bool Start(CancellationToken stop)
    {
        _stop = stop;
        while (!stop.IsCancellationRequested)
        {
            try
            {
                _producer.InitTransactions(Step);
                return true;
            }
            catch (KafkaRetriableException)
            {
                // The coordinator is away or still loads; nothing was read yet, so there is nothing to lose by waiting.
            }
            catch (KafkaException error)
            {
                throw Failed("cannot begin to write transactions", error);
            }
        }

        return false;
    }

    /// <summary>Sends a record. Blocks while the producer's queue is full.</summary>
    public void Send(TopicPartition output, Message<byte[]?, byte[]?> message)
    {
        Open();
        while (true)
        {
            try
            {
                _producer.Produce(output, message);
                return;
            }
            catch (ProduceException<byte[]?, byte[]?> error) when (error.Error.Code == ErrorCode.Local_QueueFull)
            {
                ThrowIfFatal();
                _producer.Poll(TimeSpan.FromMilliseconds(1));
            }
            catch (KafkaException error)
            {
                throw Failed($"{output.Topic}/{output.Partition.Value} did not take a record; mend the topic and start it again", error);
            }
        }
    }

    /// <summary>Adds the offsets behind the last events; refused if the group has given the partitions to somebody else.</summary>
    public void SendOffsets(IEnumerable<TopicPartitionOffset> offsets, IConsumerGroupMetadata group)
    {
        List<TopicPartitionOffset> all = [.. offsets];
        Open();
        Insist("the group did not take the offsets", () => _producer.SendOffsetsToTransaction(all, group, Step));
    }

    /// <summary>Makes everything since the last commit visible. When it returns it is durable.</summary>
    public void Commit()
    {
        Insist("a transaction could not be committed", () => _producer.CommitTransaction(Step));
        _isOpen = false;
    }

    /// <summary>Makes everything since the last commit void. What can't be aborted now, the cluster aborts after its timeout.</summary>
    public void Abort()
    {
        if (_isOpen && !_hangs)
        {
            Insist("a transaction could not be aborted", () => _producer.AbortTransaction(Step));
            _isOpen = false;
        }
    }

    public void ThrowIfFatal()
    {
        if (_fatal is { } fatal)
        {
            throw new WorkflowException($"workflow {_workflow}: the producer cannot go on: {fatal.Reason}");
        }
    }

    /// <summary>
    /// A producer of which a call hangs is left alone: to destroy it under that call is not allowed. What it had open times out.
    /// </summary>
    public void Dispose()
    {
        _calls.Dispose();
        if (!_hangs)
        {
            _producer.Dispose();
        }
    }

    private void Open()
    {
        if (!_isOpen)
        {
            _producer.BeginTransaction();
            _isOpen = true;
        }
    }

    /// <summary>
    /// Repeats a call while the cluster is away: once it is back it either answers or says that the transaction has timed out. Who is asked to
    /// stop waits only for as long as a drain may take.
    /// </summary>
    private void Insist(string failure, Action call)
    {
        long? giveUp = null;
        while (true)
        {
            try
            {
                Bounded(failure, call);
                return;
            }
            catch (KafkaRetriableException error)
            {
                _log.CoordinatorAway(error.Error.Reason);
                ThrowIfFatal();
                if (_stop.IsCancellationRequested)
                {
                    giveUp ??= Environment.TickCount64 + _drainTimeoutMs;
                    if (Environment.TickCount64 >= giveUp)
                    {
                        throw Failed(failure, error);
                    }
                }
            }
            catch (KafkaException error)
            {
                throw Failed(failure, error);
            }
        }
    }

    /// <summary>
    /// Every call has a timeout of its own, but where its broker is no longer one of the cluster's, librdkafka may wait for a connection that is
    /// never made (see <see cref="KafkaConnection.TransactionalConfig"/>). Nobody may hang with it.
    /// </summary>
    private void Bounded(string failure, Action call)
    {
        if (!_calls.TryRun(call, HangsAfter))
        {
            _hangs = true;
            throw new WorkflowException($"workflow {_workflow}: {failure}: the client does not come back; the worker starts again with another");
        }
    }

    private WorkflowException Failed(string what, KafkaException error) =>
        new($"workflow {_workflow}: {what} ({error.Error.Code}: {error.Error.Reason}); nothing of it is visible, and it is decided again", error);
}
