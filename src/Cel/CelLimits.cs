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
}
