namespace PipeRoll.Policies;

/// <summary>What a decision says shall happen to an event. The order is the precedence: a higher value wins over a lower one.</summary>
public enum Outcome
{
    /// <summary>Let it pass.</summary>
    Allow = 0,

    /// <summary>Let it pass and tell somebody.</summary>
    Alert = 1,

    /// <summary>Stop it until a person has looked.</summary>
    Hold = 2,

    /// <summary>Stop it.</summary>
    Block = 3,
}

/// <summary>How grave a rule's finding is. The gravest of the rules that hold is the decision's.</summary>
public enum Severity
{
    /// <summary>Nobody said.</summary>
    None = 0,

    /// <summary>Worth knowing.</summary>
    Info = 1,

    /// <summary>Look when there is time.</summary>
    Low = 2,

    /// <summary>Look today.</summary>
    Medium = 3,

    /// <summary>Look now.</summary>
    High = 4,

    /// <summary>Wake somebody.</summary>
    Critical = 5,
}

/// <summary>The names that policy files and decision records use.</summary>
public static class OutcomeNames
{
    internal static readonly string[] Outcomes = ["allow", "alert", "hold", "block"];
    internal static readonly string[] Severities = ["none", "info", "low", "medium", "high", "critical"];

    /// <summary><c>allow</c>, <c>alert</c>, <c>hold</c> or <c>block</c>.</summary>
    public static string ToText(this Outcome outcome) => Outcomes[(int)outcome];

    /// <summary><c>none</c>, <c>info</c>, <c>low</c>, <c>medium</c>, <c>high</c> or <c>critical</c>.</summary>
    public static string ToText(this Severity severity) => Severities[(int)severity];

    /// <summary>The outcome of that name; false if there is none.</summary>
    public static bool TryParse(string? text, out Outcome outcome)
    {
        int index = Array.IndexOf(Outcomes, text);
        outcome = (Outcome)Math.Max(index, 0);
        return index >= 0;
    }

    /// <summary>The severity of that name; false if there is none.</summary>
    public static bool TryParse(string? text, out Severity severity)
    {
        int index = Array.IndexOf(Severities, text);
        severity = (Severity)Math.Max(index, 0);
        return index >= 0;
    }
}
