using PipeRoll.Cel.Compilation;
using static PipeRoll.Cel.CelOverload;

namespace PipeRoll.Cel.Functions;

/// <summary>
/// Mathematics (cel-go ext: math). <c>math.greatest</c> and <c>math.least</c> are macros over <c>math.@max</c> and <c>math.@min</c>.
/// </summary>
internal static class MathLibrary
{
    private static readonly CelType[] Numbers = [CelType.Int, CelType.Uint, CelType.Double];

    public static void AddTo(Library library)
    {
        AddExtreme(library, "math.@max", CelOrder.Greater);
        AddExtreme(library, "math.@min", CelOrder.Less);
        AddDoubles(library);
        AddSigns(library);
        AddBits(library);
        AddShifts(library);
    }

    private static void AddExtreme(Library library, string name, CelOrder better)
    {
        CelFunction2 choose = (in a, in b) => CelValue.Compare(b, a) == better ? b : a;
        foreach (CelType type in Numbers)
        {
            library.Add(name, Static(type, type, (in a) => a));
            library.Add(name, Static(CelType.List(type), type, (in list) => Extreme(list.ListValue, choose)));
            foreach (CelType other in Numbers)
            {
                library.Add(name, Static(type, other, type == other ? type : CelType.Dyn, choose));
            }
        }

        library.Add(name, Static(CelType.List(CelType.Dyn), CelType.Dyn, (in list) => Extreme(list.ListValue, choose)));
    }

    private static CelValue Extreme(CelList list, CelFunction2 choose)
    {
        if (list.Count == 0)
        {
            return CelValue.Error(CelErrorCode.BadArgument, "math.greatest() and math.least() want at least one number");
        }

        CelValue best = list[0];
        for (int index = 0; index < list.Count; index++)
        {
            if (!CelValue.IsNumber(list[index].Kind))
            {
                return CelValue.Error(Errors.NoOverload("math.@max", [list[index]]));
            }

            best = choose(best, list[index]);
        }

        return best;
    }

    private static void AddDoubles(Library library)
    {
        Add("math.ceil", Math.Ceiling);
        Add("math.floor", Math.Floor);
        Add("math.round", value => Math.Round(value, MidpointRounding.AwayFromZero));
        Add("math.trunc", Math.Truncate);
        library.Add("math.isNaN", Static(CelType.Double, CelType.Bool, (in a) => CelValue.Bool(double.IsNaN(a.DoubleValue))));
        library.Add("math.isInf", Static(CelType.Double, CelType.Bool, (in a) => CelValue.Bool(double.IsInfinity(a.DoubleValue))));
        library.Add("math.isFinite", Static(CelType.Double, CelType.Bool, (in a) => CelValue.Bool(double.IsFinite(a.DoubleValue))));
        library.Add(
            "math.sqrt",
            Static(CelType.Double, CelType.Double, (in a) => CelValue.Double(Math.Sqrt(a.DoubleValue))),
            Static(CelType.Int, CelType.Double, (in a) => CelValue.Double(Math.Sqrt(a.IntValue))),
            Static(CelType.Uint, CelType.Double, (in a) => CelValue.Double(Math.Sqrt(a.UintValue))));

        void Add(string name, Func<double, double> apply) =>
            library.Add(name, Static(CelType.Double, CelType.Double, (in a) => CelValue.Double(apply(a.DoubleValue))));
    }

    private static void AddSigns(Library library)
    {
        library.Add(
            "math.abs",
            Static(CelType.Int, CelType.Int, (in a) =>
                a.IntValue == long.MinValue ? CelValue.Error(Errors.IntOverflow) : CelValue.Int(Math.Abs(a.IntValue))),
            Static(CelType.Uint, CelType.Uint, (in a) => a),
            Static(CelType.Double, CelType.Double, (in a) => CelValue.Double(Math.Abs(a.DoubleValue))));
        library.Add(
            "math.sign",
            Static(CelType.Int, CelType.Int, (in a) => CelValue.Int(Math.Sign(a.IntValue))),
            Static(CelType.Uint, CelType.Uint, (in a) => CelValue.Uint(a.UintValue == 0 ? 0u : 1u)),
            Static(CelType.Double, CelType.Double, (in a) =>
                double.IsNaN(a.DoubleValue) ? a : CelValue.Double(Math.Sign(a.DoubleValue))));
    }

    private static void AddBits(Library library)
    {
        Add("math.bitAnd", (a, b) => a & b);
        Add("math.bitOr", (a, b) => a | b);
        Add("math.bitXor", (a, b) => a ^ b);
        library.Add(
            "math.bitNot",
            Static(CelType.Int, CelType.Int, (in a) => CelValue.Int(~a.IntValue)),
            Static(CelType.Uint, CelType.Uint, (in a) => CelValue.Uint(~a.UintValue)));

        void Add(string name, Func<long, long, long> apply) => library.Add(
            name,
            Static(CelType.Int, CelType.Int, CelType.Int, (in a, in b) => CelValue.Int(apply(a.IntValue, b.IntValue))),
            Static(CelType.Uint, CelType.Uint, CelType.Uint, (in a, in b) =>
                CelValue.Uint(unchecked((ulong)apply((long)a.UintValue, (long)b.UintValue)))));
    }

    // Both directions fill with zeros, also for negative numbers.
    private static void AddShifts(Library library)
    {
        Add("math.bitShiftLeft", (bits, by) => bits << by);
        Add("math.bitShiftRight", (bits, by) => bits >> by);

        void Add(string name, Func<ulong, int, ulong> shift)
        {
            library.Add(
                name,
                Static(CelType.Int, CelType.Int, CelType.Int, (in a, in b) =>
                    Shifted(unchecked((ulong)a.IntValue), b, shift) is ulong bits ? CelValue.Int(unchecked((long)bits)) : NegativeShift()),
                Static(CelType.Uint, CelType.Int, CelType.Uint, (in a, in b) =>
                    Shifted(a.UintValue, b, shift) is ulong bits ? CelValue.Uint(bits) : NegativeShift()));
        }
    }

    private static ulong? Shifted(ulong bits, in CelValue by, Func<ulong, int, ulong> shift) => by.IntValue switch
    {
        < 0 => null,
        >= 64 => 0,
        long count => shift(bits, (int)count),
    };

    private static CelValue NegativeShift() =>
        CelValue.Error(CelErrorCode.BadArgument, "a shift by a negative number: shift the other way");
}
