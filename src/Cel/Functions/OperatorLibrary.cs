using PipeRoll.Cel.Compilation;
using static PipeRoll.Cel.CelOverload;

namespace PipeRoll.Cel.Functions;

/// <summary>
/// The signatures of the operators (cel-spec, langdef: "List of Standard Definitions"). The compiler has nodes of its own for
/// comparisons, logic, indexing and for int and double arithmetic; these implementations serve the rest.
/// </summary>
internal static class OperatorLibrary
{
    private static readonly CelType A = CelType.TypeParameter("A");
    private static readonly CelType B = CelType.TypeParameter("B");
    private static readonly CelType ListOfA = CelType.List(A);
    private static readonly CelType MapOfAB = CelType.Map(A, B);

    public static void AddTo(Library library)
    {
        AddLogic(library);
        AddOrders(library);
        AddSums(library);
        AddProducts(library);
        AddAccess(library);
    }

    private static void AddLogic(Library library)
    {
        library.Add(Operators.Conditional, Static(CelType.Bool, A, A, A, (in c, in a, in b) => c.BoolValue ? a : b));
        library.Add(Operators.Not, Static(CelType.Bool, CelType.Bool, (in a) => CelValue.Bool(!a.BoolValue)));
        library.Add(Operators.Equal, Static(A, A, CelType.Bool, (in a, in b) => CelValue.Bool(CelValue.AreEqual(a, b))));
        library.Add(Operators.NotEqual, Static(A, A, CelType.Bool, (in a, in b) => CelValue.Bool(!CelValue.AreEqual(a, b))));
    }

    private static void AddOrders(Library library)
    {
        Add<LessThan>(Operators.Less);
        Add<LessOrEqualTo>(Operators.LessOrEqual);
        Add<GreaterThan>(Operators.Greater);
        Add<GreaterOrEqualTo>(Operators.GreaterOrEqual);

        void Add<TComparison>(string name)
            where TComparison : struct, IComparison
        {
            CelFunction2 compare = (in a, in b) => CelValue.Bool(TComparison.Holds(CelValue.Compare(a, b)));
            CelType[] numbers = [CelType.Int, CelType.Uint, CelType.Double];
            foreach (CelType left in numbers)
            {
                foreach (CelType right in numbers)
                {
                    library.Add(name, Static(left, right, CelType.Bool, compare));
                }
            }

            CelType[] others = [CelType.Bool, CelType.String, CelType.Bytes, CelType.Timestamp, CelType.Duration];
            foreach (CelType type in others)
            {
                library.Add(name, Static(type, type, CelType.Bool, compare));
            }
        }
    }

    private static void AddSums(Library library)
    {
        library.Add(
            Operators.Add,
            Int<Addition>(),
            Uint((a, b) => a + b > ulong.MaxValue ? null : a + b),
            Double<Addition>(),
            Static(CelType.String, CelType.String, CelType.String, (in a, in b) => CelValue.String(a.StringValue + b.StringValue)),
            Static(CelType.Bytes, CelType.Bytes, CelType.Bytes, (in a, in b) => CelValue.Bytes([.. a.BytesValue, .. b.BytesValue])),
            Static(ListOfA, ListOfA, ListOfA, Concatenate),
            Static(CelType.Timestamp, CelType.Duration, CelType.Timestamp, CelTime.Add),
            Static(CelType.Duration, CelType.Timestamp, CelType.Timestamp, (in a, in b) => CelTime.Add(b, a)),
            Static(CelType.Duration, CelType.Duration, CelType.Duration, CelTime.AddDurations));
        library.Add(
            Operators.Subtract,
            Int<Subtraction>(),
            Uint((a, b) => a < b ? null : a - b),
            Double<Subtraction>(),
            Static(CelType.Timestamp, CelType.Timestamp, CelType.Duration, CelTime.Difference),
            Static(CelType.Timestamp, CelType.Duration, CelType.Timestamp, CelTime.Subtract),
            Static(CelType.Duration, CelType.Duration, CelType.Duration, CelTime.Difference));
        library.Add(
            Operators.Negate,
            Static(CelType.Int, CelType.Int, (in a) =>
                a.IntValue == long.MinValue ? CelValue.Error(Errors.IntOverflow) : CelValue.Int(-a.IntValue)),
            Static(CelType.Double, CelType.Double, (in a) => CelValue.Double(-a.DoubleValue)));
    }

    private static void AddProducts(Library library)
    {
        library.Add(
            Operators.Multiply,
            Int<Multiplication>(),
            Uint((a, b) => a * b > ulong.MaxValue ? null : a * b),
            Double<Multiplication>());
        library.Add(Operators.Divide, Int<Division>(), Uint((a, b) => a / b, Errors.DivideByZero), Double<Division>());
        library.Add(Operators.Modulo, Int<Remainder>(), Uint((a, b) => a % b, Errors.ModuloByZero));
    }

    private static void AddAccess(Library library)
    {
        library.Add(
            Operators.Index,
            Static(ListOfA, CelType.Int, A, (in a, in b) => Access.Element(a, b)),
            Static(MapOfAB, A, B, (in a, in b) => Access.Element(a, b)));
        library.Add(
            Operators.In,
            Static(A, ListOfA, CelType.Bool, (in a, in b) => CelValue.Bool(Contains(b.ListValue, a))),
            Static(A, MapOfAB, CelType.Bool, (in a, in b) => CelValue.Bool(b.MapValue.TryGet(a, out _))));
    }

    private static bool Contains(CelList list, in CelValue wanted)
    {
        for (int index = 0; index < list.Count; index++)
        {
            if (CelValue.AreEqual(list[index], wanted))
            {
                return true;
            }
        }

        return false;
    }

    private static CelValue Concatenate(in CelValue left, in CelValue right)
    {
        CelList a = left.ListValue;
        CelList b = right.ListValue;
        if (a.Count == 0 || b.Count == 0)
        {
            return a.Count == 0 ? right : left;
        }

        var made = new CelValue[a.Count + b.Count];
        for (int index = 0; index < made.Length; index++)
        {
            made[index] = index < a.Count ? a[index] : b[index - a.Count];
        }

        return CelValue.List(made);
    }

    private static CelOverload Int<TOperator>()
        where TOperator : struct, IArithmetic =>
        Static(CelType.Int, CelType.Int, CelType.Int, (in a, in b) =>
            TOperator.Apply(a.IntValue, b.IntValue, out long result) is CelError error ? CelValue.Error(error) : CelValue.Int(result));

    private static CelOverload Double<TOperator>()
        where TOperator : struct, IArithmetic =>
        Static(CelType.Double, CelType.Double, CelType.Double, (in a, in b) =>
            CelValue.Double(TOperator.Apply(a.DoubleValue, b.DoubleValue)));

    private static CelOverload Uint(Func<UInt128, UInt128, UInt128?> apply, CelError? whenZero = null) =>
        Static(CelType.Uint, CelType.Uint, CelType.Uint, (in a, in b) =>
        {
            if (whenZero is not null && b.UintValue == 0)
            {
                return CelValue.Error(whenZero);
            }

            return apply(a.UintValue, b.UintValue) is UInt128 result ? CelValue.Uint((ulong)result) : CelValue.Error(Errors.UintOverflow);
        });
}
