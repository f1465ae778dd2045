using PipeRoll.Cel.Checking;
using PipeRoll.Cel.RegularExpressions;
using static PipeRoll.Cel.CelOverload;

namespace PipeRoll.Cel.Functions;

/// <summary>Functions on strings, bytes, lists and maps, and on types (cel-spec, langdef: "List of Standard Definitions").</summary>
internal static class StandardLibrary
{
    private static readonly CelType A = CelType.TypeParameter("A");
    private static readonly CelType B = CelType.TypeParameter("B");

    public static void AddTo(Library library)
    {
        AddSize(library);
        Text("contains", (text, part) => text.Contains(part, StringComparison.Ordinal));
        Text("startsWith", (text, part) => text.StartsWith(part, StringComparison.Ordinal));
        Text("endsWith", (text, part) => text.EndsWith(part, StringComparison.Ordinal));
        library.Add(
            "matches",
            Static(CelType.String, CelType.String, CelType.Bool, Matches),
            Receiver(CelType.String, CelType.String, CelType.Bool, Matches));
        library.Add("type", Static(A, CelType.Type(A), (in a) => CelValue.Type(RuntimeTypes.Of(a))));
        library.Add("dyn", Static(A, CelType.Dyn, (in a) => a));

        void Text(string name, Func<string, string, bool> holds) => library.Add(
            name,
            Receiver(CelType.String, CelType.String, CelType.Bool, (in a, in b) => CelValue.Bool(holds(a.StringValue, b.StringValue))));
    }

    // The compiler has a node of its own that keeps the compiled pattern.
    private static CelValue Matches(in CelValue text, in CelValue pattern) =>
        CelRegex.Create(pattern.StringValue, out string? problem) is CelRegex regex
            ? CelValue.Bool(regex.IsMatch(text.StringValue))
            : CelValue.Error(CelErrorCode.BadArgument, $"invalid regular expression: {problem}");

    private static void AddSize(Library library)
    {
        (CelType Type, CelFunction1 Size)[] sizes =
        [
            (CelType.String, (in a) => CelValue.Int(CodePoints.Count(a.StringValue))),
            (CelType.Bytes, (in a) => CelValue.Int(a.BytesValue.Length)),
            (CelType.List(A), (in a) => CelValue.Int(a.ListValue.Count)),
            (CelType.Map(A, B), (in a) => CelValue.Int(a.MapValue.Count)),
        ];
        foreach ((CelType type, CelFunction1 size) in sizes)
        {
            library.Add("size", Static(type, CelType.Int, size), Receiver(type, CelType.Int, size));
        }
    }
}
