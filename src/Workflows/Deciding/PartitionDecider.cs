using Confluent.Kafka;
using Microsoft.Extensions.Logging;
using PipeRoll.Policies;
using PipeRoll.Workflows.Kafka;
using PipeRoll.Workflows.Versions;

namespace PipeRoll.Workflows.Deciding;

/// <summary>
/// Decides the events of one source partition in order and sends what follows from them into the worker's transaction. The argument why no
/// decision is ever lost or doubled is in docs/formats/outputs.md. Owner: a <see cref="WorkflowWorker"/>, one thread. Failure: throws, and
/// must then be thrown away; whoever takes the partition next recovers from what the cluster holds.
/// </summary>
internal sealed class PartitionDecider : IDisposable
{
    private readonly WorkflowPlan _plan;
    private readonly TopicPartition _source;
    private readonly OutputTransaction _transaction;
    private readonly WorkerOptions _options;
    private readonly WorkflowProgress _progress;
    private readonly ILogger _log;
    private readonly KafkaConnection _connection;
    private readonly IProducer<byte[]?, byte[]?> _snapshots;
    private readonly Dictionary<string, TopicPartition> _outputs;
    private PolicyFold? _active;
    private PolicyFold? _canary;
    private double _canaryShare;
    private long _sequence;
    private VersionSwitch? _coming;
    private Activation? _unrecorded;
    private JoiningFold? _shadow;

    public PartitionDecider(
        WorkflowPlan plan, int partition, OutputTransaction transaction, KafkaConnection connection, IProducer<byte[]?, byte[]?> snapshots,
        WorkerOptions options, WorkflowProgress progress, ILogger log)
    {
        _plan = plan;
        _source = new TopicPartition(plan.Manifest.SourceTopic, partition);
        _transaction = transaction;
        _connection = connection;
        _snapshots = snapshots;
        _options = options;
        _progress = progress;
        _log = log;
        _outputs = plan.Outputs.ToDictionary(topic => topic, topic => new TopicPartition(topic, partition));
    }

    public TopicPartition Source => _source;

    /// <summary>Something happened that is not committed. While the state still catches up with what is, nothing is: offsets would go back.</summary>
    public bool IsDue => NextOffset > Committed || (_unrecorded is not null && NextOffset == Committed);

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
        long decided = (DecisionTail.NewestSource(log, Decisions) + 1) ?? 0;
        _options.OnStep?.Invoke(WorkerStep.TailRead, decided);
        if (Math.Max(decided, committed ?? 0) > high)
        {
            throw new WorkflowException(
                $"{_source.Topic}/{_source.Partition.Value} ends at {high}, but is decided up to {Math.Max(decided, committed ?? 0)}: "
                + "it was deleted and made again; give the workflow new output topics and another group");
        }

        Committed = Math.Max(low, Math.Max(decided, committed ?? low));
        Begin(log);
        long restored = Math.Min(_active!.NextOffset, _canary?.NextOffset ?? long.MaxValue);
        _shadow = Shadow(log);
        NextOffset = Math.Max(_shadow?.TryJoin(restored) ?? restored, low);
        _progress.AddRecovery();
        _progress.SetCommitted(_source.Partition.Value, Committed);
        _log.Recovered(_source.Topic, _source.Partition.Value, committed, decided, NextOffset);
        _options.OnStep?.Invoke(WorkerStep.Restored, NextOffset);
        return NextOffset;
    }

    /// <summary>Takes in one event: decides it, and sends what follows; one that is decided already is only folded into the state.</summary>
    public void Process(in SourceEvent source)
    {
        if (source.Offset < NextOffset)
        {
            return;
        }

        _options.OnStep?.Invoke(WorkerStep.Consumed, source.Offset);
        if (Decide(source) is { } decision)
        {
            _options.OnStep?.Invoke(WorkerStep.Decided, source.Offset);
            _transaction.Send(Decisions, decision, source);
            _progress.AddDecision(decision.Outcome);
            _options.OnStep?.Invoke(WorkerStep.DecisionSent, source.Offset);
            Route(decision, source);
            _options.OnStep?.Invoke(WorkerStep.RoutesSent, source.Offset);
        }
        else
        {
            _progress.AddFolded();
        }

        _coming?.Pass(source);
        if (_shadow?.Joined is { } shadow && shadow.Take(source) is { } other)
        {
            _transaction.Send(shadow.Decisions, other, source);
        }

        NextOffset = source.Offset + 1;
    }

    /// <summary>There is nothing more to read below an offset: what stands in front of it are no events but marks of transactions.</summary>
    public void Reached(long offset) => NextOffset = Math.Max(NextOffset, offset);

    /// <summary>The group now holds the offset up to which events were taken in, and everything that follows from them is visible.</summary>
    public void OnCommitted(LogReader log)
    {
        Committed = NextOffset;
        _unrecorded = null;
        _progress.SetCommitted(_source.Partition.Value, Committed);
        _options.OnStep?.Invoke(WorkerStep.Committed, Committed);
        Snapshot(_options.SnapshotEvents);
        _shadow?.OnCommitted(log, Committed);
    }

    /// <summary>
    /// After a commit, and when there is nothing to do: lets the versions that were ordered take over as soon as they stand where the partition does,
    /// and everything before is committed.
    /// </summary>
    public void Advance(LogReader log)
    {
        PolicyOrder order = _plan.Versions.Current;

        // An older order is one that this worker knows and the one before it had already followed a newer one: it will hear of that.
        if (order.Sequence <= _sequence || IsDue)
        {
            return;
        }

        if (_coming?.Order.Sequence != order.Sequence)
        {
            _coming?.Dispose();
            _coming = new VersionSwitch(order, [.. Folds], Join);
        }

        if (_coming.IsReady(log, Committed))
        {
            (PolicyFold active, PolicyFold? canary) = (
                _coming.Take(order.Active, Committed), order.Canary is { } version ? _coming.Take(version, Committed) : null);
            TakeOver(order, active, canary);
            _coming.Dispose();
            _coming = null;
            _unrecorded = Record(order);
        }
    }

    /// <summary>Puts into the transaction from which offset on which version decides, if that is not known yet.</summary>
    public void RecordActivation()
    {
        if (_unrecorded is { } activation)
        {
            (byte[] key, byte[] value) = ActivationLog.Encode(activation);
            _transaction.Send(ActivationLog.Partition, key, value);
        }
    }

    /// <summary>The worker leaves in order: the next one has as little as possible to read again.</summary>
    public void Close()
    {
        if (Committed == NextOffset)
        {
            Snapshot(1);
        }
    }

    public void Dispose()
    {
        _shadow?.Dispose();
        _coming?.Dispose();
    }

    private TopicPartition Decisions => _outputs[_plan.Manifest.DecisionTopic];

    private IEnumerable<PolicyFold> Folds => new[] { _active, _canary }.OfType<PolicyFold>();

    /// <summary>The versions that decided last here go on; where none has, those that are ordered now begin.</summary>
    private void Begin(LogReader log)
    {
        PolicyOrder order = _plan.Versions.Current;
        if (_plan.Versions.IsGoverned)
        {
            if (ActivationLog.Newest(log, _plan.Manifest.Name, _source) is { } last)
            {
                order = new PolicyOrder(last.Sequence, Known(last.Active), last.Canary is { } hash ? Known(hash) : null, last.CanaryShare);
            }
            else
            {
                _unrecorded = Record(order);
            }
        }

        TakeOver(order, Restored(order.Active, log), order.Canary is { } canary ? Restored(canary, log) : null);
    }

    private PolicyBundle Known(string hash) => _plan.Versions.Find(hash) ?? throw new WorkflowException(
        $"{_source.Topic}/{_source.Partition.Value} is decided by the policy version {hash}, which {Life.PolicyLog.TopicName} does not hold any more");

    private PolicyFold Restored(PolicyBundle policy, LogReader log)
    {
        var fold = new PolicyFold(_plan.Manifest.Name, policy, _source, Decisions, _snapshots, _log);
        fold.Restore(log, Committed);
        return fold;
    }

    private void TakeOver(PolicyOrder order, PolicyFold active, PolicyFold? canary)
    {
        (_active, _canary, _canaryShare, _sequence) = (active, canary, order.CanaryShare, order.Sequence);
        _log.Activated(_source.Topic, _source.Partition.Value, active.Name, Committed, canary?.Name ?? "none");
    }

    private Activation Record(PolicyOrder order) => new(
        _plan.Manifest.Name, _source.Topic, _source.Partition.Value, Committed, order.Sequence, order.Active.Hash, order.Canary?.Hash, order.CanaryShare);

    private JoiningFold Join(PolicyBundle version)
    {
        // It decides from wherever it takes over: until then it only takes in what others decide.
        var fold = new PolicyFold(_plan.Manifest.Name, version, _source, Decisions, _snapshots, _log);
        using (var log = new LogReader(_connection, _log))
        {
            fold.Restore(log, Committed);
        }

        return new JoiningFold(fold, long.MaxValue, _source, _connection, _log);
    }

    /// <summary>The version that the event's key belongs to decides; the other takes it in.</summary>
    private Decision? Decide(in SourceEvent source)
    {
        bool isCanary = _canary is not null && !source.IsKeyNull && CanaryShare.Has(source.Key, _canaryShare);
        (isCanary ? _active : _canary)?.Pass(source);
        return (isCanary ? _canary : _active)!.Take(source);
    }

    private void Snapshot(int afterEvents)
    {
        foreach (PolicyFold fold in Folds)
        {
            if (fold.SnapshotAfter(afterEvents))
            {
                _options.OnStep?.Invoke(WorkerStep.SnapshotSent, fold.NextOffset);
            }
        }

        _shadow?.Joined?.SnapshotAfter(afterEvents);
    }

    private JoiningFold? Shadow(LogReader log)
    {
        if (_plan.Shadow is not { } policy)
        {
            return null;
        }

        var decisions = new TopicPartition(_plan.Manifest.ShadowTopic, _source.Partition);
        var fold = new PolicyFold(_plan.Manifest.Name, policy, _source, decisions, _snapshots, _log);
        long decideFrom = Math.Max(Committed, (DecisionTail.NewestSource(log, decisions) + 1) ?? 0);
        fold.Restore(log, Committed);
        return new JoiningFold(fold, decideFrom, _source, _connection, _log);
    }

    private void Route(Decision decision, in SourceEvent source)
    {
        string? own = _plan.ManifestRoute(decision.Outcome);
        IReadOnlyList<string> routes = decision.Routes;
        for (int index = 0; index < routes.Count; index++)
        {
            if (routes[index] != own)
            {
                _transaction.Copy(Output(routes[index]), source);
            }
        }

        if (own is not null)
        {
            _transaction.Copy(Output(own), source);
        }
    }

    /// <summary>Of a topic to which a version routes; a later one may have others than the first.</summary>
    private TopicPartition Output(string topic)
    {
        if (!_outputs.TryGetValue(topic, out TopicPartition? output))
        {
            _outputs.Add(topic, output = new TopicPartition(topic, _source.Partition));
        }

        return output;
    }
}
