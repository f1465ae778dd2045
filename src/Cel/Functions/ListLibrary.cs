using static PipeRoll.Cel.CelOverload;

namespace PipeRoll.Cel.Functions;

/// <summary>More functions on lists (cel-go ext: lists); <c>sortBy</c> is a macro.</summary>
internal static class ListLibrary
{
    private const int RangeMax = 1_000_000;
    private static readonly CelType T = CelType.TypeParameter("T");
    private static readonly CelType ListOfT = CelType.List(T);
    private static readonly CelType ListOfDyn = CelType.List(CelType.Dyn);

    public static void AddTo(Library library)
    {
        library.Add("lists.range", Static(CelType.Int, CelType.List(CelType.Int), Range));
        library.Add("slice", Receiver(ListOfT, CelType.Int, CelType.Int, ListOfT, Slice));
        library.Add("reverse", Receiver(ListOfT, ListOfT, (in a) => CelValue.List([.. Elements(a).Reverse()])));
        library.Add("distinct", Receiver(ListOfT, ListOfT, Distinct));
        library.Add("sort", Receiver(ListOfT, ListOfT, (in a) =>
        {
            CelValue[] elements = [.. Elements(a)];
            return Sorting.Sorted(elements, elements);
        }));
        library.Add(
            "flatten",
            Receiver(CelType.List(ListOfT), ListOfT, (in a) => Flatten(a, 1)),
            Receiver(ListOfDyn, CelType.Int, ListOfDyn, (in a, in depth) => depth.IntValue < 0
                ? CelValue.Error(CelErrorCode.BadArgument, "flatten() wants a depth of 0 or more")
                : Flatten(a, depth.IntValue)));
        library.Add("first", Receiver(ListOfT, CelType.Optional(T), (in a) => End(a, fromStart: true)));
        library.Add("last", Receiver(ListOfT, CelType.Optional(T), (in a) => End(a, fromStart: false)));
    }

    private static IEnumerable<CelValue> Elements(CelValue list)
    {
        CelList elements = list.ListValue;
        for (int index = 0; index < elements.Count; index++)
        {
            yield return elements[index];
        }
    }

    private static CelValue Range(in CelValue count)
    {
        if (count.IntValue is < 0 or > RangeMax)
        {
            return CelValue.Error(CelErrorCode.BadArgument, $"lists.range() makes 0 to {RangeMax} numbers, {count} were asked for");
        }

        var numbers = new CelValue[count.IntValue];
        for (int index = 0; index < numbers.Length; index++)
        {
            numbers[index] = CelValue.Int(index);
        }

        return CelValue.List(numbers);
    }

    private static CelValue Slice(in CelValue list, in CelValue start, in CelValue end)
    {
        CelList elements = list.ListValue;
        if (start.IntValue < 0 || start.IntValue > end.IntValue || end.IntValue > elements.Count)
        {
            return CelValue.Error(
                CelErrorCode.IndexOutOfRange, $"cannot slice({start}, {end}) a list of {elements.Count}: 0 <= start <= end <= size()");
        }

        return CelValue.List([.. Elements(list).Skip((int)start.IntValue).Take((int)(end.IntValue - start.IntValue))]);
    }

    private static CelValue Distinct(in CelValue list)
    {
        var seen = new HashSet<CelValue>();
        return CelValue.List([.. Elements(list).Where(seen.Add)]);
    }

    private static CelValue Flatten(in CelValue list, long depth)
    {
        var made = new List<CelValue>();
        Flatten(list.ListValue, depth, made);
        return CelValue.List(CelList.Of(made));
    }

    private static void Flatten(CelList list, long depth, List<CelValue> made)
    {
        for (int index = 0; index < list.Count; index++)
        {
            CelValue element = list[index];
            if (element.Kind == CelKind.List && depth > 0)
            {
                Flatten(element.ListValue, depth - 1, made);
            }
            else
            {
                made.Add(element);
            }
        }
    }

    private static CelValue End(in CelValue list, bool fromStart)
    {
        CelList elements = list.ListValue;
        return elements.Count == 0 ? CelValue.OptionalNone : CelValue.OptionalOf(elements[fromStart ? 0 : elements.Count - 1]);
    }
}
