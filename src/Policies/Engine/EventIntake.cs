using PipeRoll.Cel;
using PipeRoll.Policies.Compilation;
using PipeRoll.Policies.Events;

namespace PipeRoll.Policies.Engine;

/// <summary>An event as it was read, with the hashes of the keys under which windows keep it. Owner: one engine, which has two and uses them in turn.</summary>
internal sealed class EventIntake
{
    private readonly EventReader _reader;
    private readonly KeyHash[] _keys;

    public EventIntake(EventSchema schema, CompiledPolicy compiled, TextCache texts)
    {
        Slots = new EventSlots(compiled.EventType, schema.Fields.Count, texts);
        Value = CelValue.Struct(Slots);
        _reader = new EventReader(schema, Slots);
        _keys = new KeyHash[compiled.Windows.Length];
    }

    public EventSlots Slots { get; }

    /// <summary>The slots, as expressions see them.</summary>
    public CelValue Value { get; }

    /// <summary>When the event happened; for events that could be read.</summary>
    public long TimeMs => _reader.EventTimeMs;

    /// <summary>Whether this is an event that is to come, and could be read.</summary>
    public bool IsAhead { get; private set; }

    /// <summary>Null, or why the event cannot be read.</summary>
    public string? Read(ReadOnlySpan<byte> json, long recordTimestampMs)
    {
        IsAhead = false;
        Array.Clear(_keys);
        return _reader.Read(json, recordTimestampMs);
    }

    /// <summary>Reads an event that is expected next. One that cannot be read is not ahead: it is read again when it comes.</summary>
    public void ReadAhead(ReadOnlySpan<byte> json, long recordTimestampMs) => IsAhead = Read(json, recordTimestampMs) is null;

    /// <summary>Whether this event was read ahead and has now come; it is then no longer ahead.</summary>
    public bool TakeIfCame(ReadOnlySpan<byte> json, long recordTimestampMs)
    {
        bool came = IsAhead && _reader.HasRead(json, recordTimestampMs);
        IsAhead = false;
        return came;
    }

    /// <summary>The hash of a window's key; none if the key is not simply a text of the event.</summary>
    public ref KeyHash KeyOf(int window) => ref _keys[window];

    /// <param name="IsKnown">False: there is none.</param>
    /// <param name="Field">Of which field.</param>
    /// <param name="Hash">As the window's table takes it.</param>
    internal readonly record struct KeyHash(bool IsKnown, int Field, int Hash);
}
