using System.Text;
using PipeRoll.Cel;
using PipeRoll.Policies.Events;
using PipeRoll.Policies.Model;
using PipeRoll.Policies.Reading;

namespace PipeRoll.Policies.Compilation;

/// <summary>
/// Compiles the expressions of a policy and reports what is wrong in them at their place in the file. Owner: one parse.
/// </summary>
internal sealed class PolicyCompiler
{
    private const CelExtensions Extensions = CelExtensions.Strings | CelExtensions.Math | CelExtensions.Lists | CelExtensions.Sets
        | CelExtensions.Encoders | CelExtensions.Bindings | CelExtensions.TwoVariables | CelExtensions.Optionals | CelExtensions.Network;

    private readonly PolicyModel _model;
    private readonly ProblemList _problems;
    private readonly ExpressionCompiler _overEvent;
    private readonly ExpressionCompiler _overAll;
    private readonly CelStructType _eventType;
    private readonly CelStructType _windowsType;
    private readonly ListValues _lists;

    private PolicyCompiler(PolicyModel model, PolicySource source, ProblemList problems)
    {
        _model = model;
        _problems = problems;
        _lists = new ListValues(model.Lists);
        _eventType = new CelStructType("Event", model.Event!.Fields.Select(field => new CelField(field.Name, TypeOf(field.Type))));
        _windowsType = new CelStructType(
            "Windows", model.Windows.Select(window => new CelField(window.Value.Name, TypeOf(window.Value.Aggregate))));
        var map = new SourceMap(source.Yaml);
        _overEvent = new ExpressionCompiler(NewEnvironment().Build(), map, model, problems);
        _overAll = new ExpressionCompiler(NewEnvironment().Variable("windows", _windowsType.Type).Build(), map, model, problems);
    }

    /// <summary>The compiled policy; what is wrong in it is in <paramref name="problems"/>, and then the result is of no use.</summary>
    public static CompiledPolicy Compile(PolicyModel model, PolicySource source, ProblemList problems) =>
        new PolicyCompiler(model, source, problems).Compile();

    private CompiledPolicy Compile() => new()
    {
        EventType = _eventType,
        WindowsType = _windowsType,
        Lists = _lists,
        Windows = [.. _model.Windows.Select(CompileWindow).OfType<CompiledWindow>()],
        Rules = [.. _model.Rules.Select(CompileRule).OfType<CompiledRule>()],
    };

    private CelEnvironment.Builder NewEnvironment() => new CelEnvironment.Builder()
        .Extensions(Extensions)
        .Variable("event", _eventType.Type)
        .Variable("lists", _lists.StructType.Type)
        .Struct(ScreeningValue.Type)
        .Function("parseJson", CelOverload.Static(CelType.String, CelType.Dyn, ParseJson))
        .Function("listed", CelOverload.Static(CelType.String, CelType.String, CelType.Bool, Listed))
        .Function("screen", CelOverload.Static(CelType.String, CelType.String, ScreeningValue.Type.Type, Screen));

    /// <summary>The value of a JSON text inside of the event; null if it is none.</summary>
    private static CelValue ParseJson(in CelValue text) => JsonValues.Parse(text.StringValue) ?? CelValue.Null;

    private CelValue Listed(in CelValue name, in CelValue value) =>
        ListOf(name.StringValue) is { } list ? CelValue.Bool(list.Contains(value.StringValue)) : NoList(name);

    private CelValue Screen(in CelValue name, in CelValue value) =>
        ListOf(name.StringValue) is { } list ? CelValue.Struct(new ScreeningValue(list.Screen(value.StringValue))) : NoList(name);

    private PolicyList? ListOf(string name)
    {
        foreach (PolicyList list in _model.Lists)
        {
            if (list.Name == name)
            {
                return list;
            }
        }
        return null;
    }

    private static CelValue NoList(in CelValue name) => CelValue.Error($"the policy has no list '{name.StringValue}'");

    private CompiledWindow? CompileWindow(Placed<PolicyWindow> placed)
    {
        PolicyWindow window = placed.Value;
        string what = $"window '{window.Name}'";
        CelProgram? key = Compile(_overEvent, placed, "key", window.Key, $"the key of {what}", ExpressionCompiler.KeyTypes);
        CelProgram? where = Compile(_overEvent, placed, "where", window.Where, $"the `where` of {what}", [CelTypeKind.Bool]);
        CelTypeKind[] valueTypes = window.Aggregate.TakesText()
            ? ExpressionCompiler.KeyTypes
            : ExpressionCompiler.NumberTypes;
        CelProgram? value = Compile(_overEvent, placed, "value", window.Value, $"the value of {what}", valueTypes);
        return key is null ? null : new CompiledWindow(window, key, value, where, TextFieldOf(key), TextFieldOf(value));
    }

    /// <summary>The index of the field if an expression is <c>event.FIELD</c> and that is a text; else −1.</summary>
    private int TextFieldOf(CelProgram? program)
    {
        bool isField = program?.Expression is CelExpr.Select
        {
            IsTest: false,
            IsOptional: false,
            Operand: CelExpr.Ident { Name: "event" },
        };
        int index = isField ? _eventType.IndexOf(((CelExpr.Select)program!.Expression).Field) : -1;
        return index >= 0 && _model.Event!.Fields[index].Type == FieldType.String ? index : -1;
    }

    private CompiledRule? CompileRule(Placed<PolicyRule> placed)
    {
        PolicyRule rule = placed.Value;
        CelProgram? when = Compile(_overAll, placed, "when", rule.When, $"`when` of rule '{rule.Id}'", [CelTypeKind.Bool]);
        ReasonTemplate reason = CompileText(placed, "reason");
        ReasonTemplate caseName = CompileText(placed, "case");
        return when is null ? null : new CompiledRule(rule, when, reason, caseName);
    }

    private static CelProgram? Compile<T>(
        ExpressionCompiler compiler, Placed<T> placed, string key, string text, string what, CelTypeKind[] types) =>
        placed.Places.TryGetValue(key, out YamlText? place) && !string.IsNullOrWhiteSpace(text)
            ? compiler.Compile(place, 0, text, what, types)
            : null;

    private ReasonTemplate CompileText(Placed<PolicyRule> placed, string key)
    {
        if (!placed.Places.TryGetValue(key, out YamlText? place))
        {
            return new ReasonTemplate([]);
        }

        string what = $"the {key} of rule '{placed.Value.Id}'";
        string text = place.Text.TrimEnd('\n');
        var parts = new List<ReasonPart>();
        int from = 0;
        while (from < text.Length)
        {
            int open = text.IndexOf("${", from, StringComparison.Ordinal);
            if (open < 0)
            {
                break;
            }
            int close = EndOfExpression(text, open + 2);
            if (close < 0)
            {
                _problems.Add(place, $"{what} opens a placeholder and does not close it", "Write `${expression}`.");
                return new ReasonTemplate([]);
            }
            AddText(parts, text[from..open]);
            string expression = text[(open + 2)..close];
            CelProgram? program = _overAll.Compile(place, open + 2, expression, what, []);
            if (program is not null)
            {
                parts.Add(new ReasonPart([], program));
            }
            from = close + 1;
        }
        AddText(parts, text[from..]);
        return new ReasonTemplate(parts);
    }

    private static void AddText(List<ReasonPart> parts, string text)
    {
        if (text.Length > 0)
        {
            parts.Add(new ReasonPart(Encoding.UTF8.GetBytes(text), null));
        }
    }

    /// <summary>Where the placeholder ends: braces and quotes of the expression itself are passed over.</summary>
    private static int EndOfExpression(string text, int from)
    {
        int depth = 0;
        char quote = '\0';
        for (int i = from; i < text.Length; i++)
        {
            char c = text[i];
            if (quote != '\0')
            {
                i += c == '\\' ? 1 : 0;
                quote = c == quote ? '\0' : quote;
            }
            else if (c is '"' or '\'')
            {
                quote = c;
            }
            else if (c == '{')
            {
                depth++;
            }
            else if (c == '}' && depth-- == 0)
            {
                return i;
            }
        }
        return -1;
    }

    private static CelType TypeOf(FieldType type) => type switch
    {
        FieldType.Bool => CelType.Bool,
        FieldType.Int => CelType.Int,
        FieldType.Double => CelType.Double,
        FieldType.String or FieldType.Text => CelType.String,
        FieldType.Any => CelType.Dyn,
        _ => CelType.Timestamp,
    };

    private static CelType TypeOf(WindowAggregate aggregate) => aggregate.IsWhole() ? CelType.Int : CelType.Double;
}
