using PipeRoll.Cel;

namespace PipeRoll.Policies.Compilation;

/// <summary>
/// The windows' values for the event that is being decided: <c>windows.NAME</c>. Owner: one engine; set again for each event.
/// </summary>
internal sealed class WindowValues(CelStructType type, int count) : CelStruct
{
    private readonly CelValue[] _values = new CelValue[count];
    private readonly bool[] _present = new bool[count];

    public override CelStructType StructType => type;

    public override CelValue GetField(int index) => _values[index];

    public override bool TryGetInt(int index, out long value)
    {
        ref readonly CelValue held = ref _values[index];
        bool isInt = held.Kind == CelKind.Int;
        value = isInt ? held.IntValue : 0;
        return isInt;
    }

    public override bool TryGetDouble(int index, out double value)
    {
        ref readonly CelValue held = ref _values[index];
        bool isDouble = held.Kind == CelKind.Double;
        value = isDouble ? held.DoubleValue : 0;
        return isDouble;
    }

    public override bool HasField(int index) => _present[index];

    public void Set(int index, in CelValue value)
    {
        _values[index] = value;
        _present[index] = !value.IsError;
    }
}
