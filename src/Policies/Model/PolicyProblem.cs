using System.Text;

namespace PipeRoll.Policies;

/// <summary>One thing wrong in a policy, and what to write instead.</summary>
/// <param name="File">The policy file, or the list file in which the problem is.</param>
/// <param name="Line">From 1.</param>
/// <param name="Column">In characters, from 1.</param>
/// <param name="Message">What is wrong.</param>
/// <param name="Hint">What to write instead.</param>
public sealed record PolicyProblem(string File, int Line, int Column, string Message, string Hint)
{
    /// <summary><c>file:line:column: message. hint</c>, as compilers print it.</summary>
    public override string ToString() =>
        Hint.Length == 0 ? $"{File}:{Line}:{Column}: {Message}" : $"{File}:{Line}:{Column}: {Message}\n    {Hint}";
}

/// <summary>A policy cannot be used. It names every problem that was found, in the order of the file.</summary>
public sealed class PolicyException(IReadOnlyList<PolicyProblem> problems) : Exception(Describe(problems))
{
    /// <summary>All problems; never empty.</summary>
    public IReadOnlyList<PolicyProblem> Problems { get; } = problems;

    private static string Describe(IReadOnlyList<PolicyProblem> problems)
    {
        var text = new StringBuilder();
        text.Append(problems.Count == 1 ? "1 problem in the policy:" : $"{problems.Count} problems in the policy:");
        foreach (PolicyProblem problem in problems)
        {
            text.Append('\n').Append(problem);
        }
        return text.ToString();
    }
}
