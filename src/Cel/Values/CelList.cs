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
}

internal sealed class CelArrayList(CelValue[] elements, int count) : CelList
{
    public override int Count => count;

    public override CelValue this[int index] => elements[index];
}
