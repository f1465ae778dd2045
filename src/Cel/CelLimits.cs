namespace PipeRoll.Cel;

/// <summary>
/// Bounds of compilation and evaluation. Past a compile bound there is a diagnostic, past the evaluation budget an error value
/// with <see cref="CelErrorCode.LimitExceeded"/>; nothing ever overflows the stack or runs on.
/// </summary>
public sealed record CelLimits
{
    public static readonly CelLimits Default = new();

    /// <summary>Longest source, in UTF-16 units.</summary>
    public int SourceLengthMax { get; init; } = 100_000;

    /// <summary>Deepest nesting of an expression. cel-spec asks for 12 at least; more than 500 is refused, for the stack's sake.</summary>
    public int NestingMax
    {
        get;
        init => field = value is >= 1 and <= 500
            ? value
            : throw new ArgumentOutOfRangeException(nameof(value), "NestingMax must lie between 1 and 500.");
    } = 200;

    /// <summary>Work of one evaluation: iterations of macros, and elements and UTF-16 units that operators and functions produce.</summary>
    public long EvaluationBudget { get; init; } = 10_000_000;

    /// <summary>
    /// The most that an expression may cost in the worst case; what costs more is refused when it is compiled. By default the budget, so
    /// that an expression that compiles does not fail for it later.
    /// </summary>
    public long WorstCostMax
    {
        get => field < 0 ? EvaluationBudget : field;
        init;
    } = -1;

    /// <summary>Elements that a list or map has at most where no size is declared, as far as the worst case goes.</summary>
    public long AssumedCount { get; init; } = 256;

    /// <summary>UTF-16 units of a text, or bytes, at most, where no size is declared, as far as the worst case goes.</summary>
    public long AssumedLength { get; init; } = 4096;

    /// <summary>As <see cref="AssumedLength"/>, of texts inside lists and maps; for an element of unknown type, all there is in it.</summary>
    public long AssumedElementLength { get; init; } = 256;
}
