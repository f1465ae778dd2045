using System.Globalization;

namespace PipeRoll.Cel;

/// <summary>The most that evaluations of an expression can cost.</summary>
/// <param name="Worst">
/// In units of <see cref="CelLimits.EvaluationBudget"/>, if all values have at most the sizes that are declared
/// (<see cref="CelField.SizeMax"/>) or assumed (<see cref="CelLimits"/>); <see cref="Unbounded"/> when no bound is known.
/// </param>
/// <param name="Offset">Where most of it arises, in UTF-16 units.</param>
/// <param name="Length">How long the token there is.</param>
/// <param name="Times">How often the body of the macro there can run; 1 when it is no macro.</param>
public sealed record CelCost(long Worst, int Offset, int Length, long Times)
{
    public const long Unbounded = long.MaxValue / 4;

    /// <summary>Why it is too much, as diagnostics say it.</summary>
    internal string Reason(long budget)
    {
        string times = Times >= Unbounded ? "without a bound" : string.Create(CultureInfo.InvariantCulture, $"{Times:N0} times");
        string where = Times > 1 ? $"; most of it is here, where the body can run {times}" : "; most of it is here";
        string limit = string.Create(CultureInfo.InvariantCulture, $", more than the budget of {budget:N0}");
        return $"in the worst case this costs {Shown(Worst)}{limit}{where}";
    }

    private static string Shown(long units) =>
        units >= Unbounded ? "more than can be told" : string.Create(CultureInfo.InvariantCulture, $"{units:N0} units");
}
