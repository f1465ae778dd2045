using System.Runtime.CompilerServices;

namespace PipeRoll.Cel;

/// <summary>Equality and order as the language defines them (cel-spec, langdef: "Equality" and "Ordering").</summary>
public readonly partial struct CelValue
{
    public static bool operator ==(CelValue left, CelValue right) => left.Equals(right);

    public static bool operator !=(CelValue left, CelValue right) => !left.Equals(right);

    /// <summary>
    /// The language's <c>==</c>: numbers of different kinds are compared by their exact mathematical value, NaN equals nothing,
    /// values of other different kinds are unequal (never an error).
    /// </summary>
    public static bool AreEqual(in CelValue left, in CelValue right)
    {
        if (left._kind != right._kind)
        {
            return IsNumber(left._kind) && IsNumber(right._kind) && CompareNumbers(left, right) == CelOrder.Equal;
        }

        return left._kind switch
        {
            CelKind.Null => true,
            CelKind.Bool or CelKind.Int or CelKind.Uint => left._bits == right._bits,
            CelKind.Double => left.DoubleValue == right.DoubleValue,
            CelKind.String => string.Equals(Unsafe.As<string>(left._reference), Unsafe.As<string>(right._reference)),
            CelKind.Bytes => left.BytesValue.AsSpan().SequenceEqual(right.BytesValue),
            CelKind.Timestamp or CelKind.Duration => left._bits == right._bits && left._nanos == right._nanos,
            CelKind.List => ListsEqual(left.ListValue, right.ListValue),
            CelKind.Map => MapsEqual(left.MapValue, right.MapValue),
            CelKind.Struct => StructsEqual(left.StructValue, right.StructValue),
            CelKind.Type => left.TypeValue.Name == right.TypeValue.Name,
            CelKind.Optional => left._bits == right._bits && (left._bits == 0 || AreEqual(left.OptionalValue, right.OptionalValue)),
            _ => ReferenceEquals(left._reference, right._reference),
        };
    }

    /// <summary>The order of two values, <see cref="CelOrder.Unordered"/> with NaN, or <see cref="CelOrder.None"/> where none is defined.</summary>
    internal static CelOrder Compare(in CelValue left, in CelValue right)
    {
        if (left._kind != right._kind)
        {
            return IsNumber(left._kind) && IsNumber(right._kind) ? CompareNumbers(left, right) : CelOrder.None;
        }

        return left._kind switch
        {
            CelKind.Bool or CelKind.Int or CelKind.Uint or CelKind.Double => CompareNumbers(left, right),
            CelKind.String => Order(CodePoints.Compare(left.StringValue, right.StringValue)),
            CelKind.Bytes => Order(left.BytesValue.AsSpan().SequenceCompareTo(right.BytesValue)),
            CelKind.Timestamp or CelKind.Duration => Order((left._bits, left._nanos).CompareTo((right._bits, right._nanos))),
            _ => CelOrder.None,
        };
    }

    public bool Equals(CelValue other) =>
        AreEqual(this, other)
        || (_kind == CelKind.Double && other._kind == CelKind.Double && double.IsNaN(DoubleValue) && double.IsNaN(other.DoubleValue));

    public override bool Equals(object? obj) => obj is CelValue other && Equals(other);

    public override int GetHashCode() => _kind switch
    {
        CelKind.Null => 0,
        CelKind.Bool => _bits == 0 ? 1 : 2,
        CelKind.Int => _bits.GetHashCode(),
        CelKind.Uint => _bits >= 0 ? _bits.GetHashCode() : ((double)unchecked((ulong)_bits)).GetHashCode(),
        CelKind.Double => HashOf(DoubleValue),
        CelKind.String => StringValue.GetHashCode(),
        CelKind.Bytes => BytesHash(BytesValue),
        CelKind.Timestamp or CelKind.Duration => HashCode.Combine(_bits, _nanos),
        CelKind.List => ListValue.Count,
        CelKind.Map => MapValue.Count,
        CelKind.Struct => StructValue.StructType.Name.GetHashCode(),
        CelKind.Type => TypeValue.Name.GetHashCode(),
        CelKind.Optional => (int)_bits,
        _ => _reference!.GetHashCode(),
    };

    internal static bool IsNumber(CelKind kind) => kind is CelKind.Int or CelKind.Uint or CelKind.Double;

    internal static CelOrder Order(int comparison) => comparison switch
    {
        < 0 => CelOrder.Less,
        0 => CelOrder.Equal,
        _ => CelOrder.Greater,
    };

    private static CelOrder CompareNumbers(in CelValue left, in CelValue right) => (left._kind, right._kind) switch
    {
        (CelKind.Uint, CelKind.Uint) => Order(left.UintValue.CompareTo(right.UintValue)),
        (CelKind.Double, CelKind.Double) => OrderOf(left.DoubleValue, right.DoubleValue),
        (CelKind.Int, CelKind.Uint) => left._bits < 0 ? CelOrder.Less : Order(((ulong)left._bits).CompareTo(right.UintValue)),
        (CelKind.Uint, CelKind.Int) => right._bits < 0 ? CelOrder.Greater : Order(left.UintValue.CompareTo((ulong)right._bits)),
        (CelKind.Int, CelKind.Double) => OrderOf(left._bits, right.DoubleValue),
        (CelKind.Double, CelKind.Int) => Reverse(OrderOf(right._bits, left.DoubleValue)),
        (CelKind.Uint, CelKind.Double) => OrderOf(left.UintValue, right.DoubleValue),
        (CelKind.Double, CelKind.Uint) => Reverse(OrderOf(right.UintValue, left.DoubleValue)),
        _ => Order(left._bits.CompareTo(right._bits)),
    };

    private static CelOrder OrderOf(double left, double right) =>
        left < right ? CelOrder.Less : left > right ? CelOrder.Greater : left == right ? CelOrder.Equal : CelOrder.Unordered;

    // A double of 2^63 or more is above every int; below that its integral part converts exactly.
    private static CelOrder OrderOf(long left, double right)
    {
        if (double.IsNaN(right))
        {
            return CelOrder.Unordered;
        }

        if (right >= 9223372036854775808.0)
        {
            return CelOrder.Less;
        }

        if (right < -9223372036854775808.0)
        {
            return CelOrder.Greater;
        }

        double whole = Math.Truncate(right);
        int order = left.CompareTo((long)whole);
        return order != 0 ? Order(order) : OrderOf(0.0, right - whole);
    }

    private static CelOrder OrderOf(ulong left, double right)
    {
        if (double.IsNaN(right))
        {
            return CelOrder.Unordered;
        }

        if (right >= 18446744073709551616.0)
        {
            return CelOrder.Less;
        }

        if (right < 0)
        {
            return CelOrder.Greater;
        }

        double whole = Math.Truncate(right);
        int order = left.CompareTo((ulong)whole);
        return order != 0 ? Order(order) : OrderOf(0.0, right - whole);
    }

    private static CelOrder Reverse(CelOrder order) => order switch
    {
        CelOrder.Less => CelOrder.Greater,
        CelOrder.Greater => CelOrder.Less,
        _ => order,
    };

    // Equal numbers of different kinds must have equal hashes: they are the same map key.
    private static int HashOf(double value)
    {
        if (value >= -9223372036854775808.0 && value < 9223372036854775808.0 && Math.Truncate(value) == value)
        {
            return ((long)value).GetHashCode();
        }

        return value.GetHashCode();
    }

    private static int BytesHash(byte[] bytes)
    {
        HashCode hash = default;
        hash.AddBytes(bytes);
        return hash.ToHashCode();
    }

    private static bool ListsEqual(CelList left, CelList right)
    {
        if (left.Count != right.Count)
        {
            return false;
        }

        for (int index = 0; index < left.Count; index++)
        {
            if (!AreEqual(left[index], right[index]))
            {
                return false;
            }
        }

        return true;
    }

    private static bool MapsEqual(CelMap left, CelMap right)
    {
        if (left.Count != right.Count)
        {
            return false;
        }

        for (int index = 0; index < left.Count; index++)
        {
            if (!right.TryGet(left.KeyAt(index), out CelValue other) || !AreEqual(left.ValueAt(index), other))
            {
                return false;
            }
        }

        return true;
    }

    private static bool StructsEqual(CelStruct left, CelStruct right)
    {
        if (left.StructType.Name != right.StructType.Name)
        {
            return false;
        }

        for (int index = 0; index < left.StructType.Fields.Count; index++)
        {
            if (left.HasField(index) != right.HasField(index) || !AreEqual(left.GetField(index), right.GetField(index)))
            {
                return false;
            }
        }

        return true;
    }
}

internal enum CelOrder : sbyte
{
    Less = -1,
    Equal = 0,
    Greater = 1,
    Unordered = 2,
    None = 3,
}
