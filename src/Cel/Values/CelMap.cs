namespace PipeRoll.Cel;

/// <summary>
/// A map value with a fixed order of entries (the order of insertion), so that whatever iterates over it is reproducible.
/// The host may derive from it; it must not change during an evaluation.
/// </summary>
public abstract class CelMap
{
    public static readonly CelMap Empty = new CelHashMap(0);

    public abstract int Count { get; }

    public abstract CelValue KeyAt(int index);

    public abstract CelValue ValueAt(int index);

    /// <summary>Looks a key up by the language's equality: <c>1</c>, <c>1u</c> and <c>1.0</c> are the same key.</summary>
    public abstract bool TryGet(in CelValue key, out CelValue value);

    /// <summary>A map of the given entries.</summary>
    /// <exception cref="ArgumentException">A key occurs twice, or is not a bool, int, uint or string.</exception>
    public static CelMap Of(params IEnumerable<KeyValuePair<CelValue, CelValue>> entries)
    {
        var map = new CelHashMap(4);
        foreach ((CelValue key, CelValue value) in entries)
        {
            if (!IsKey(key) || !map.TryAdd(key, value))
            {
                throw new ArgumentException(
                    $"{key} cannot be a key here: keys are distinct bools, ints, uints or strings.", nameof(entries));
            }
        }

        return map;
    }

    /// <summary>As <see cref="CelList.Weight"/>.</summary>
    internal virtual long Weight => Count;

    /// <summary>As <see cref="CelValue.Depth"/>.</summary>
    internal virtual int Depth => 1;

    internal static bool IsKey(in CelValue key) => key.Kind is CelKind.Bool or CelKind.Int or CelKind.Uint or CelKind.String;
}

internal sealed class CelHashMap : CelMap
{
    private readonly Dictionary<CelValue, int> _indexes;
    private readonly List<CelValue> _keys;
    private readonly List<CelValue> _values;
    private long _weight;
    private int _depth = 1;

    public CelHashMap(int capacity)
    {
        _indexes = new Dictionary<CelValue, int>(capacity);
        _keys = new List<CelValue>(capacity);
        _values = new List<CelValue>(capacity);
    }

    public override int Count => _keys.Count;

    internal override long Weight => _weight;

    internal override int Depth => _depth;

    public override CelValue KeyAt(int index) => _keys[index];

    public override CelValue ValueAt(int index) => _values[index];

    public override bool TryGet(in CelValue key, out CelValue value)
    {
        if (_indexes.TryGetValue(key, out int index))
        {
            value = _values[index];
            return true;
        }

        value = default;
        return false;
    }

    public bool TryAdd(in CelValue key, in CelValue value)
    {
        if (!_indexes.TryAdd(key, _keys.Count))
        {
            return false;
        }

        _weight = CelValue.AddWeights(_weight, 1 + key.Weight + value.Weight);
        _depth = Math.Max(_depth, 1 + value.Depth);
        _keys.Add(key);
        _values.Add(value);
        return true;
    }
}
