namespace PipeRoll.Cel.Costs;

/// <summary>How large the results of functions can be.</summary>
internal static class FunctionBounds
{
    // The longest text of a number, time or duration; %f of a large double has some more than its precision.
    private const long NumberTextMax = 64;
    private const long FormattedNumberMax = 1400;

    /// <summary>The result of a call.</summary>
    /// <param name="name">The function, qualified.</param>
    /// <param name="arguments">Its arguments, the target first.</param>
    /// <param name="expressions">The same as expressions.</param>
    /// <param name="result">Its static type.</param>
    /// <param name="assumed">What is assumed of values of that type.</param>
    public static Bound Of(string name, Bound[] arguments, CelExpr[] expressions, CelType result, Bound assumed)
    {
        switch (name)
        {
            case "size":
                return Bound.Scalar with { Number = arguments[0].Count };
            case Operators.Index:
                return arguments[0].Inside;
            case Operators.OptionalIndex or "optional.of" or "optional.ofNonZeroValue" or "first" or "last":
                return Optional(name is "optional.of" or "optional.ofNonZeroValue" ? arguments[0] : arguments[0].Inside);
            case "value":
                return arguments[0].Inside;
            case "orValue":
                return arguments[0].Inside.Or(arguments[1]);
            case "or":
                return arguments[0].Or(arguments[1]);
            case Operators.Add when result.Kind is not (CelTypeKind.Int or CelTypeKind.Uint or CelTypeKind.Double):
                return arguments[0].Then(arguments[1]);
            case Operators.Add:
                return Bound.Scalar with { Number = Bound.Add(arguments[0].Number, arguments[1].Number) };
            case Operators.Subtract when expressions[1] is CelExpr.Literal:
                return Bound.Scalar with { Number = arguments[0].Number };
            case Operators.Subtract or Operators.Multiply or Operators.Divide or Operators.Modulo or Operators.Negate:
                return Bound.Scalar;
            case "dyn" or "slice" or "distinct" or "sort" or "reverse" or "lowerAscii" or "upperAscii" or "trim" or "optional.unwrap" or "unwrapOpt":
                return arguments[0];
            case "lists.range":
                return Bound.List(arguments[0].Number, Bound.Scalar with { Number = arguments[0].Number });
            default:
                return IsScalar(result) ? Bound.Scalar : Made(name, arguments, expressions, assumed);
        }
    }

    public static bool IsScalar(CelType type) => type.Kind is CelTypeKind.Bool or CelTypeKind.Int or CelTypeKind.Uint or CelTypeKind.Double
        or CelTypeKind.Timestamp or CelTypeKind.Duration or CelTypeKind.Null or CelTypeKind.Type
        || (type.Kind == CelTypeKind.Nullable && IsScalar(type.Parameters[0]));

    private static Bound Optional(Bound value) => new(Bound.Add(1, value.Weight), 1, value);

    private static Bound Made(string name, Bound[] arguments, CelExpr[] expressions, Bound assumed)
    {
        Bound first = arguments.Length > 0 ? arguments[0] : Bound.Scalar;
        switch (name)
        {
            case "string" or "bytes":
                // A code unit is at most three bytes.
                return Bound.Text(Math.Max(NumberTextMax, Bound.Multiply(3, first.Count)));
            case "charAt":
                return Bound.Text(2);
            case "substring":
                return Bound.Text(first.Count);
            case "replace":
                return Bound.Text(Bound.Add(first.Count, Bound.Multiply(Bound.Add(first.Count, 1), arguments[2].Count)));
            case "split":
                // As many parts as there are units, but no more text than there was.
                return new Bound(Bound.Add(1, Bound.Multiply(2, first.Count)), Bound.Add(1, first.Count), Bound.Text(first.Count), Bound.Scalar);
            case "join":
                long separator = arguments.Length > 1 ? arguments[1].Count : 0;
                return Bound.Text(Bound.Multiply(first.Count, Bound.Add(first.Inside.Count, separator)));
            case "format":
                return Bound.Text(Formatted(first, arguments[1], expressions[1]));
            case "strings.quote":
                return Bound.Text(Bound.Add(2, Bound.Multiply(6, first.Count)));
            case "base64.encode" or "base64.decode":
                return Bound.Text(Bound.Add(4, Bound.Multiply(2, first.Count)));
            case "flatten":
                return new Bound(first.Weight, first.Weight, first.Inside.Inside, Bound.Scalar);
            default:
                // A function of the host makes what a variable of that type could be.
                return assumed;
        }
    }

    // Every clause shows one value: its text, some punctuation for each element, and numbers in full.
    private static long Formatted(Bound template, Bound arguments, CelExpr expression)
    {
        long values = expression is CelExpr.List list ? list.Elements.Length : Math.Min(arguments.Count, template.Count / 2);
        long shown = Bound.Multiply(NumberTextMax, Bound.Add(arguments.Weight, values));
        return Bound.Add(template.Count, Bound.Add(shown, Bound.Multiply(values, FormattedNumberMax)));
    }
}
