namespace PipeRoll.Cel;

/// <summary>Why an evaluation failed; few and prescriptive, so that callers can branch on them.</summary>
public enum CelErrorCode
{
    /// <summary>An argument has the right type and a value that the function does not accept.</summary>
    BadArgument,
    DivideByZero,

    /// <summary>A number, timestamp or duration left its range.</summary>
    Overflow,
    NoSuchKey,
    NoSuchField,
    IndexOutOfRange,

    /// <summary>No overload of the function takes values of these kinds.</summary>
    NoSuchOverload,
    UndeclaredReference,

    /// <summary>The evaluation spent its budget (<see cref="CelLimits"/>).</summary>
    LimitExceeded,

    /// <summary>Raised by a function of the host.</summary>
    Host,
}

/// <summary>
/// An error as a value: the operators <c>&amp;&amp;</c>, <c>||</c> and <c>?:</c> may absorb it, all others pass it on.
/// Immutable.
/// </summary>
public sealed class CelError(CelErrorCode code, string message)
{
    public CelErrorCode Code { get; } = code;

    /// <summary>What is wrong, in one sentence.</summary>
    public string Message { get; } = message;

    public override string ToString() => Message;
}
