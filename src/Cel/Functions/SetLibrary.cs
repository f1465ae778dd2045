using static PipeRoll.Cel.CelOverload;

namespace PipeRoll.Cel.Functions;

/// <summary>Lists as sets (cel-go ext: sets).</summary>
internal static class SetLibrary
{
    private static readonly CelType ListOfT = CelType.List(CelType.TypeParameter("T"));

    public static void AddTo(Library library)
    {
        library.Add("sets.contains", Static(ListOfT, ListOfT, CelType.Bool, (in a, in b) => CelValue.Bool(ContainsAll(a, b))));
        library.Add("sets.equivalent", Static(ListOfT, ListOfT, CelType.Bool, (in a, in b) =>
            CelValue.Bool(ContainsAll(a, b) && ContainsAll(b, a))));
        library.Add("sets.intersects", Static(ListOfT, ListOfT, CelType.Bool, (in a, in b) => CelValue.Bool(Intersects(a, b))));
    }

    private static bool ContainsAll(in CelValue list, in CelValue wanted)
    {
        HashSet<CelValue> set = SetOf(list.ListValue);
        CelList elements = wanted.ListValue;
        for (int index = 0; index < elements.Count; index++)
        {
            if (!Contains(set, elements[index]))
            {
                return false;
            }
        }

        return true;
    }

    private static bool Intersects(in CelValue left, in CelValue right)
    {
        HashSet<CelValue> set = SetOf(left.ListValue);
        CelList elements = right.ListValue;
        for (int index = 0; index < elements.Count; index++)
        {
            if (Contains(set, elements[index]))
            {
                return true;
            }
        }

        return false;
    }

    private static HashSet<CelValue> SetOf(CelList list)
    {
        var set = new HashSet<CelValue>(list.Count);
        for (int index = 0; index < list.Count; index++)
        {
            set.Add(list[index]);
        }

        return set;
    }

    // NaN equals nothing, itself included.
    private static bool Contains(HashSet<CelValue> set, in CelValue value) => CelValue.AreEqual(value, value) && set.Contains(value);
}
