using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using PipeRoll.Policies;

namespace PipeRoll.Workflows.Deciding;

/// <summary>What the workers of one workflow have done so far, for whoever watches. Any thread may read; workers add.</summary>
public sealed class WorkflowProgress : IDisposable
{
    /// <summary>Name of the meter, for exporters.</summary>
    public const string MeterName = "PipeRoll.Workflows";

    private readonly Meter _meter = new(MeterName);
    private readonly Counter<long> _decisions;
    private readonly Counter<long> _recoveries;
    private readonly long[] _outcomes = new long[Enum.GetValues<Outcome>().Length];
    private readonly ConcurrentDictionary<int, long> _committed = new();
    private long _decided;
    private long _folded;
    private long _recovered;

    public WorkflowProgress()
    {
        _decisions = _meter.CreateCounter<long>("piperoll.workflow.decisions", "{decision}", "Decisions written, by outcome");
        _recoveries = _meter.CreateCounter<long>("piperoll.workflow.recoveries", "{partition}", "Partitions taken over and recovered");
    }

    /// <summary>Decision records sent. After a crash some are sent again by the next worker, and count again.</summary>
    public long Decided => Interlocked.Read(ref _decided);

    /// <summary>Events that were only folded into the state because their outputs were already there.</summary>
    public long Folded => Interlocked.Read(ref _folded);

    /// <summary>Partitions that were taken over.</summary>
    public long Recovered => Interlocked.Read(ref _recovered);

    /// <summary>Per source partition: all events below are decided, written, acknowledged and committed.</summary>
    public IReadOnlyDictionary<int, long> Committed => _committed;

    /// <summary>Decisions by outcome.</summary>
    public IReadOnlyDictionary<Outcome, long> Outcomes =>
        Enum.GetValues<Outcome>().ToDictionary(outcome => outcome, outcome => Interlocked.Read(ref _outcomes[(int)outcome]));

    public void Dispose() => _meter.Dispose();

    internal void AddDecision(Outcome outcome)
    {
        Interlocked.Increment(ref _decided);
        Interlocked.Increment(ref _outcomes[(int)outcome]);
        _decisions.Add(1, new KeyValuePair<string, object?>("outcome", outcome.ToText()));
    }

    internal void AddFolded() => Interlocked.Increment(ref _folded);

    internal void AddRecovery()
    {
        Interlocked.Increment(ref _recovered);
        _recoveries.Add(1);
    }

    internal void SetCommitted(int partition, long next) => _committed[partition] = next;
}
