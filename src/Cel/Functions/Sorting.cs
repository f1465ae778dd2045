namespace PipeRoll.Cel.Functions;

/// <summary>Stable sorting by the language's order.</summary>
internal static class Sorting
{
    /// <summary>The elements in the order of the keys, or an error when the keys have no order among them.</summary>
    public static CelValue Sorted(CelValue[] elements, CelValue[] keys)
    {
        int[] order = [.. Enumerable.Range(0, keys.Length)];
        for (int index = 0; index < keys.Length; index++)
        {
            bool comparable = keys[index].Kind == keys[0].Kind && CelValue.Compare(keys[0], keys[index]) != CelOrder.None;
            if (!comparable)
            {
                return CelValue.Error(Compilation.Errors.NotOrdered);
            }
        }

        Array.Sort(order, (left, right) =>
        {
            // NaN goes first, so that the order is total.
            CelOrder compared = CelValue.Compare(keys[left], keys[right]);
            int result = compared == CelOrder.Unordered
                ? keys[left].DoubleValue.CompareTo(keys[right].DoubleValue)
                : (int)compared;
            return result != 0 ? result : left.CompareTo(right);
        });
        return CelValue.List([.. order.Select(index => elements[index])]);
    }
}
