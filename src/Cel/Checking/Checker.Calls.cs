using System.Collections.Immutable;
using PipeRoll.Cel.RegularExpressions;

namespace PipeRoll.Cel.Checking;

/// <summary>Functions, operators and macros.</summary>
internal sealed partial class Checker
{
    private CelType VisitCall(CelExpr.Call call)
    {
        if (call.Function is Operators.And or Operators.Or)
        {
            return VisitLogic(call);
        }

        if (call.Target is not null && NamespacedFunction(call) is (string qualified, CelOverload[] inNamespace))
        {
            CelType[] types = [.. call.Arguments.Select(Visit)];
            return Choose(call, qualified, usesTarget: false, isReceiver: false, inNamespace, types);
        }

        ImmutableArray<CelExpr> operands = call.Target is null ? call.Arguments : call.Arguments.Insert(0, call.Target);
        CelType[] arguments = [.. operands.Select(Visit)];
        if (call.Target is not null)
        {
            return _environment.Functions.TryGetValue(call.Function, out CelOverload[]? methods)
                ? Choose(call, call.Function, usesTarget: true, isReceiver: true, methods, arguments)
                : UnknownFunction(call, call.Function);
        }

        bool isAbsolute = call.Function[0] == '.';
        string name = isAbsolute ? call.Function[1..] : call.Function;
        return FindFunction(name, isAbsolute) is (string found, CelOverload[] overloads)
            ? Choose(call, found, usesTarget: false, isReceiver: false, overloads, arguments)
            : UnknownFunction(call, name);
    }

    private CelType VisitLogic(CelExpr.Call call)
    {
        foreach (CelExpr term in call.Arguments)
        {
            CelType type = Visit(term);
            if (!_unifier.IsAssignable(CelType.Bool, type) && !IsLenient)
            {
                string spelling = Operators.Spelling(call.Function);
                Report(
                    term,
                    $"{spelling} wants bool on both sides, this is of type {Show(type)}",
                    "compare it with something, e.g. with ==",
                    CelErrorCode.NoSuchOverload);
            }
        }

        return CelType.Bool;
    }

    private (string Name, CelOverload[] Overloads)? FindFunction(string name, bool isAbsolute)
    {
        foreach (string candidate in Names.Candidates(_environment.Container, name, isAbsolute))
        {
            if (_environment.Functions.TryGetValue(candidate, out CelOverload[]? overloads))
            {
                return (candidate, overloads);
            }
        }

        return null;
    }

    // math.abs(x): the target is not a value but part of the function's name.
    private (string Name, CelOverload[] Overloads)? NamespacedFunction(CelExpr.Call call) =>
        Names.Qualified(call.Target!) is (string prefix, CelExpr.Ident root) && FindLocal(root) is null
            ? FindFunction($"{prefix}.{call.Function}", root.IsAbsolute)
            : null;

    private CelType UnknownFunction(CelExpr.Call call, string name)
    {
        string? close = Names.Closest(name, _environment.Functions.Keys.Where(key => char.IsLetter(key[0])));
        string hint = name switch
        {
            "all" or "exists" or "exists_one" or "existsOne" or "filter" => $"write list.{name}(x, condition on x)",
            "map" => "write list.map(x, value made of x)",
            "has" => "write has(value.field)",
            _ when close is not null => $"did you mean '{close}'?",
            _ => "see the list of functions of this environment",
        };
        return Report(call, $"undeclared function '{name}'", hint, CelErrorCode.UndeclaredReference);
    }

    private CelType Choose(
        CelExpr.Call call, string name, bool usesTarget, bool isReceiver, CelOverload[] overloads, CelType[] arguments)
    {
        ImmutableArray<CelOverload>.Builder candidates = ImmutableArray.CreateBuilder<CelOverload>();
        CelType? result = null;
        foreach (CelOverload overload in overloads)
        {
            if (overload.IsReceiver != isReceiver || overload.Arguments.Length != arguments.Length)
            {
                continue;
            }

            (ImmutableArray<CelType> wanted, CelType made) = _unifier.Instantiate(overload);
            if (_unifier.AreAssignable(wanted.AsSpan(), arguments))
            {
                candidates.Add(overload);
                CelType type = _unifier.Substitute(made, unboundIsDyn: false);
                result = result is null || result.Equals(type) ? type : CelType.Dyn;
            }
        }

        if (result is null)
        {
            return NoOverload(call, name, usesTarget, isReceiver, overloads, arguments);
        }

        CheckPattern(call, name);
        _resolutions[call.Id] = new Resolution.Function(name, usesTarget, candidates.ToImmutable());
        return result;
    }

    // A pattern that can never match is better told now than by every evaluation.
    private void CheckPattern(CelExpr.Call call, string name)
    {
        if (name == "matches" && !IsLenient && call.Arguments[^1] is CelExpr.Literal { Value.Kind: CelKind.String } pattern
            && Re2Translator.Translate(pattern.Value.StringValue, out string? problem) is null)
        {
            Report(pattern, $"invalid regular expression: {problem}", null, CelErrorCode.BadArgument);
        }
    }

    private CelType NoOverload(
        CelExpr.Call call, string name, bool usesTarget, bool isReceiver, CelOverload[] overloads, CelType[] arguments)
    {
        string spelling = Operators.Spelling(name);
        string given = string.Join(", ", (isReceiver ? arguments.Skip(1) : arguments).Select(Show));
        string shown = isReceiver ? $"{Show(arguments[0])}.{spelling}({given})" : $"{spelling}({given})";
        if (!IsLenient)
        {
            return Report(call, $"no overload matches {shown}", OverloadHint(name, overloads, arguments), CelErrorCode.NoSuchOverload);
        }

        ImmutableArray<CelOverload> byCount =
            [.. overloads.Where(overload => overload.IsReceiver == isReceiver && overload.Arguments.Length == arguments.Length)];
        if (byCount.IsEmpty)
        {
            return Report(call, $"no such overload: {shown}", null, CelErrorCode.NoSuchOverload);
        }

        _resolutions[call.Id] = new Resolution.Function(name, usesTarget, byCount);
        return CelType.Dyn;
    }

    private string OverloadHint(string name, CelOverload[] overloads, CelType[] arguments)
    {
        CelTypeKind[] kinds = [.. arguments.Select(type => _unifier.Substitute(type, true)).Select(Scalar)];
        bool numbers = kinds.Length == 2
            && name is not (Operators.In or Operators.Index)
            && kinds.All(kind => kind is CelTypeKind.Int or CelTypeKind.Uint or CelTypeKind.Double);
        if (numbers)
        {
            return "numbers of different types do not mix: convert one side with double(), int() or uint(), or write 5.0 or 5u for 5";
        }

        switch (name)
        {
            case Operators.Conditional:
                return "condition ? a : b wants a bool condition, and a and b of the same type";
            case Operators.Equal or Operators.NotEqual:
                return "both sides must have the same type; convert one, or use dyn() to compare values of unknown type";
            case Operators.Less or Operators.LessOrEqual or Operators.Greater or Operators.GreaterOrEqual:
                return "numbers, strings, bytes, bools, timestamps and durations are ordered among their own kind; "
                    + "write timestamp('2026-01-31T00:00:00Z') or duration('1h') for a point or length of time";
            case Operators.Index:
                return "lists are indexed by int, maps by the type of their keys";
            case Operators.In:
                return "the right side is a list of that type, or a map with keys of that type";
            default:
                return $"it can be {string.Join(", ", overloads.Take(6).Select(overload => overload.Signature(Operators.Spelling(name))))}";
        }
    }

    private static CelTypeKind Scalar(CelType type) => type.Kind == CelTypeKind.Nullable ? type.Parameters[0].Kind : type.Kind;

    private CelType VisitBind(CelExpr.Bind bind)
    {
        CelType value = Visit(bind.Value);
        int index = Declare(bind.Variable, value);
        _resolutions[bind.Id] = new Resolution.Locals(index, -1);
        CelType body = Visit(bind.Body);
        _locals.RemoveAt(_locals.Count - 1);
        return body;
    }

    private int Declare(string name, CelType type)
    {
        int index = _locals.Count;
        _locals.Add((name, type, index));
        _localCount = Math.Max(_localCount, _locals.Count);
        return index;
    }

    private CelType VisitComprehension(CelExpr.Comprehension node)
    {
        CelType range = _unifier.Substitute(Visit(node.Range), unboundIsDyn: false);
        (CelType first, CelType second) = RangeTypes(node, range);
        int index = Declare(node.Variable, node.Variable2 is null && range.Kind != CelTypeKind.Map ? second : first);
        int index2 = node.Variable2 is null ? -1 : Declare(node.Variable2, second);
        _resolutions[node.Id] = new Resolution.Locals(index, index2);
        if (node.Filter is not null)
        {
            WantBool(node.Filter, node);
        }

        CelType body = node.Macro is CelMacro.All or CelMacro.Exists or CelMacro.ExistsOne or CelMacro.Filter
            ? WantBool(node.Body, node)
            : Visit(node.Body);
        _locals.RemoveRange(index, node.Variable2 is null ? 1 : 2);
        return ResultOf(node, range, first, second, body);
    }

    // What a two-variable macro binds: index and element, or key and value.
    private (CelType First, CelType Second) RangeTypes(CelExpr.Comprehension node, CelType range)
    {
        switch (range.Kind)
        {
            case CelTypeKind.List:
                return (CelType.Int, range.Parameters[0]);
            case CelTypeKind.Map:
                return (range.Parameters[0], range.Parameters[1]);
            case CelTypeKind.Dyn or CelTypeKind.Error:
                return (CelType.Dyn, CelType.Dyn);
            case CelTypeKind.TypeParameter:
                _unifier.IsAssignable(range, CelType.Dyn);
                return (CelType.Dyn, CelType.Dyn);
            default:
                if (!IsLenient)
                {
                    Report(
                        node.Range,
                        $"a value of type {Show(range)} cannot be iterated over",
                        "macros work on lists and on the keys of maps",
                        CelErrorCode.NoSuchOverload);
                }

                return (CelType.Dyn, CelType.Dyn);
        }
    }

    private CelType WantBool(CelExpr condition, CelExpr.Comprehension node)
    {
        CelType type = Visit(condition);
        if (!_unifier.IsAssignable(CelType.Bool, type) && !IsLenient)
        {
            Report(
                condition,
                $"{MacroName(node.Macro)}() wants a condition here, this is of type {Show(type)}",
                "compare it with something, e.g. with ==",
                CelErrorCode.NoSuchOverload);
        }

        return CelType.Bool;
    }

    private CelType ResultOf(CelExpr.Comprehension node, CelType range, CelType first, CelType second, CelType body)
    {
        switch (node.Macro)
        {
            case CelMacro.All or CelMacro.Exists or CelMacro.ExistsOne:
                return CelType.Bool;
            case CelMacro.Map or CelMacro.TransformList:
                return CelType.List(body);
            case CelMacro.Filter:
                return CelType.List(range.Kind == CelTypeKind.Map ? first : second);
            case CelMacro.SortBy:
                return range.Kind == CelTypeKind.List ? range : CelType.List(CelType.Dyn);
            case CelMacro.TransformMap:
                return CelType.Map(first, body);
            default:
                CelType entry = CelType.Map(_unifier.Fresh(), _unifier.Fresh());
                if (!_unifier.IsAssignable(entry, body) && !IsLenient)
                {
                    return Report(
                        node.Body,
                        $"transformMapEntry() makes map entries, this is of type {Show(body)}",
                        "write {key: value}",
                        CelErrorCode.NoSuchOverload);
                }

                return _unifier.Substitute(entry, unboundIsDyn: false);
        }
    }

    private static string MacroName(CelMacro macro) => char.ToLowerInvariant(macro.ToString()[0]) + macro.ToString()[1..];
}
