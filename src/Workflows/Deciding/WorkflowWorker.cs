using Confluent.Kafka;
using Microsoft.Extensions.Logging;
using PipeRoll.Client;
using PipeRoll.Wire;
using PipeRoll.Wire.Records;
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
    private static readonly TimeSpan LeaveTimeout = TimeSpan.FromSeconds(5);
    private readonly WorkflowPlan _plan;
    private readonly WorkerOptions _options;
    private readonly WorkflowProgress _progress;
    private readonly ILogger _log;
    private readonly KafkaConnection _connection;
    private readonly KafkaCluster _cluster;
    private readonly GroupMember _member;
    private readonly Fetcher _fetcher;
    private readonly OutputTransaction _transaction;
    private readonly IProducer<byte[]?, byte[]?> _snapshots;
    private readonly LogReader _reader;
    private readonly RecordDecompressor _decompressor = new();
    private readonly Dictionary<int, PartitionDecider> _deciders = [];
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
        _cluster = new KafkaCluster(connection.ClientSettings("piperoll-worker"), log.CoordinatorAway);
        string? instance = options.Slot is { } slot ? $"piperoll.{plan.Manifest.Name}.{slot}" : null;
        _member = new GroupMember(
            _cluster, new GroupOptions(plan.Manifest.Group, plan.Manifest.SourceTopic, options.SessionTimeoutMs, options.StallTimeoutMs, instance));
        _fetcher = new Fetcher(_cluster, plan.Manifest.SourceTopic);
        _transaction = new OutputTransaction(plan.Manifest.Name, _cluster, options, log);
        _snapshots = KafkaClients.Producer(connection.ProducerConfig("piperoll-snapshots"), log);
        _reader = new LogReader(connection, log);
    }

    /// <summary>Works until cancelled, then commits and leaves the group. Throws when it cannot go on.</summary>
    public void Run(CancellationToken stop)
    {
        if (!_transaction.Start(stop))
        {
            return;
        }

        try
        {
            Join(stop);
            while (!stop.IsCancellationRequested)
            {
                _member.Touch();
                if (_member.IsRebalancing)
                {
                    JoinAgain(stop);
                }

                using FetchedRecords? fetched = _fetcher.TryTake(WaitMs());
                if (fetched is not null && _deciders.TryGetValue(fetched.Partition.Partition, out PartitionDecider? decider))
                {
                    Take(decider, fetched);
                }

                // Whoever waits for a decision waits for the commit: events that come one after the other must not put it off.
                if (!_fetcher.HasMore && IsCommitDue(isIdle: true))
                {
                    CommitAll();
                }
            }
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // In the middle of joining: there is nothing to commit.
        }
        catch (Exception error) when (error is ClientException or WireFormatException)
        {
            throw new WorkflowException($"workflow {_plan.Manifest.Name}: {error.Message}", error);
        }

        Close();
    }

    /// <summary>
    /// After a failure: makes what is open void and leaves the group, so that nobody waits for timeouts. What does not work here, these do.
    /// </summary>
    public void GiveUp()
    {
        // Engines are ahead of what is committed: nothing of theirs may be committed on the way out.
        Forget();
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
            Leave();
        }
        catch (ClientException error)
        {
            _log.CoordinatorAway(error.Message);
        }
    }

    public void Dispose()
    {
        Forget();
        _fetcher.DisposeAsync().AsTask().GetAwaiter().GetResult();
        _member.DisposeAsync().AsTask().GetAwaiter().GetResult();
        _transaction.Dispose();
        _cluster.DisposeAsync().AsTask().GetAwaiter().GetResult();
        _snapshots.Dispose();
        _reader.Dispose();
        _decompressor.Dispose();
    }

    /// <summary>No longer than until what is decided may be committed.</summary>
    private int WaitMs() =>
        _uncommitted == 0 ? BeatMs : (int)Math.Clamp(_lastCommit + _options.IdleCommitMs - Environment.TickCount64, 0, BeatMs);

    private void Take(PartitionDecider decider, FetchedRecords fetched)
    {
        while (fetched.TryNext(_decompressor, out RecordBatchHeader header, out ReadOnlyMemory<byte> records))
        {
            var reader = new RecordReader(header, records.Span);
            bool hasRecord = reader.MoveNext();
            while (hasRecord)
            {
                Record record = reader.Current;
                hasRecord = reader.MoveNext();
                if (fetched.IsWanted(record.Offset))
                {
                    Take(decider, record, hasRecord ? reader.Current : default);
                }
            }
        }

        decider.Reached(fetched.NextOffset);
    }

    private void Take(PartitionDecider decider, in Record record, in Record next)
    {
        decider.Process(SourceEvent.From(record, next));
        _uncommitted++;
        _uncommittedBytes += record.Value.Length;
        if (IsCommitDue(isIdle: false))
        {
            CommitAll();
        }
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
        _member.Touch();
        PartitionDecider[] due = [.. _deciders.Values.Where(decider => decider.IsDue)];
        if (due.Length > 0)
        {
            foreach (PartitionDecider decider in due)
            {
                decider.RecordActivation();
            }

            _transaction.SendOffsets(due.Select(decider => new TopicPartitionOffset(decider.Source, decider.NextOffset)), _member.Identity);
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

    /// <summary>Partitions go: what was decided is committed while they are still ours, or made void if they no longer are.</summary>
    private void JoinAgain(CancellationToken stop)
    {
        _member.ThrowIfFatal();
        if (_member.IsLost)
        {
            _transaction.Abort();
        }
        else
        {
            CommitAll();
        }

        Forget();
        Join(stop);
    }

    /// <summary>Takes over what the group gives.</summary>
    private void Join(CancellationToken stop)
    {
        _fetcher.ClearAsync().GetAwaiter().GetResult();
        IReadOnlyList<int> assigned = _member.JoinAsync(stop).GetAwaiter().GetResult();
        if (assigned.Count == 0)
        {
            return;
        }

        Dictionary<int, long> starts = [];
        foreach ((int partition, long? committed) in _member.CommittedAsync(assigned, stop).GetAwaiter().GetResult())
        {
            _member.Touch();
            var decider = new PartitionDecider(_plan, partition, _transaction, _connection, _snapshots, _options, _progress, _log);
            _deciders[partition] = decider;
            starts[partition] = decider.Recover(_reader, committed);
        }

        _fetcher.AssignAsync(starts).GetAwaiter().GetResult();
    }

    private void Forget()
    {
        foreach (PartitionDecider decider in _deciders.Values)
        {
            decider.Dispose();
        }

        _deciders.Clear();
        _uncommitted = 0;
        _uncommittedBytes = 0;
    }

    private void Close()
    {
        CommitAll();
        foreach (PartitionDecider decider in _deciders.Values)
        {
            decider.Close();
        }

        _snapshots.Flush(TimeSpan.FromMilliseconds(_options.DrainTimeoutMs));
        try
        {
            Leave();
        }
        catch (ClientException error)
        {
            // Everything is committed; the group finds out by itself.
            _log.CoordinatorAway(error.Message);
        }
    }

    private void Leave()
    {
        using var patience = new CancellationTokenSource(LeaveTimeout);
        try
        {
            _member.LeaveAsync(patience.Token).GetAwaiter().GetResult();
        }
        catch (OperationCanceledException)
        {
            _log.CoordinatorAway($"the group did not hear within {LeaveTimeout.TotalSeconds:F0} s that this worker leaves");
        }
    }
}
