namespace PipeRoll.Cel.Compilation;

/// <summary>The state of one evaluation, on the stack of its thread.</summary>
internal ref struct Frame(ReadOnlySpan<CelValue> variables, Span<CelValue> locals, long budget)
{
    // Reading is this much cheaper than making.
    private const int ReadPerUnit = 32;
    private const int DepthMax = 500;

    public readonly ReadOnlySpan<CelValue> Variables = variables;

    /// <summary>The variables of macros.</summary>
    public readonly Span<CelValue> Locals = locals;

    /// <summary>Why the last typed evaluation (<see cref="Node.Test"/>, <see cref="Node.TryInt"/>, …) failed.</summary>
    public CelError? Error;

    /// <summary>What is left of <see cref="CelLimits.EvaluationBudget"/>.</summary>
    private long _budget = budget;

    /// <summary>Below zero when more was asked for than there was.</summary>
    public readonly long Left => _budget;

    /// <summary>Spends some of the budget; false when there is none left.</summary>
    public bool Spend(long amount)
    {
        _budget -= amount;
        return _budget >= 0;
    }

    /// <summary>Spends what a value made by a function weighs; the value, or the error that says the budget is gone.</summary>
    public CelValue Paid(in CelValue made)
    {
        long weight = made.Weight;
        if (weight == 0)
        {
            return made;
        }

        // Whatever walks over a value recurses as deep as it is nested.
        return made.Depth > DepthMax ? CelValue.Error(Errors.TooDeep) : Spend(weight) ? made : CelValue.Error(Errors.Budget);
    }

    /// <summary>Spends what reading a whole value costs, so that comparing large values over and over is bounded too.</summary>
    public bool SpendReading(in CelValue value)
    {
        long weight = value.Weight;
        return weight < ReadPerUnit || Spend(weight / ReadPerUnit);
    }
}

/// <summary>The outcome of a condition; with Error the reason is in <see cref="Frame.Error"/>.</summary>
internal enum Truth : byte
{
    False,
    True,
    Error,
}
