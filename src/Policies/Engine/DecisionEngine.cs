using PipeRoll.Cel;
using PipeRoll.Policies.Compilation;
using PipeRoll.Policies.Engine;
using PipeRoll.Policies.Events;
using PipeRoll.Policies.Records;
using PipeRoll.Policies.Snapshots;
using PipeRoll.Policies.Windows;

namespace PipeRoll.Policies;

/// <summary>
/// The state of one partition under one policy version: a pure fold over the partition's events in offset order. It reads no clock,
/// draws nothing at random and does no I/O, so the same events give the same bytes on every machine.
/// Owner: one caller at a time; not thread-safe. Failure: an event that cannot be read or judged is a decision too (the fallback);
/// events out of order throw, and leave the state as it was.
/// </summary>
public sealed class DecisionEngine
{
    private readonly CompiledRule[] _rules;
    private readonly WindowEvaluator[] _windows;
    private readonly StateChain _chain;
    private readonly WindowValues _windowValues;
    private readonly CelValue[] _variables = new CelValue[CompiledPolicy.SlotCount];
    private readonly RuleResults _results;
    private readonly OutcomeCombiner _combiner;
    private readonly RecordWriter _records;
    private readonly Decision _decision;

    /// <summary>The event that is being decided, and the one that may have been read ahead of it.</summary>
    private EventIntake _event;
    private EventIntake _next;

    /// <summary>The state before the first event.</summary>
    public DecisionEngine(PolicyBundle policy, string topic, int partition)
        : this(policy, topic, partition, 0, StateChain.Start(policy, topic, partition), [.. policy.Windows.Select(w => new KeyedWindow(w))])
    {
    }

    private DecisionEngine(
        PolicyBundle policy, string topic, int partition, long nextOffset, ReadOnlySpan<byte> stateHash, KeyedWindow[] windows)
    {
        Policy = policy;
        Topic = topic;
        Partition = partition;
        NextOffset = nextOffset;
        CompiledPolicy compiled = policy.Compiled;
        _rules = compiled.Rules;
        _chain = new StateChain(stateHash);
        var texts = new TextCache();
        _event = new EventIntake(policy.Event, compiled, texts);
        _next = new EventIntake(policy.Event, compiled, texts);
        _windows = [.. compiled.Windows.Select((window, i) => new WindowEvaluator(window, windows[i], i))];
        _windowValues = new WindowValues(compiled.WindowsType, _windows.Length);
        _variables[CompiledPolicy.EventSlot] = _event.Value;
        _variables[CompiledPolicy.ListsSlot] = CelValue.Struct(compiled.Lists);
        _variables[CompiledPolicy.WindowsSlot] = CelValue.Struct(_windowValues);
        _results = new RuleResults(_rules.Length);
        _combiner = new OutcomeCombiner(policy, topic);
        _decision = new Decision(_combiner.Labels.Gathered, _combiner.Routes.Gathered);
        _records = new RecordWriter(policy, topic, partition);
    }

    /// <summary>The policy that decides.</summary>
    public PolicyBundle Policy { get; }

    /// <summary>The topic whose events are decided.</summary>
    public string Topic { get; }

    /// <summary>The partition whose events are decided.</summary>
    public int Partition { get; }

    /// <summary>The least offset that may come next.</summary>
    public long NextOffset { get; private set; }

    /// <summary>The head of the hash chain over everything that was folded: 32 bytes, valid until the next call.</summary>
    public ReadOnlySpan<byte> StateHash => _chain.Head;

    /// <summary>What each window keeps at this moment, in the policy's order.</summary>
    public IReadOnlyList<WindowUsage> Usage =>
        [.. _windows.Select(each => new WindowUsage(each.Window.Name, each.State.KeyCount, each.State.EventCount, each.State.ByteCount))];

    /// <summary>Decides one event and folds it into the state.</summary>
    /// <param name="offset">At least <see cref="NextOffset"/>; offsets may be left out (compaction, transaction markers).</param>
    /// <param name="recordTimestampMs">The record's timestamp, in milliseconds since 1970.</param>
    /// <param name="key">The record's key; a null key and an empty one are the same here.</param>
    /// <param name="valueJson">The record's value; a null value and an empty one are the same here.</param>
    /// <param name="next">The event that is expected after this one, if it is known.</param>
    /// <returns>The decision, valid until the next call.</returns>
    /// <exception cref="InvalidOperationException">The offset was already folded.</exception>
    public Decision Decide(long offset, long recordTimestampMs, ReadOnlySpan<byte> key, ReadOnlySpan<byte> valueJson, UpcomingEvent next = default)
    {
        // 1. State: the chain and the windows.
        string? unreadable = Advance(offset, recordTimestampMs, key, valueJson, next);

        // 2. Rules, over the event and the windows' values.
        _results.Clear();
        if (unreadable is null)
        {
            EvaluateRules();
        }
        FetchEventsAhead();

        // 3. One outcome out of all rules.
        _combiner.Combine(_decision, _results, unreadable is not null);

        // 4. The record.
        long? eventTimeMs = unreadable is null ? _event.TimeMs : null;
        _decision.EventTimeMs = eventTimeMs ?? recordTimestampMs;
        _records.Begin(offset, recordTimestampMs, eventTimeMs, key, _chain);
        _decision.Record = _records.Complete(_decision, _combiner, _results, _windows, _variables, unreadable);
        _decision.RecordKey = _records.KeyOf(offset);
        return _decision;
    }

    /// <summary>Folds one event into the state without a record: what <see cref="Decide"/> does to the state, and nothing else.</summary>
    /// <param name="offset">As for <see cref="Decide"/>.</param>
    /// <param name="recordTimestampMs">As for <see cref="Decide"/>.</param>
    /// <param name="key">As for <see cref="Decide"/>.</param>
    /// <param name="valueJson">As for <see cref="Decide"/>.</param>
    /// <param name="next">As for <see cref="Decide"/>.</param>
    /// <exception cref="InvalidOperationException">The offset was already folded.</exception>
    public void Fold(long offset, long recordTimestampMs, ReadOnlySpan<byte> key, ReadOnlySpan<byte> valueJson, UpcomingEvent next = default)
    {
        Advance(offset, recordTimestampMs, key, valueJson, next);
        FetchEventsAhead();
    }

    /// <summary>The state as bytes (docs/formats/snapshot.md). Equal states give equal bytes.</summary>
    public byte[] Snapshot()
    {
        var writer = new ByteWriter();
        new SnapshotHeader(Policy.Hash, Topic, Partition, NextOffset, Convert.ToHexStringLower(StateHash)).Write(writer);
        writer.Int32(_windows.Length);
        foreach (WindowEvaluator window in _windows)
        {
            WindowSnapshot.Write(writer, window.Window, window.State);
        }
        return SnapshotHeader.Seal(writer);
    }

    /// <summary>The engine as it was when <see cref="Snapshot"/> was called.</summary>
    /// <exception cref="CorruptSnapshotException">The bytes are damaged.</exception>
    /// <exception cref="SnapshotException">The snapshot belongs to another policy version, topic or partition.</exception>
    public static DecisionEngine Restore(PolicyBundle policy, string topic, int partition, ReadOnlySpan<byte> snapshot)
    {
        ByteReader reader = SnapshotHeader.Open(snapshot);
        SnapshotHeader header = SnapshotHeader.Read(ref reader);
        if (header.PolicyHash != policy.Hash)
        {
            throw new SnapshotException(
                $"The snapshot was made under the policy with hash {header.PolicyHash}, not under '{policy.Name}' version {policy.Version} "
                + $"({policy.Hash}). Fold the partition from its start under this policy.");
        }
        if (header.Topic != topic || header.Partition != partition)
        {
            throw new SnapshotException($"The snapshot is of {header.Topic}/{header.Partition}, not of {topic}/{partition}.");
        }
        if (reader.Int32() != policy.Windows.Count)
        {
            throw new CorruptSnapshotException("The snapshot is damaged: it has not as many windows as its policy.");
        }
        var windows = new KeyedWindow[policy.Windows.Count];
        for (int i = 0; i < windows.Length; i++)
        {
            windows[i] = WindowSnapshot.Read(ref reader, policy.Windows[i]);
        }
        return reader.Remaining == 0
            ? new DecisionEngine(policy, topic, partition, header.NextOffset, Convert.FromHexString(header.StateHash), windows)
            : throw new CorruptSnapshotException($"The snapshot is damaged: {reader.Remaining} bytes follow its end.");
    }

    /// <summary>Returns null, or why the event could not be read; the chain has it in any case.</summary>
    private string? Advance(long offset, long recordTimestampMs, ReadOnlySpan<byte> key, ReadOnlySpan<byte> valueJson, UpcomingEvent next)
    {
        if (offset < NextOffset)
        {
            throw new InvalidOperationException(
                $"{Topic}/{Partition}: offset {offset} was folded already; the next is {NextOffset} or later.");
        }
        NextOffset = offset + 1;
        bool wasAhead = _next.TakeIfCame(valueJson, recordTimestampMs);
        string? unreadable = null;
        if (wasAhead)
        {
            (_event, _next) = (_next, _event);
            _variables[CompiledPolicy.EventSlot] = _event.Value;
        }
        else
        {
            unreadable = _event.Read(valueJson, recordTimestampMs);
        }
        ReadAhead(next);
        if (unreadable is not null)
        {
            Chain(offset, recordTimestampMs, key, valueJson);
            return unreadable;
        }
        if (wasAhead)
        {
            Chain(offset, recordTimestampMs, key, valueJson);
        }
        else
        {
            FetchAndChain(offset, recordTimestampMs, key, valueJson);
        }
        for (int i = 0; i < _windows.Length; i++)
        {
            _windowValues.Set(i, _windows[i].Observe(_event, _variables));
        }
        FetchSlotsAhead();
        return null;
    }

    private void ReadAhead(UpcomingEvent next)
    {
        if (next.ValueJson.Length > 0)
        {
            _next.ReadAhead(next.ValueJson, next.RecordTimestampMs);
        }
        if (_next.IsAhead)
        {
            FetchBuckets(_next);
        }
    }

    private void Chain(long offset, long recordTimestampMs, ReadOnlySpan<byte> key, ReadOnlySpan<byte> valueJson)
    {
        _chain.Digest(offset, recordTimestampMs, key, valueJson);
        _chain.Link();
    }

    /// <summary>The windows' keys are somewhere in memory: hashing goes on while they are under way.</summary>
    private void FetchAndChain(long offset, long recordTimestampMs, ReadOnlySpan<byte> key, ReadOnlySpan<byte> valueJson)
    {
        FetchBuckets(_event);
        _chain.Digest(offset, recordTimestampMs, key, valueJson);
        FetchSlots(_event);
        _chain.Link();
        FetchEvents(_event);
    }

    private void FetchBuckets(EventIntake intake)
    {
        foreach (WindowEvaluator window in _windows)
        {
            window.FetchBucket(intake);
        }
    }

    private void FetchSlots(EventIntake intake)
    {
        foreach (WindowEvaluator window in _windows)
        {
            window.FetchSlot(intake);
        }
    }

    private void FetchEvents(EventIntake intake)
    {
        foreach (WindowEvaluator window in _windows)
        {
            window.FetchEvents(intake);
        }
    }

    private void FetchSlotsAhead()
    {
        if (_next.IsAhead)
        {
            FetchSlots(_next);
        }
    }

    private void FetchEventsAhead()
    {
        if (_next.IsAhead)
        {
            FetchEvents(_next);
        }
    }

    private void EvaluateRules()
    {
        bool[] held = _results.Held;
        for (int i = 0; i < _rules.Length; i++)
        {
            if (!_rules[i].When.TryEvaluateBool(_variables, out held[i], out CelError? error))
            {
                _results.SetError(i, error!);
            }
        }
    }
}
