using System.Runtime.CompilerServices;

namespace PipeRoll.Cel;

/// <summary>Equality and order as the language defines them (cel-spec, langdef: "Equality" and "Ordering").</summary>
public readonly partial struct CelValue
{
    public static bool operator ==(CelValue left, CelValue right) => left.Equals(right);

    public static bool operator !=(CelValue left, CelValue right) => !left.Equals(right);

    /// <summary>
    /// The language's <c>==</c>: an int or uint and a double are compared as doubles (beyond 2^53 that is not exact, as in other
    /// implementations), int and uint exactly; NaN equals nothing; values of other different kinds are unequal, never an error.
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

    /// <summary>The order: <see cref="CelOrder.Unordered"/> with NaN, <see cref="CelOrder.None"/> where none is defined.</summary>
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
        CelKind.Int => HashOf(_bits),
        CelKind.Uint => HashOf(unchecked((ulong)_bits)),
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
        (CelKind.Int, CelKind.Double) => OrderOf((double)left._bits, right.DoubleValue),
        (CelKind.Double, CelKind.Int) => OrderOf(left.DoubleValue, (double)right._bits),
        (CelKind.Uint, CelKind.Double) => OrderOf((double)left.UintValue, right.DoubleValue),
        (CelKind.Double, CelKind.Uint) => OrderOf(left.DoubleValue, (double)right.UintValue),
        _ => Order(left._bits.CompareTo(right._bits)),
    };

    private static CelOrder OrderOf(double left, double right) =>
        left < right ? CelOrder.Less : left > right ? CelOrder.Greater : left == right ? CelOrder.Equal : CelOrder.Unordered;

    // Equal numbers of different kinds must have equal hashes, since they are the same map key; adding 0 makes -0.0 the same as 0.0.
    private static int HashOf(double value) => (value + 0.0).GetHashCode();

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

    private static bool StructsEqual(CelStruct left, CelStruct right) =>
        left.StructType.Name == right.StructType.Name && left.IsEqualTo(right);
}

internal enum CelOrder : sbyte
{
    Less = -1,
    Equal = 0,
    Greater = 1,
    Unordered = 2,
    None = 3,
}
