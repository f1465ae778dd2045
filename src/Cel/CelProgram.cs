using PipeRoll.Cel.Checking;
using PipeRoll.Cel.Compilation;

namespace PipeRoll.Cel;

/// <summary>A use of a variable, with the fields selected from it as far as they are named in the source.</summary>
/// <param name="Variable">The declared name.</param>
/// <param name="Fields">E.g. <c>["amount"]</c> for <c>event.amount</c>; empty for the variable itself.</param>
/// <param name="Offset">Where it stands, in UTF-16 units.</param>
public sealed record CelReference(string Variable, IReadOnlyList<string> Fields, int Offset)
{
    /// <summary><c>event.amount</c>.</summary>
    public string Path => Fields.Count == 0 ? Variable : $"{Variable}.{string.Join('.', Fields)}";
}

/// <summary>
/// A compiled expression. Immutable; any number of threads may evaluate it at once. Evaluation is a pure function of the
/// variables: it reads no clock, culture or random source (named time zones come from the machine's time zone database).
/// </summary>
public sealed class CelProgram
{
    private const int InlineLocals = 8;
    private readonly Node _root;
    private readonly int _localCount;
    private readonly long _budget;
    private readonly int _variableCount;

    internal CelProgram(CelEnvironment environment, string source, CheckedTree tree, CompiledProgram compiled, CelCost cost)
    {
        WorstCost = cost;
        Source = source;
        Expression = tree.Root;
        ResultType = tree.TypeOf(tree.Root);
        References = ReferenceCollector.Collect(environment, tree);
        _root = compiled.Root;
        _localCount = compiled.LocalCount;
        _budget = environment.Limits.EvaluationBudget;
        _variableCount = environment.Variables.Count;
    }

    public string Source { get; }

    /// <summary>The syntax tree, macros expanded.</summary>
    public CelExpr Expression { get; }

    /// <summary>The static type; <see cref="CelType.Dyn"/> where it is not known.</summary>
    public CelType ResultType { get; }

    /// <summary>Every variable and field the expression names, in order of position; a path may occur more than once.</summary>
    public IReadOnlyList<CelReference> References { get; }

    /// <summary>The most that an evaluation can cost.</summary>
    public CelCost WorstCost { get; }

    /// <summary>Evaluates, and says what it cost.</summary>
    /// <param name="variables">As for <see cref="Evaluate(ReadOnlySpan{CelValue})"/>.</param>
    /// <param name="spent">In units of <see cref="CelLimits.EvaluationBudget"/>.</param>
    /// <returns>The value.</returns>
    /// <exception cref="ArgumentException">Too few variables.</exception>
    public CelValue Evaluate(ReadOnlySpan<CelValue> variables, out long spent)
    {
        CheckCount(variables.Length);
        var frame = new Frame(variables, new CelValue[_localCount], _budget);
        CelValue value = _root.Evaluate(ref frame);
        spent = _budget - frame.Left;
        return value;
    }

    /// <summary>Evaluates with one value per variable of the environment, in the order of its slots.</summary>
    /// <returns>The value; an error is a value too.</returns>
    /// <exception cref="ArgumentException">Too few variables.</exception>
    public CelValue Evaluate(ReadOnlySpan<CelValue> variables)
    {
        CheckCount(variables.Length);
        if (_localCount == 0)
        {
            var frame = new Frame(variables, default, _budget);
            return _root.Evaluate(ref frame);
        }

        return EvaluateWithLocals(variables);
    }

    /// <summary>Evaluates an expression of type bool without making a value of the result: the fastest way to ask a rule.</summary>
    /// <param name="variables">As for <see cref="Evaluate(ReadOnlySpan{CelValue})"/>.</param>
    /// <param name="result">The result; false when there is an error.</param>
    /// <param name="error">Why there is no result.</param>
    /// <returns>Whether there is a result.</returns>
    /// <exception cref="ArgumentException">Too few variables.</exception>
    public bool TryEvaluateBool(ReadOnlySpan<CelValue> variables, out bool result, out CelError? error)
    {
        CheckCount(variables.Length);
        if (_localCount == 0)
        {
            var frame = new Frame(variables, default, _budget);
            Truth truth = _root.Test(ref frame);
            result = truth == Truth.True;
            error = truth == Truth.Error ? frame.Error : null;
            return truth != Truth.Error;
        }

        CelValue value = EvaluateWithLocals(variables);
        result = value.Kind == CelKind.Bool && value.BoolValue;
        error = value.Kind switch
        {
            CelKind.Bool => null,
            CelKind.Error => value.ErrorValue,
            _ => Errors.NotBool,
        };
        return error is null;
    }

    private CelValue EvaluateWithLocals(ReadOnlySpan<CelValue> variables)
    {
        if (_localCount > InlineLocals)
        {
            var large = new Frame(variables, new CelValue[_localCount], _budget);
            return _root.Evaluate(ref large);
        }

        LocalBuffer locals = default;
        var frame = new Frame(variables, locals, _budget);
        return _root.Evaluate(ref frame);
    }

    private void CheckCount(int count)
    {
        if (count < _variableCount)
        {
            throw new ArgumentException($"The expression has {_variableCount} variables; {count} values were given.");
        }
    }

    [System.Runtime.CompilerServices.InlineArray(InlineLocals)]
    private struct LocalBuffer
    {
        private CelValue _first;
    }
}
