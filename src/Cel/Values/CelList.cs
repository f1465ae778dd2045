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
}

internal sealed class CelArrayList(CelValue[] elements, int count) : CelList
{
    private long _weight = -1;

    public override int Count => count;

    public override CelValue this[int index] => elements[index];

    internal override long Weight
    {
        get
        {
            if (_weight < 0)
            {
                long weight = 0;
                foreach (CelValue element in elements.AsSpan(0, count))
                {
                    weight = CelValue.AddWeights(weight, 1 + element.Weight);
                }

                _weight = weight;
            }

            return _weight;
        }
    }
}
