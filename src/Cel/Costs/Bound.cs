namespace PipeRoll.Cel.Costs;

/// <summary>
/// The most that a value can be. Sums and products stop at <see cref="Max"/>, which stands for "no bound is known". Immutable.
/// </summary>
/// <param name="Weight">As <see cref="CelValue.Weight"/>: UTF-16 units, bytes and elements inside, however deep.</param>
/// <param name="Count">Elements of a list or map, units of a text, bytes.</param>
/// <param name="Element">The elements of a list, the values of a map, the value of an optional; null: like this value itself.</param>
/// <param name="Key">The keys of a map; null for none.</param>
/// <param name="Number">The largest int it can be.</param>
internal sealed record Bound(long Weight, long Count, Bound? Element = null, Bound? Key = null, long Number = Bound.Max)
{
    public const long Max = long.MaxValue / 4;

    // Deeper than that nothing is told apart any more: names can stand for nested values, and their nesting would multiply.
    private const int DepthMax = 6;

    public static readonly Bound Scalar = new(0, 0);

    public Bound? Element { get; init; } = Shallow(Element);

    public Bound? Key { get; init; } = Shallow(Key);

    public Bound Inside => Element ?? this;

    private int Depth => 1 + Math.Max(Element?.Depth ?? 0, Key?.Depth ?? 0);

    public static long Add(long left, long right) => Math.Min(left + right, Max);

    public static long Multiply(long left, long right) =>
        left != 0 && right > Max / left ? Max : left * right;

    public static Bound Text(long length) => new(length, length, Scalar);

    public static Bound List(long count, Bound element) => new(Multiply(count, Add(1, element.Weight)), count, element, Scalar);

    public static Bound Map(long count, Bound key, Bound value) =>
        new(Multiply(count, Add(1, Add(key.Weight, value.Weight))), count, value, key);

    /// <summary>Either of two values.</summary>
    public Bound Or(Bound other) => ReferenceEquals(this, other)
        ? this
        : new Bound(
            Math.Max(Weight, other.Weight),
            Math.Max(Count, other.Count),
            ReferenceEquals(Inside, this) && ReferenceEquals(other.Inside, other) ? null : Join(Inside, other.Inside, this, other),
            Key is null ? other.Key : other.Key is null ? Key : Key.Or(other.Key),
            Math.Max(Number, other.Number));

    // Of values that hold themselves the join would never end; what is inside is no larger than they are.
    private static Bound Join(Bound left, Bound right, Bound outerLeft, Bound outerRight) =>
        ReferenceEquals(left, outerLeft) || ReferenceEquals(right, outerRight)
            ? Flat(Math.Max(left.Weight, right.Weight))
            : left.Or(right);

    // Something of which only the weight is known. It has no more elements than it weighs, however they are arranged.
    private static Bound Flat(long weight) => new(weight, weight);

    private static Bound? Shallow(Bound? inside) => inside is { Depth: >= DepthMax } ? Flat(inside.Weight) : inside;

    /// <summary>Two lists or texts after each other.</summary>
    public Bound Then(Bound other) => Or(other) with { Weight = Add(Weight, other.Weight), Count = Add(Count, other.Count) };

    /// <summary>What a constant is.</summary>
    public static Bound Of(in CelValue value)
    {
        switch (value.Kind)
        {
            case CelKind.Int:
                return Scalar with { Number = Math.Max(0, value.IntValue) };
            case CelKind.String:
                return Text(value.StringValue.Length);
            case CelKind.Bytes:
                return Text(value.BytesValue.Length);
            case CelKind.List:
                Bound element = Scalar with { Number = 0 };
                for (int index = 0; index < value.ListValue.Count; index++)
                {
                    element = element.Or(Of(value.ListValue[index]));
                }

                return List(value.ListValue.Count, element) with { Weight = value.Weight };
            case CelKind.Map:
                Bound entry = Scalar;
                for (int index = 0; index < value.MapValue.Count; index++)
                {
                    entry = entry.Or(Of(value.MapValue.KeyAt(index))).Or(Of(value.MapValue.ValueAt(index)));
                }

                return Map(value.MapValue.Count, entry, entry) with { Weight = value.Weight };
            default:
                return new Bound(value.Weight, 0);
        }
    }
}
