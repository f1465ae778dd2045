using Confluent.Kafka;
using Microsoft.Extensions.Logging;
using PipeRoll.Workflows.Kafka;

namespace PipeRoll.Workflows.Deciding;

/// <summary>
/// One member of a workflow's consumer group: takes the partitions that the group gives it, recovers each, decides its events in order, and
/// commits an offset only when everything that follows from the events below it is acknowledged.
///
/// Owner: its creator. Thread: the one that calls <see cref="Run"/>; it alone touches the state. Failure: <see cref="Run"/> throws; what
/// was not committed is recovered by the next member. Dispose without a finished <see cref="Run"/> is a crash, and safe.
/// </summary>
public sealed class WorkflowWorker : IDisposable
{
    private const int IdleCommitMs = 20;
    private static readonly TimeSpan Beat = TimeSpan.FromMilliseconds(50);
    private readonly WorkflowPlan _plan;
    private readonly WorkerOptions _options;
    private readonly WorkflowProgress _progress;
    private readonly ILogger _log;
    private readonly IProducer<byte[]?, byte[]?> _producer;
    private readonly IConsumer<byte[]?, byte[]?> _consumer;
    private readonly LogReader _reader;
    private readonly Dictionary<int, PartitionDecider> _deciders = [];
    private Error? _fatal;
    private Exception? _recoveryFailure;
    private long _lastCommit;

    public WorkflowWorker(WorkflowPlan plan, KafkaConnection connection, WorkerOptions options, WorkflowProgress progress, ILogger log)
    {
        _plan = plan;
        _options = options;
        _progress = progress;
        _log = log;
        _producer = KafkaClients.Producer(connection.ProducerConfig("piperoll-worker"), log, error => _fatal = error);
        _reader = new LogReader(connection, log);
        ConsumerConfig config = connection.ConsumerConfig("piperoll-worker", plan.Manifest.Group);
        config.SessionTimeoutMs = options.SessionTimeoutMs;
        config.HeartbeatIntervalMs = Math.Max(100, options.SessionTimeoutMs / 10);
        _consumer = KafkaClients.Consumer(config, log)
            .SetPartitionsAssignedHandler((_, assigned) => OnAssigned(assigned))
            .SetPartitionsRevokedHandler((_, revoked) => OnRevoked(revoked))
            .SetPartitionsLostHandler((_, lost) => Forget(lost))
            .Build();
    }

    /// <summary>Works until cancelled, then drains, commits and leaves the group. Throws when it cannot go on.</summary>
    public void Run(CancellationToken stop)
    {
        _consumer.Subscribe(_plan.Manifest.SourceTopic);
        while (!stop.IsCancellationRequested)
        {
            ConsumeResult<byte[]?, byte[]?>? record = Next();
            ThrowIfBroken();
            bool isIdle = record is null or { IsPartitionEOF: true };
            bool isFull = false;
            if (!isIdle && _deciders.TryGetValue(record!.Partition.Value, out PartitionDecider? decider))
            {
                decider.Process(record);
                isFull = decider.WantsCommit;
                if (decider.IsFull)
                {
                    Drain([decider], stop);
                    ThrowIfStillFull(decider, stop);
                }
            }

            CommitIfDue(isIdle, isFull);
        }

        Close();
    }

    public void Dispose()
    {
        _consumer.Dispose();
        _producer.Dispose();
        _reader.Dispose();
    }

    private ConsumeResult<byte[]?, byte[]?>? Next()
    {
        try
        {
            return _consumer.Consume(Beat);
        }
        catch (ConsumeException error) when (!error.Error.IsFatal)
        {
            _log.ClientError(error.Error.Code.ToString(), error.Error.Reason);
            return null;
        }
    }

    private List<TopicPartitionOffset> OnAssigned(List<TopicPartition> assigned)
    {
        var starts = new List<TopicPartitionOffset>();
        try
        {
            foreach (TopicPartitionOffset committed in CommittedOffsets(assigned))
            {
                var decider = new PartitionDecider(_plan, committed.Partition.Value, _producer, _options, _progress, _log);
                long? offset = committed.Offset.IsSpecial ? null : committed.Offset.Value;
                starts.Add(new TopicPartitionOffset(committed.TopicPartition, decider.Recover(_reader, offset)));
                _deciders[committed.Partition.Value] = decider;
            }
        }
        catch (Exception error)
        {
            // An exception must not travel through librdkafka's callback; the loop throws it right after.
            _recoveryFailure = error;
            return assigned.Select(partition => new TopicPartitionOffset(partition, Offset.End)).ToList();
        }

        return starts;
    }

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
                _log.CommitRefused(error.Error.Reason);
            }
        }
    }

    private void OnRevoked(List<TopicPartitionOffset> revoked)
    {
        try
        {
            PartitionDecider[] leaving = revoked.Select(
                each => _deciders.GetValueOrDefault(each.Partition.Value)).OfType<PartitionDecider>().ToArray();
            Drain(leaving, CancellationToken.None);
        }
        catch (Exception error)
        {
            _recoveryFailure ??= error;
        }

        Forget(revoked);
    }

    private void Forget(List<TopicPartitionOffset> gone)
    {
        foreach (TopicPartitionOffset each in gone)
        {
            _deciders.Remove(each.Partition.Value);
        }
    }

    /// <summary>Waits until what the deciders sent is acknowledged and committed, or for as long as a drain may take.</summary>
    private void Drain(IReadOnlyCollection<PartitionDecider> deciders, CancellationToken stop)
    {
        long giveUp = Environment.TickCount64 + _options.DrainTimeoutMs;
        while (deciders.Any(decider => decider.Committed < decider.NextOffset) && Environment.TickCount64 < giveUp)
        {
            ThrowIfBroken();
            if (!Commit(deciders))
            {
                _producer.Poll(TimeSpan.Zero);
                if (stop.WaitHandle.WaitOne(2))
                {
                    return;
                }
            }
        }
    }

    private void CommitIfDue(bool isIdle, bool isFull)
    {
        long now = Environment.TickCount64;
        long sinceLastMs = now - _lastCommit;
        if (sinceLastMs >= _options.CommitIntervalMs || (sinceLastMs >= IdleCommitMs && (isIdle || isFull)))
        {
            Commit(_deciders.Values);
            _lastCommit = now;
        }
    }

    private bool Commit(IReadOnlyCollection<PartitionDecider> deciders)
    {
        List<(PartitionDecider Decider, long Next)> due = [];
        foreach (PartitionDecider decider in deciders)
        {
            if (decider.Committable() is { } next)
            {
                due.Add((decider, next));
            }
        }

        if (due.Count == 0)
        {
            return false;
        }

        try
        {
            _consumer.Commit(due.Select(each => new TopicPartitionOffset(each.Decider.Source, each.Next)));
        }
        catch (KafkaException error) when (!error.Error.IsFatal)
        {
            _log.CommitRefused(error.Error.Reason);
            return false;
        }

        foreach ((PartitionDecider decider, long next) in due)
        {
            decider.OnCommitted(next);
        }

        return true;
    }

    private void Close()
    {
        Drain(_deciders.Values, CancellationToken.None);
        foreach (PartitionDecider decider in _deciders.Values)
        {
            decider.Snapshot();
        }

        _producer.Flush(TimeSpan.FromMilliseconds(_options.DrainTimeoutMs));
        _consumer.Close();
    }

    /// <summary>The bound on uncommitted events is what recovery rests on; nobody may go on beyond it.</summary>
    private void ThrowIfStillFull(PartitionDecider decider, CancellationToken stop)
    {
        if (decider.IsFull && !stop.IsCancellationRequested)
        {
            throw new WorkflowException(
                $"workflow {_plan.Manifest.Name}: nothing of {decider.Source.Topic}/{decider.Source.Partition.Value} could be committed "
                + $"for "
                + $"{_options.DrainTimeoutMs / 1000} s; another worker has it, or the cluster is away");
        }
    }

    private void ThrowIfBroken()
    {
        if (_recoveryFailure is { } failure)
        {
            throw new WorkflowException($"workflow {_plan.Manifest.Name}: a partition could not be taken over: {failure.Message}", failure);
        }

        if (_fatal is { } fatal)
        {
            throw new WorkflowException($"workflow {_plan.Manifest.Name}: the producer cannot go on: {fatal.Reason}");
        }
    }
}
