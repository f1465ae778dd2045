using Confluent.Kafka;
using Microsoft.Extensions.Logging;
using PipeRoll.Policies;
using PipeRoll.Workflows.Kafka;

namespace PipeRoll.Workflows.Deciding;

/// <summary>
/// Decides the events of one source partition in order and writes what follows from them. The argument why no decision is ever lost or
/// doubled is in docs/formats/outputs.md. Owner: a <see cref="WorkflowWorker"/>, one thread. Failure: throws, and must then be thrown away;
/// whoever takes the partition next recovers from what the cluster holds.
/// </summary>
internal sealed class PartitionDecider
{
    private readonly WorkflowPlan _plan;
    private readonly TopicPartition _source;
    private readonly IProducer<byte[]?, byte[]?> _producer;
    private readonly WorkerOptions _options;
    private readonly WorkflowProgress _progress;
    private readonly ILogger _log;
    private readonly SnapshotStore _snapshots;
    private readonly Dictionary<string, OutputPartition> _outputs;
    private readonly OutputPartition _decisions;
    private DecisionEngine _engine;
    private long _heldByAll;
    private long _committed;
    private long _snapshotAt = -1;
    private int _slot;

    public PartitionDecider(
        WorkflowPlan plan, int partition, IProducer<byte[]?, byte[]?> producer, WorkerOptions options, WorkflowProgress progress,
        ILogger log)
    {
        _plan = plan;
        _source = new TopicPartition(plan.Manifest.SourceTopic, partition);
        _producer = producer;
        _options = options;
        _progress = progress;
        _log = log;
        _snapshots = new SnapshotStore(plan.Manifest.Name, _source, plan.Policy.Hash);
        _outputs = plan.Outputs.ToDictionary(topic => topic, topic => new OutputPartition(producer, new TopicPartition(topic, partition)));
        _decisions = _outputs[plan.Manifest.DecisionTopic];
        _engine = new DecisionEngine(plan.Policy, _source.Topic, partition);
    }

    public TopicPartition Source => _source;

    /// <summary>The offset behind the last event that was taken in.</summary>
    public long NextOffset { get; private set; }

    /// <summary>What was committed last.</summary>
    public long Committed => _committed;

    /// <summary>
    /// Takes the partition over: claims every output, learns what each holds, restores the newest usable snapshot. Returns the offset from
    /// which events must be read. <paramref name="committed"/> is the group's committed offset, null if there is none.
    /// </summary>
    public long Recover(LogReader log, long? committed)
    {
        (long low, long high) = log.Bounds(_source);
        _committed = Math.Max(low, committed ?? low);
        _options.OnStep?.Invoke(WorkerStep.Assigned, _committed);

        // Claim first, read afterwards: what lands behind our claim is void, what landed before it we are about to see.
        KeyValuePair<OutputPartition, Task<long>>[] claims = _outputs.Values
            .Select(output => KeyValuePair.Create(output, output.ClaimAsync(_options.WorkerId, _plan.Manifest.Name, _source)))
            .ToArray();
        Task.WaitAll(claims.Select(claim => claim.Value));
        _options.OnStep?.Invoke(WorkerStep.Claimed, _committed);

        foreach ((OutputPartition output, Task<long> claim) in claims)
        {
            OutputTailResult tail = OutputTail.Read(log, output.Partition, claim.Result);
            if (tail.SourceOffset >= high)
            {
                throw new WorkflowException(
                    $"{output.Partition.Topic}/{output.Partition.Partition.Value} holds offset {tail.SourceOffset} of {_source.Topic}, "
                    + $"which ends at {high}: "
                    + "the source was deleted and made again; give the workflow new output topics");
            }

            output.HeldThrough = Math.Max(_committed - 1, tail.SourceOffset ?? -1);
        }

        _heldByAll = _outputs.Values.Min(output => output.HeldThrough);
        _options.OnStep?.Invoke(WorkerStep.TailsRead, _heldByAll);
        Restore(log);
        NextOffset = Math.Max(_engine.NextOffset, low);
        _progress.AddRecovery();
        _progress.SetCommitted(_source.Partition.Value, _committed);
        _log.Recovered(_source.Topic, _source.Partition.Value, _committed, NextOffset, _heldByAll);
        _options.OnStep?.Invoke(WorkerStep.Restored, NextOffset);
        return NextOffset;
    }

    /// <summary>Whether so much is uncommitted that nothing more may be taken in before a commit.</summary>
    public bool IsFull => NextOffset - _committed >= OutputHeaders.InFlightMax - 1;

    /// <summary>Whether enough happened since the last commit to make one.</summary>
    public bool WantsCommit => NextOffset - _committed >= Math.Min(_options.CommitEvents, OutputHeaders.InFlightMax / 2);

    /// <summary>Takes in one event: decides it, and sends what the outputs do not hold yet.</summary>
    public void Process(ConsumeResult<byte[]?, byte[]?> record)
    {
        long offset = record.Offset.Value;
        if (offset < NextOffset)
        {
            return;
        }

        Message<byte[]?, byte[]?> message = record.Message;
        _options.OnStep?.Invoke(WorkerStep.Consumed, offset);
        if (offset <= _heldByAll)
        {
            _engine.Fold(offset, message.Timestamp.UnixTimestampMs, message.Key, message.Value);
            _progress.AddFolded();
            NextOffset = offset + 1;
            return;
        }

        Decision decision = _engine.Decide(offset, message.Timestamp.UnixTimestampMs, message.Key, message.Value);
        _options.OnStep?.Invoke(WorkerStep.Decided, offset);
        if (_decisions.Emit(offset, decision.RecordKey.ToArray(), decision.Record.ToArray(), message.Timestamp))
        {
            _progress.AddDecision(decision.Outcome);
        }

        _options.OnStep?.Invoke(WorkerStep.DecisionSent, offset);
        Route(decision, offset, message);
        _options.OnStep?.Invoke(WorkerStep.RoutesSent, offset);
        NextOffset = offset + 1;
        SnapshotIfDue();
    }

    /// <summary>The offset below which every output is acknowledged, if it is beyond what is committed; otherwise null.</summary>
    public long? Committable()
    {
        long first = NextOffset;
        foreach (OutputPartition output in _outputs.Values)
        {
            first = Math.Min(first, output.FirstUnacknowledged(NextOffset));
        }

        if (first <= _committed)
        {
            return null;
        }

        _options.OnStep?.Invoke(WorkerStep.Acknowledged, first);
        return first;
    }

    /// <summary>The group now holds this offset.</summary>
    public void OnCommitted(long next)
    {
        _committed = next;
        _progress.SetCommitted(_source.Partition.Value, next);
        _options.OnStep?.Invoke(WorkerStep.Committed, next);
    }

    /// <summary>Sends a snapshot of the state as it is now.</summary>
    public void Snapshot()
    {
        // The other slot must stay usable, so nothing is overwritten until the last snapshot lies at or below the committed offset.
        if (_snapshotAt > _committed || _engine.NextOffset == _snapshotAt)
        {
            return;
        }

        _snapshots.Write(
            _producer, _slot, _engine.NextOffset, _engine.Snapshot(), error => _log.SnapshotFailed(_source.Topic, error.Reason));
        _slot = 1 - _slot;
        _snapshotAt = _engine.NextOffset;
        _options.OnStep?.Invoke(WorkerStep.SnapshotSent, _snapshotAt);
    }

    private void SnapshotIfDue()
    {
        if (NextOffset - Math.Max(0, _snapshotAt) >= _options.SnapshotEvents)
        {
            Snapshot();
        }
    }

    private void Route(Decision decision, long offset, Message<byte[]?, byte[]?> message)
    {
        string? own = _plan.ManifestRoute(decision.Outcome);
        IReadOnlyList<string> routes = decision.Routes;
        for (int index = 0; index < routes.Count; index++)
        {
            if (routes[index] != own)
            {
                _outputs[routes[index]].Emit(offset, message.Key, message.Value, message.Timestamp, message.Headers);
            }
        }

        if (own is not null)
        {
            _outputs[own].Emit(offset, message.Key, message.Value, message.Timestamp, message.Headers);
        }
    }

    private void Restore(LogReader log)
    {
        if (_snapshots.Newest(log, _committed) is not { } stored)
        {
            return;
        }

        try
        {
            _engine = DecisionEngine.Restore(_plan.Policy, _source.Topic, _source.Partition.Value, stored.State);
            _snapshotAt = stored.NextOffset;
            _slot = 1 - stored.Slot;
        }
        catch (Exception error) when (error is CorruptSnapshotException or SnapshotException)
        {
            // The state can always be had from the events themselves; it only takes longer.
            _log.SnapshotUnusable(_source.Topic, _source.Partition.Value, error.Message);
        }
    }
}
