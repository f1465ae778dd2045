namespace PipeRoll.Cel;

/// <summary>A list value. The host may derive from it to show its own sequences; it must not change during an evaluation.</summary>
public abstract class CelList
{
    public static readonly CelList Empty = new CelArrayList([], 0);

    public abstract int Count { get; }

    /// <summary>The element at <paramref name="index"/>, which the caller has checked against <see cref="Count"/>.</summary>
    public abstract CelValue this[int index] { get; }

    /// <summary>A list over an array that nobody changes any more.</summary>
    public static CelList Of(params CelValue[] elements) => new CelArrayList(elements, elements.Length);

    internal static CelList Of(List<CelValue> elements) => Of(elements.ToArray());

    /// <summary>The size with everything inside: what walking over it costs. A host's list counts its elements only.</summary>
    internal virtual long Weight => Count;

    /// <summary>As <see cref="CelValue.Depth"/>.</summary>
    internal virtual int Depth => 1;
}

internal sealed class CelArrayList(CelValue[] elements, int count) : CelList
{
    private long _weight = -1;
    private int _depth;

    public override int Count => count;

    public override CelValue this[int index] => elements[index];

    internal override long Weight
    {
        get
        {
            Measure();
            return _weight;
        }
    }

    internal override int Depth
    {
        get
        {
            Measure();
            return _depth;
        }
    }

    // Two threads that both do it find the same.
    private void Measure()
    {
        if (_weight >= 0)
        {
            return;
        }

        long weight = 0;
        int depth = 0;
        foreach (CelValue element in elements.AsSpan(0, count))
        {
            weight = CelValue.AddWeights(weight, 1 + element.Weight);
            depth = Math.Max(depth, element.Depth);
        }

        _depth = depth + 1;
        Volatile.Write(ref _weight, weight);
    }
}
