namespace PipeRoll.Cel.Tests.Conformance;

/// <summary>Comparing results with those that the suite wants.</summary>
internal static class ConformanceValues
{
    /// <summary>Equality that also tells int, uint and double apart, and for which NaN is NaN.</summary>
    public static bool Same(in CelValue left, in CelValue right)
    {
        if (left.Kind != right.Kind)
        {
            return false;
        }

        switch (left.Kind)
        {
            case CelKind.List when left.ListValue.Count == right.ListValue.Count:
                for (int index = 0; index < left.ListValue.Count; index++)
                {
                    if (!Same(left.ListValue[index], right.ListValue[index]))
                    {
                        return false;
                    }
                }

                return true;
            case CelKind.Map when left.MapValue.Count == right.MapValue.Count:
                for (int index = 0; index < left.MapValue.Count; index++)
                {
                    if (!right.MapValue.TryGet(left.MapValue.KeyAt(index), out CelValue other)
                        || !Same(left.MapValue.ValueAt(index), other))
                    {
                        return false;
                    }
                }

                return true;
            default:
                return left.Equals(right);
        }
    }
}
