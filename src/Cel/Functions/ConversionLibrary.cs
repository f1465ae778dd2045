using PipeRoll.Cel.Compilation;
using static PipeRoll.Cel.CelOverload;

namespace PipeRoll.Cel.Functions;

/// <summary>Conversions between types (cel-spec, langdef: "List of Standard Definitions"); out of range is an error.</summary>
internal static class ConversionLibrary
{
    public static void AddTo(Library library)
    {
        AddNumbers(library);
    }

    private static void AddNumbers(Library library)
    {
        library.Add(
            "int",
            Static(CelType.Int, CelType.Int, (in a) => a),
            Static(CelType.Uint, CelType.Int, (in a) =>
                a.UintValue > long.MaxValue ? CelValue.Error(Errors.IntOverflow) : CelValue.Int((long)a.UintValue)),
            Static(CelType.Double, CelType.Int, (in a) => IntOf(a.DoubleValue)),
            Static(CelType.Timestamp, CelType.Int, (in a) => CelValue.Int(a.Seconds)),
            Static(CelType.Duration, CelType.Int, (in a) => CelValue.Int(a.Seconds)));
        library.Add(
            "uint",
            Static(CelType.Uint, CelType.Uint, (in a) => a),
            Static(CelType.Int, CelType.Uint, (in a) =>
                a.IntValue < 0 ? CelValue.Error(Errors.UintOverflow) : CelValue.Uint((ulong)a.IntValue)),
            Static(CelType.Double, CelType.Uint, (in a) => UintOf(a.DoubleValue)));
        library.Add(
            "double",
            Static(CelType.Double, CelType.Double, (in a) => a),
            Static(CelType.Int, CelType.Double, (in a) => CelValue.Double(a.IntValue)),
            Static(CelType.Uint, CelType.Double, (in a) => CelValue.Double(a.UintValue)));
    }

    // The bounds themselves are refused: as doubles they are not exact.
    private static CelValue IntOf(double value) =>
        value > -9223372036854775808.0 && value < 9223372036854775808.0 ? CelValue.Int((long)value) : CelValue.Error(Errors.IntOverflow);

    private static CelValue UintOf(double value) =>
        value > -1.0 && value < 18446744073709551616.0 ? CelValue.Uint((ulong)value) : CelValue.Error(Errors.UintOverflow);
}
