using Confluent.Kafka;
using Microsoft.Extensions.Logging;
using PipeRoll.Workflows.Kafka;

namespace PipeRoll.Workflows.Deciding;

/// <summary>
/// One member of a workflow's consumer group: takes the partitions that the group gives it, recovers each, decides its events in order, and
/// commits what follows from them together with their offsets, in one transaction over all its partitions.
///
/// Owner: its creator. Thread: the one that calls <see cref="Run"/>; it alone touches the state. Failure: <see cref="Run"/> throws; what
/// was not committed was never visible, and the next member decides it. Dispose without a finished <see cref="Run"/> is a crash, and safe;
/// <see cref="GiveUp"/> before it spares others the wait.
/// </summary>
public sealed class WorkflowWorker : IDisposable
{
    private const int BeatMs = 50;
    private readonly WorkflowPlan _plan;
    private readonly WorkerOptions _options;
    private readonly WorkflowProgress _progress;
    private readonly ILogger _log;
    private readonly OutputTransaction _transaction;
    private readonly IProducer<byte[]?, byte[]?> _snapshots;
    private readonly IConsumer<byte[]?, byte[]?> _consumer;
    private readonly LogReader _reader;
    private readonly KafkaConnection _connection;
    private readonly Dictionary<int, PartitionDecider> _deciders = [];
    private Exception? _failure;
    private int _uncommitted;
    private long _uncommittedBytes;
    private long _lastCommit;

    public WorkflowWorker(WorkflowPlan plan, KafkaConnection connection, WorkerOptions options, WorkflowProgress progress, ILogger log)
    {
        _plan = plan;
        _options = options;
        _progress = progress;
        _log = log;
        _connection = connection;
        _transaction = new OutputTransaction(plan.Manifest.Name, connection, options, log);
        _snapshots = KafkaClients.Producer(connection.ProducerConfig("piperoll-snapshots"), log);
        _reader = new LogReader(connection, log);
        ConsumerConfig config = connection.ConsumerConfig("piperoll-worker", plan.Manifest.Group);
        config.SessionTimeoutMs = options.SessionTimeoutMs;
        config.GroupInstanceId = options.Slot is { } slot ? $"piperoll.{plan.Manifest.Name}.{slot}" : null;
        config.HeartbeatIntervalMs = Math.Max(100, options.SessionTimeoutMs / 10);
        _consumer = KafkaClients.Consumer(config, log)
            .SetPartitionsAssignedHandler((_, assigned) => OnAssigned(assigned))
            .SetPartitionsRevokedHandler((_, revoked) => Leave(revoked, CommitAll))
            .SetPartitionsLostHandler((_, lost) => Leave(lost, _transaction.Abort))
            .Build();
    }

    /// <summary>Works until cancelled, then commits and leaves the group. Throws when it cannot go on.</summary>
    public void Run(CancellationToken stop)
    {
        if (!_transaction.Start(stop))
        {
            return;
        }

        _consumer.Subscribe(_plan.Manifest.SourceTopic);
        while (!stop.IsCancellationRequested)
        {
            ConsumeResult<byte[]?, byte[]?>? record = Next();
            ThrowIfBroken();
            if (record is not null && _deciders.TryGetValue(record.Partition.Value, out PartitionDecider? decider))
            {
                Take(decider, record);
            }

            if (IsCommitDue(isIdle: record is null))
            {
                CommitAll();
            }
        }

        Close();
    }

    /// <summary>
    /// After a failure: makes what is open void and leaves the group, so that nobody waits for timeouts. What does not work here, these do.
    /// </summary>
    public void GiveUp()
    {
        // Engines are ahead of what is committed: nothing of theirs may be committed on the way out.
        _failure ??= new WorkflowException($"workflow {_plan.Manifest.Name}: given up");
        Forget(_deciders.Keys.ToArray());
        try
        {
            _transaction.Abort();
        }
        catch (WorkflowException error)
        {
            _log.CoordinatorAway(error.Message);
        }

        try
        {
            _consumer.Close();
        }
        catch (KafkaException error)
        {
            _log.ClientError(error.Error.Code.ToString(), error.Error.Reason);
        }
    }

    public void Dispose()
    {
        Forget(_deciders.Keys.ToArray());
        _consumer.Dispose();
        _transaction.Dispose();
        _snapshots.Dispose();
        _reader.Dispose();
    }

    /// <summary>Waits for a record; where something is decided, no longer than until that may be committed.</summary>
    private ConsumeResult<byte[]?, byte[]?>? Next()
    {
        long waitMs = _uncommitted == 0 ? BeatMs : Math.Clamp(_lastCommit + _options.IdleCommitMs - Environment.TickCount64, 0, BeatMs);
        try
        {
            return _consumer.Consume((int)waitMs);
        }
        catch (ConsumeException error) when (!error.Error.IsFatal)
        {
            _log.ClientError(error.Error.Code.ToString(), error.Error.Reason);
            return null;
        }
    }

    private void Take(PartitionDecider decider, ConsumeResult<byte[]?, byte[]?> record)
    {
        if (record.IsPartitionEOF)
        {
            decider.Reached(record.Offset.Value);
            return;
        }

        decider.Process(record);
        _uncommitted++;
        _uncommittedBytes += record.Message.Value?.Length ?? 0;
    }

    private bool IsCommitDue(bool isIdle)
    {
        long sinceLastMs = Environment.TickCount64 - _lastCommit;
        return isIdle
            ? sinceLastMs >= _options.IdleCommitMs
            : sinceLastMs >= _options.CommitIntervalMs || _uncommitted >= _options.CommitEvents || _uncommittedBytes >= _options.CommitBytes;
    }

    private void CommitAll()
    {
        PartitionDecider[] due = [.. _deciders.Values.Where(decider => decider.IsDue)];
        if (due.Length > 0)
        {
            foreach (PartitionDecider decider in due)
            {
                decider.RecordActivation();
            }

            _transaction.SendOffsets(
                due.Select(decider => new TopicPartitionOffset(decider.Source, decider.NextOffset)), _consumer.ConsumerGroupMetadata);
            _options.OnStep?.Invoke(WorkerStep.OffsetsSent, due[0].NextOffset);
            _transaction.Commit();
            foreach (PartitionDecider decider in due)
            {
                decider.OnCommitted(_reader);
            }
        }

        foreach (PartitionDecider decider in _deciders.Values)
        {
            decider.Advance(_reader);
        }

        _uncommitted = 0;
        _uncommittedBytes = 0;
        _lastCommit = Environment.TickCount64;
    }

    private List<TopicPartitionOffset> OnAssigned(List<TopicPartition> assigned)
    {
        var starts = new List<TopicPartitionOffset>();
        try
        {
            foreach (TopicPartitionOffset committed in CommittedOffsets(assigned))
            {
                var decider = new PartitionDecider(
                    _plan, committed.Partition.Value, _transaction, _connection, _snapshots, _options, _progress, _log);
                long? offset = committed.Offset.IsSpecial ? null : committed.Offset.Value;
                starts.Add(new TopicPartitionOffset(committed.TopicPartition, decider.Recover(_reader, offset)));
                _deciders[committed.Partition.Value] = decider;
            }
        }
        catch (Exception error)
        {
            // An exception must not travel through librdkafka's callback; the loop throws it right after.
            _failure ??= new WorkflowException($"workflow {_plan.Manifest.Name}: a partition could not be taken over: {error.Message}", error);
            return assigned.Select(partition => new TopicPartitionOffset(partition, Offset.End)).ToList();
        }

        return starts;
    }

    /// <summary>
    /// The group's offsets. Those that a transaction under way is about to change are waited for (KIP-447): it may be our predecessor's last.
    /// </summary>
    private List<TopicPartitionOffset> CommittedOffsets(List<TopicPartition> assigned)
    {
        for (int attempt = 1; ; attempt++)
        {
            try
            {
                return _consumer.Committed(assigned, TimeSpan.FromSeconds(10));
            }
            catch (KafkaException error) when (attempt < 6 && !error.Error.IsFatal)
            {
                // The coordinator may be coming back; starting anywhere else than at the committed offset is not an option.
                _log.CoordinatorAway(error.Error.Reason);
            }
        }
    }

    /// <summary>Partitions go: what was decided is committed while they are still ours, or made void if they no longer are.</summary>
    private void Leave(List<TopicPartitionOffset> gone, Action settle)
    {
        try
        {
            if (_failure is null)
            {
                settle();
            }
        }
        catch (Exception error)
        {
            _failure ??= error;
        }

        Forget(gone.Select(each => each.Partition.Value));
    }

    private void Forget(IEnumerable<int> partitions)
    {
        foreach (int partition in partitions)
        {
            if (_deciders.Remove(partition, out PartitionDecider? decider))
            {
                decider.Dispose();
            }
        }
    }

    private void Close()
    {
        CommitAll();
        foreach (PartitionDecider decider in _deciders.Values)
        {
            decider.Close();
        }

        _snapshots.Flush(TimeSpan.FromMilliseconds(_options.DrainTimeoutMs));
        _consumer.Close();
    }

    private void ThrowIfBroken()
    {
        if (_failure is { } failure)
        {
            throw new WorkflowException(failure.Message, failure);
        }

        _transaction.ThrowIfFatal();
    }
}
