using Confluent.Kafka;
using Microsoft.Extensions.Logging;
using PipeRoll.Policies;
using PipeRoll.Workflows.Kafka;

namespace PipeRoll.Workflows.Deciding;

/// <summary>
/// Decides the events of one source partition in order and sends what follows from them into the worker's transaction. The argument why no
/// decision is ever lost or doubled is in docs/formats/outputs.md. Owner: a <see cref="WorkflowWorker"/>, one thread. Failure: throws, and
/// must then be thrown away; whoever takes the partition next recovers from what the cluster holds.
/// </summary>
internal sealed class PartitionDecider
{
    private readonly WorkflowPlan _plan;
    private readonly TopicPartition _source;
    private readonly OutputTransaction _transaction;
    private readonly WorkerOptions _options;
    private readonly WorkflowProgress _progress;
    private readonly ILogger _log;
    private readonly SnapshotStore _snapshots;
    private readonly IProducer<byte[]?, byte[]?> _snapshotProducer;
    private readonly Dictionary<string, TopicPartition> _outputs;
    private readonly TopicPartition _decisions;
    private DecisionEngine _engine;
    private long _decideFrom;
    private long _snapshotAt = -1;
    private int _slot;

    public PartitionDecider(
        WorkflowPlan plan, int partition, OutputTransaction transaction, IProducer<byte[]?, byte[]?> snapshots, WorkerOptions options,
        WorkflowProgress progress, ILogger log)
    {
        _plan = plan;
        _source = new TopicPartition(plan.Manifest.SourceTopic, partition);
        _transaction = transaction;
        _options = options;
        _progress = progress;
        _log = log;
        _snapshotProducer = snapshots;
        _snapshots = new SnapshotStore(plan.Manifest.Name, _source, plan.Policy.Hash);
        _outputs = plan.Outputs.ToDictionary(topic => topic, topic => new TopicPartition(topic, partition));
        _decisions = _outputs[plan.Manifest.DecisionTopic];
        _engine = new DecisionEngine(plan.Policy, _source.Topic, partition);
    }

    public TopicPartition Source => _source;

    /// <summary>The offset behind the last event that was taken in.</summary>
    public long NextOffset { get; private set; }

    /// <summary>All events below are decided and committed.</summary>
    public long Committed { get; private set; }

    /// <summary>
    /// Takes the partition over: learns how far it is decided and restores the newest usable snapshot. Returns the offset from which events must
    /// be read. <paramref name="committed"/> is the group's committed offset, null if there is none; nobody else can commit to it any more.
    /// </summary>
    public long Recover(LogReader log, long? committed)
    {
        (long low, long high) = log.Bounds(_source);
        _options.OnStep?.Invoke(WorkerStep.Assigned, committed ?? low);
        long decided = (DecisionTail.NewestSource(log, _decisions) + 1) ?? 0;
        _options.OnStep?.Invoke(WorkerStep.TailRead, decided);
        if (Math.Max(decided, committed ?? 0) > high)
        {
            throw new WorkflowException(
                $"{_source.Topic}/{_source.Partition.Value} ends at {high}, but is decided up to {Math.Max(decided, committed ?? 0)}: "
                + "it was deleted and made again; give the workflow new output topics and another group");
        }

        Committed = Math.Max(low, Math.Max(decided, committed ?? low));
        _decideFrom = Committed;
        Restore(log);
        NextOffset = Math.Max(_engine.NextOffset, low);
        _progress.AddRecovery();
        _progress.SetCommitted(_source.Partition.Value, Committed);
        _log.Recovered(_source.Topic, _source.Partition.Value, committed, decided, NextOffset);
        _options.OnStep?.Invoke(WorkerStep.Restored, NextOffset);
        return NextOffset;
    }

    /// <summary>Takes in one event: decides it, and sends what follows; one that is decided already is only folded into the state.</summary>
    public void Process(ConsumeResult<byte[]?, byte[]?> record)
    {
        long offset = record.Offset.Value;
        if (offset < NextOffset)
        {
            return;
        }

        Message<byte[]?, byte[]?> message = record.Message;
        _options.OnStep?.Invoke(WorkerStep.Consumed, offset);
        if (offset < _decideFrom)
        {
            _engine.Fold(offset, message.Timestamp.UnixTimestampMs, message.Key, message.Value);
            _progress.AddFolded();
            NextOffset = offset + 1;
            return;
        }

        Decision decision = _engine.Decide(offset, message.Timestamp.UnixTimestampMs, message.Key, message.Value);
        _options.OnStep?.Invoke(WorkerStep.Decided, offset);
        var source = new Header(OutputHeaders.SourceOffset, OutputHeaders.Encode(offset));
        _transaction.Send(_decisions, new Message<byte[]?, byte[]?>
        {
            Key = decision.RecordKey.ToArray(),
            Value = decision.Record.ToArray(),
            Timestamp = message.Timestamp,
            Headers = [source],
        });
        _progress.AddDecision(decision.Outcome);
        _options.OnStep?.Invoke(WorkerStep.DecisionSent, offset);
        Route(decision, source, message);
        _options.OnStep?.Invoke(WorkerStep.RoutesSent, offset);
        NextOffset = offset + 1;
    }

    /// <summary>There is nothing more to read below an offset: what stands in front of it are no events but marks of transactions.</summary>
    public void Reached(long offset) => NextOffset = Math.Max(NextOffset, offset);

    /// <summary>The group now holds the offset up to which events were taken in, and everything that follows from them is visible.</summary>
    public void OnCommitted()
    {
        Committed = NextOffset;
        _progress.SetCommitted(_source.Partition.Value, Committed);
        _options.OnStep?.Invoke(WorkerStep.Committed, Committed);
        if (Committed - Math.Max(0, _snapshotAt) >= _options.SnapshotEvents)
        {
            Snapshot();
        }
    }

    /// <summary>
    /// Sends a snapshot of the state as it is now, unless there is one or something is not committed. Not a part of the transaction: it is a pure
    /// function of the events below its offset, and may be as large as many transactions.
    /// </summary>
    public void Snapshot()
    {
        if (Committed < NextOffset || _engine.NextOffset == _snapshotAt)
        {
            return;
        }

        _snapshots.Write(
            _snapshotProducer, _slot, _engine.NextOffset, _engine.Snapshot(), error => _log.SnapshotFailed(_source.Topic, error.Reason));
        _slot = 1 - _slot;
        _snapshotAt = _engine.NextOffset;
        _options.OnStep?.Invoke(WorkerStep.SnapshotSent, _snapshotAt);
    }

    private void Route(Decision decision, Header source, Message<byte[]?, byte[]?> message)
    {
        string? own = _plan.ManifestRoute(decision.Outcome);
        IReadOnlyList<string> routes = decision.Routes;
        for (int index = 0; index < routes.Count; index++)
        {
            if (routes[index] != own)
            {
                Copy(_outputs[routes[index]], source, message);
            }
        }

        if (own is not null)
        {
            Copy(_outputs[own], source, message);
        }
    }

    private void Copy(TopicPartition output, Header source, Message<byte[]?, byte[]?> message)
    {
        var headers = new Headers();
        for (int index = 0; index < (message.Headers?.Count ?? 0); index++)
        {
            headers.Add((Header)message.Headers![index]);
        }

        headers.Add(source);
        _transaction.Send(
            output, new Message<byte[]?, byte[]?> { Key = message.Key, Value = message.Value, Timestamp = message.Timestamp, Headers = headers });
    }

    private void Restore(LogReader log)
    {
        if (_snapshots.Newest(log, _decideFrom) is not { } stored)
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
