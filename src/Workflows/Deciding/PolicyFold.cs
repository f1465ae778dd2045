using Confluent.Kafka;
using Microsoft.Extensions.Logging;
using PipeRoll.Policies;
using PipeRoll.Workflows.Kafka;

namespace PipeRoll.Workflows.Deciding;

/// <summary>
/// One policy version's state over one source partition, and where it stands in its decision topic. Owner: a <see cref="PartitionDecider"/>;
/// one thread. Failure: throws, and is thrown away with its owner.
/// </summary>
internal sealed class PolicyFold
{
    private readonly SnapshotStore _snapshots;
    private readonly IProducer<byte[]?, byte[]?> _snapshotProducer;
    private readonly TopicPartition _source;
    private readonly ILogger _log;
    private DecisionEngine _engine;
    private long _snapshotAt = -1;
    private int _slot;

    /// <param name="decisions">Where its decisions go.</param>
    /// <param name="snapshots">What its snapshots are sent by.</param>
    public PolicyFold(
        string workflow, PolicyBundle policy, TopicPartition source, TopicPartition decisions, IProducer<byte[]?, byte[]?> snapshots, ILogger log)
    {
        _source = source;
        Decisions = decisions;
        _snapshotProducer = snapshots;
        _log = log;
        _snapshots = new SnapshotStore(workflow, source, policy.Hash);
        _engine = new DecisionEngine(policy, source.Topic, source.Partition.Value);
    }

    public TopicPartition Decisions { get; }

    /// <summary>Of the policy version.</summary>
    public string Hash => _engine.Policy.Hash;

    /// <summary>The policy version as people call it.</summary>
    public string Name => $"{_engine.Policy.Name} {_engine.Policy.Version}";

    /// <summary>The offset behind the last event in the state.</summary>
    public long NextOffset => _engine.NextOffset;

    /// <summary>Events from here on are decided; those below only enter the state.</summary>
    public long DecideFrom { get; private set; }

    /// <summary>Restores the newest usable snapshot at or below an offset, or leaves the state before the first event.</summary>
    public void Restore(LogReader log, long decideFrom)
    {
        DecideFrom = decideFrom;
        if (_snapshots.Newest(log, decideFrom) is not { } stored)
        {
            return;
        }

        try
        {
            _engine = DecisionEngine.Restore(_engine.Policy, _source.Topic, _source.Partition.Value, stored.State);
            _snapshotAt = stored.NextOffset;
            _slot = 1 - stored.Slot;
        }
        catch (Exception error) when (error is CorruptSnapshotException or SnapshotException)
        {
            // The state can always be had from the events themselves; it only takes longer.
            _log.SnapshotUnusable(_source.Topic, _source.Partition.Value, error.Message);
        }
    }

    /// <summary>Begins to decide at another offset than it was told.</summary>
    public void DecideOnlyFrom(long offset) => DecideFrom = offset;

    /// <summary>Takes an event into the state. Null if it is there already or need not be decided.</summary>
    public Decision? Take(in SourceEvent source)
    {
        if (source.Offset < NextOffset)
        {
            return null;
        }

        if (source.Offset < DecideFrom)
        {
            _engine.Fold(source.Offset, source.TimestampMs, source.Key, source.Value, source.Next);
            return null;
        }

        return _engine.Decide(source.Offset, source.TimestampMs, source.Key, source.Value, source.Next);
    }

    /// <summary>Takes an event into the state that another version decides.</summary>
    public void Pass(in SourceEvent source)
    {
        if (source.Offset >= NextOffset)
        {
            _engine.Fold(source.Offset, source.TimestampMs, source.Key, source.Value, source.Next);
        }
    }

    /// <summary>
    /// Sends a snapshot of the state, which holds committed events only, if so many entered it since the last. Not a part of the transaction: it is
    /// a pure function of the events below its offset, and may be as large as many transactions.
    /// </summary>
    /// <returns>Whether one was sent.</returns>
    public bool SnapshotAfter(int events)
    {
        if (NextOffset - Math.Max(0, _snapshotAt) < events || NextOffset == _snapshotAt)
        {
            return false;
        }

        _snapshots.Write(_snapshotProducer, _slot, NextOffset, _engine.Snapshot(), error => _log.SnapshotFailed(_source.Topic, error.Reason));
        _slot = 1 - _slot;
        _snapshotAt = NextOffset;
        return true;
    }
}
