namespace PipeRoll.Cel.Compilation;

/// <summary>Errors without details of their own, made once.</summary>
internal static class Errors
{
    public static readonly CelError Budget = new(
        CelErrorCode.LimitExceeded, "the evaluation budget is spent (CelLimits.EvaluationBudget): iterate over less, or build less");

    public static readonly CelError TooDeep = new(CelErrorCode.LimitExceeded, "a value is nested more than 500 deep: build it flatter");

    public static readonly CelError DivideByZero = new(CelErrorCode.DivideByZero, "division by zero");
    public static readonly CelError ModuloByZero = new(CelErrorCode.DivideByZero, "modulus by zero");
    public static readonly CelError IntOverflow = new(CelErrorCode.Overflow, "int overflow");
    public static readonly CelError UintOverflow = new(CelErrorCode.Overflow, "uint overflow");
    public static readonly CelError NotBool = new(CelErrorCode.NoSuchOverload, "no such overload: a condition must be bool");
    public static readonly CelError NotInt = new(CelErrorCode.NoSuchOverload, "no such overload: an int is wanted here");
    public static readonly CelError NotDouble = new(CelErrorCode.NoSuchOverload, "no such overload: a double is wanted here");
    public static readonly CelError NotIterable = new(CelErrorCode.NoSuchOverload, "no such overload: macros iterate over lists and maps");
    public static readonly CelError NotOrdered = new(CelErrorCode.NoSuchOverload, "no such overload: these values have no order");
    public static readonly CelError NotOptional = new(CelErrorCode.NoSuchOverload, "no such overload: '?' wants an optional value");
    public static readonly CelError BadKey = new(CelErrorCode.NoSuchOverload, "unsupported key type: keys are bool, int, uint or string");
    public static readonly CelError NoValue = new(CelErrorCode.BadArgument, "optional.none() dereference: the optional holds no value");

    public static CelError NoOverload(string function, ReadOnlySpan<CelValue> arguments)
    {
        string[] kinds = new string[arguments.Length];
        for (int index = 0; index < kinds.Length; index++)
        {
            kinds[index] = Checking.RuntimeTypes.Of(arguments[index]).Name;
        }

        return new CelError(
            CelErrorCode.NoSuchOverload, $"no such overload: {Operators.Spelling(function)}({string.Join(", ", kinds)})");
    }

    public static CelError NoSuchField(string name) => new(CelErrorCode.NoSuchField, $"no such field '{name}'");

    public static CelError NoSuchKey(in CelValue key) => new(CelErrorCode.NoSuchKey, $"no such key: {key}");

    public static CelError OutOfRange(in CelValue index, int count) =>
        new(CelErrorCode.IndexOutOfRange, $"index out of bounds: {index} in a list of {count}");

    public static CelError RepeatedKey(in CelValue key) => new(CelErrorCode.BadArgument, $"repeated key {key} in a map");
}
