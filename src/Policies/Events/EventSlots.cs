using PipeRoll.Cel;

namespace PipeRoll.Policies.Events;

/// <summary>
/// The fields of the event that is being decided, as expressions see them: <c>event.NAME</c> is one array access.
/// Texts become strings when an expression first asks for them. Owner: one engine; filled again for each event.
/// </summary>
internal sealed class EventSlots(CelStructType type, int count, TextCache texts) : CelStruct
{
    private readonly CelValue[] _values = new CelValue[count];
    private readonly SlotState[] _states = new SlotState[count];
    private readonly int[] _starts = new int[count];
    private readonly int[] _lengths = new int[count];
    private byte[] _bytes = [];

    private enum SlotState : byte
    {
        Absent,
        Ready,
        LazyText,
        ReadText,
    }

    public override CelStructType StructType => type;

    /// <summary>Forgets the last event; lazy texts of the next one are slices of <paramref name="bytes"/>.</summary>
    public void Begin(byte[] bytes)
    {
        _bytes = bytes;
        Array.Clear(_states);
    }

    public void Set(int index, in CelValue value)
    {
        _values[index] = value;
        _states[index] = SlotState.Ready;
    }

    public void SetText(int index, int start, int length)
    {
        _starts[index] = start;
        _lengths[index] = length;
        _states[index] = SlotState.LazyText;
    }

    /// <summary>The bytes of a text as they came; false if the field is none, or was written with escapes.</summary>
    public override bool TryGetUtf8(int index, out ReadOnlySpan<byte> utf8)
    {
        bool isText = _states[index] is SlotState.LazyText or SlotState.ReadText;
        utf8 = isText ? _bytes.AsSpan(_starts[index], _lengths[index]) : default;
        return isText;
    }

    public override bool HasField(int index) => _states[index] != SlotState.Absent;

    public override bool TryGetInt(int index, out long value)
    {
        ref readonly CelValue held = ref _values[index];
        bool isInt = _states[index] == SlotState.Ready && held.Kind == CelKind.Int;
        value = isInt ? held.IntValue : 0;
        return isInt;
    }

    public override bool TryGetDouble(int index, out double value)
    {
        ref readonly CelValue held = ref _values[index];
        bool isDouble = _states[index] == SlotState.Ready && held.Kind == CelKind.Double;
        value = isDouble ? held.DoubleValue : 0;
        return isDouble;
    }

    public override CelValue GetField(int index)
    {
        switch (_states[index])
        {
            case SlotState.Ready or SlotState.ReadText:
                return _values[index];
            case SlotState.LazyText:
                CelValue text = CelValue.String(texts.Get(_bytes.AsSpan(_starts[index], _lengths[index])));
                _values[index] = text;
                _states[index] = SlotState.ReadText;
                return text;
            default:
                return CelValue.Error(
                    CelErrorCode.NoSuchField,
                    $"the event has no '{type.Fields[index].Name}'; ask first with has(event.{type.Fields[index].Name})");
        }
    }
}
