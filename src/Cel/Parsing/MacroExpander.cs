using System.Collections.Immutable;
using System.Globalization;
using PipeRoll.Cel.Lexing;

namespace PipeRoll.Cel.Parsing;

/// <summary>
/// Turns calls that are macros into the nodes they stand for (cel-spec, langdef: "Macros"; cel-go ext: bindings,
/// two-variable comprehensions, optionals). Everything else stays a call.
/// </summary>
internal sealed class MacroExpander(MacroSet macros, DiagnosticBag diagnostics, Parser parser)
{
    /// <summary>The expansion, or null when the call is no macro.</summary>
    public CelExpr? Expand(Token name, CelExpr? target, ImmutableArray<CelExpr> arguments)
    {
        if (target is null)
        {
            return name.Text == "has" && arguments.Length == 1 && Has(MacroSet.Standard) ? Test(name, arguments[0]) : null;
        }

        if (target is CelExpr.Ident { IsAbsolute: false } space && Namespaced(name, space.Name, arguments) is CelExpr expanded)
        {
            return expanded;
        }

        return (name.Text, arguments.Length) switch
        {
            ("all", 2) when Has(MacroSet.Standard) => One(name, CelMacro.All, target, arguments),
            ("exists", 2) when Has(MacroSet.Standard) => One(name, CelMacro.Exists, target, arguments),
            ("exists_one" or "existsOne", 2) when Has(MacroSet.Standard) => One(name, CelMacro.ExistsOne, target, arguments),
            ("map", 2 or 3) when Has(MacroSet.Standard) => One(name, CelMacro.Map, target, arguments),
            ("filter", 2) when Has(MacroSet.Standard) => One(name, CelMacro.Filter, target, arguments),
            ("all", 3) when Has(MacroSet.TwoVariables) => Two(name, CelMacro.All, target, arguments),
            ("exists", 3) when Has(MacroSet.TwoVariables) => Two(name, CelMacro.Exists, target, arguments),
            ("exists_one" or "existsOne", 3) when Has(MacroSet.TwoVariables) => Two(name, CelMacro.ExistsOne, target, arguments),
            ("transformList", 3 or 4) when Has(MacroSet.TwoVariables) => Two(name, CelMacro.TransformList, target, arguments),
            ("transformMap", 3 or 4) when Has(MacroSet.TwoVariables) => Two(name, CelMacro.TransformMap, target, arguments),
            ("transformMapEntry", 3 or 4) when Has(MacroSet.TwoVariables) => Two(name, CelMacro.TransformMapEntry, target, arguments),
            ("sortBy", 2) when Has(MacroSet.Lists) => One(name, CelMacro.SortBy, target, arguments),
            ("optMap", 2) when Has(MacroSet.Optionals) => OptionalMap(name, target, arguments, wrap: true),
            ("optFlatMap", 2) when Has(MacroSet.Optionals) => OptionalMap(name, target, arguments, wrap: false),
            _ => null,
        };
    }

    private bool Has(MacroSet set) => (macros & set) == set;

    private CelExpr? Namespaced(Token name, string space, ImmutableArray<CelExpr> arguments) => (space, name.Text, arguments.Length) switch
    {
        ("cel", "bind", 3) when Has(MacroSet.Bindings) => Bind(name, arguments),
        ("cel", "block", 2) when Has(MacroSet.Blocks) => Block(name, arguments),
        ("cel", "index", 1) when Has(MacroSet.Blocks) => Hidden(name, "@index", arguments),
        ("cel", "iterVar", 2) when Has(MacroSet.Blocks) => Hidden(name, "@it", arguments),
        ("cel", "accuVar", 2) when Has(MacroSet.Blocks) => Hidden(name, "@ac", arguments),
        ("proto", "getExt" or "hasExt", 2) when Has(MacroSet.Protobuf) => ProtobufExtension(name, arguments),
        ("math", "greatest" or "least", > 0) when Has(MacroSet.Math) => Extreme(name, arguments),
        _ => null,
    };

    private CelExpr Test(Token name, CelExpr argument)
    {
        if (argument is CelExpr.Select { IsTest: false } select)
        {
            return new CelExpr.Select(
                parser.NewId(), select.Offset, select.Length, select.Operand, select.Field, isTest: true, isOptional: select.IsOptional);
        }

        return Bad(argument, name, "has() takes a field", "write has(event.amount)");
    }

    // proto.getExt(message, acme.extension): the extension is a field with a qualified name.
    private CelExpr ProtobufExtension(Token name, ImmutableArray<CelExpr> arguments) =>
        Checking.Names.Qualified(arguments[1]) is (string field, _)
            ? new CelExpr.Select(parser.NewId(), name.Offset, name.Length, arguments[0], field, isTest: name.Text == "hasExt")
            : Bad(arguments[1], name, $"proto.{name.Text} takes the full name of an extension", "write proto.getExt(message, acme.extension)");

    private CelExpr One(Token name, CelMacro macro, CelExpr range, ImmutableArray<CelExpr> arguments)
    {
        CelExpr? filter = arguments.Length == 3 ? arguments[1] : null;
        return Variable(arguments[0], name) is string variable
            ? new CelExpr.Comprehension(parser.NewId(), name.Offset, name.Length, macro, range, variable, null, filter, arguments[^1])
            : Invalid(name);
    }

    private CelExpr Two(Token name, CelMacro macro, CelExpr range, ImmutableArray<CelExpr> arguments)
    {
        CelExpr? filter = arguments.Length == 4 ? arguments[2] : null;
        string? first = Variable(arguments[0], name);
        string? second = Variable(arguments[1], name);
        if (first is null || second is null)
        {
            return Invalid(name);
        }

        if (first == second)
        {
            return Bad(arguments[1], name, $"both variables are named '{first}'", "give them different names");
        }

        return new CelExpr.Comprehension(parser.NewId(), name.Offset, name.Length, macro, range, first, second, filter, arguments[^1]);
    }

    private CelExpr Bind(Token name, ImmutableArray<CelExpr> arguments) =>
        Variable(arguments[0], name) is string variable
            ? new CelExpr.Bind(parser.NewId(), name.Offset, name.Length, variable, arguments[1], arguments[2])
            : Invalid(name);

    // cel.block([a, b], r): r with @index0 bound to a, @index1 to b, which may use those before it.
    private CelExpr Block(Token name, ImmutableArray<CelExpr> arguments)
    {
        if (arguments[0] is not CelExpr.List list)
        {
            return Bad(arguments[0], name, "cel.block takes a list literal first", "write cel.block([first, second], result)");
        }

        CelExpr result = arguments[1];
        for (int index = list.Elements.Length - 1; index >= 0; index--)
        {
            string variable = string.Create(CultureInfo.InvariantCulture, $"@index{index}");
            result = parser.Bounded(
                new CelExpr.Bind(parser.NewId(), name.Offset, name.Length, variable, list.Elements[index], result));
        }

        return result;
    }

    private CelExpr Hidden(Token name, string prefix, ImmutableArray<CelExpr> arguments)
    {
        if (arguments.All(argument => argument is CelExpr.Literal { Value.Kind: CelKind.Int }))
        {
            string suffix = string.Join(':', arguments.Select(argument => ((CelExpr.Literal)argument).Value.IntValue));
            return new CelExpr.Ident(parser.NewId(), name.Offset, name.Length, prefix + suffix);
        }

        return Bad(arguments[0], name, $"cel.{name.Text} takes int literals", "write cel.index(0)");
    }

    // target.optMap(x, body): target.hasValue() ? optional.of(cel.bind(x, target.value(), body)) : optional.none()
    private CelExpr OptionalMap(Token name, CelExpr target, ImmutableArray<CelExpr> arguments, bool wrap)
    {
        if (Variable(arguments[0], name) is not string variable)
        {
            return Invalid(name);
        }

        // The target is bound first so that it is evaluated once.
        const string Held = "@target";
        CelExpr value = Call(name, "value", new CelExpr.Ident(parser.NewId(), name.Offset, name.Length, Held));
        CelExpr body = new CelExpr.Bind(parser.NewId(), name.Offset, name.Length, variable, value, arguments[1]);
        if (wrap)
        {
            body = Call(name, ".optional.of", null, body);
        }

        CelExpr has = Call(name, "hasValue", new CelExpr.Ident(parser.NewId(), name.Offset, name.Length, Held));
        CelExpr choice = Call(name, Operators.Conditional, null, has, body, Call(name, ".optional.none", null));
        return new CelExpr.Bind(parser.NewId(), name.Offset, name.Length, Held, target, choice);
    }

    private CelExpr.Call Extreme(Token name, ImmutableArray<CelExpr> arguments)
    {
        string function = name.Text == "greatest" ? ".math.@max" : ".math.@min";
        if (arguments.Length <= 2)
        {
            return Call(name, function, null, [.. arguments]);
        }

        CelExpr list = new CelExpr.List(
            parser.NewId(), name.Offset, name.Length, arguments, [.. arguments.Select(_ => false)]);
        return Call(name, function, null, list);
    }

    private CelExpr.Call Call(Token name, string function, CelExpr? target, params CelExpr[] arguments) =>
        new(parser.NewId(), name.Offset, name.Length, function, target, [.. arguments]);

    private string? Variable(CelExpr argument, Token macro)
    {
        if (argument is CelExpr.Ident { IsAbsolute: false } ident)
        {
            return ident.Name;
        }

        Bad(argument, macro, $"{macro.Text}() takes the name of a variable here", "write a plain name such as x");
        return null;
    }

    private CelExpr.Invalid Bad(CelExpr at, Token macro, string message, string hint)
    {
        if (at is not CelExpr.Invalid)
        {
            diagnostics.Add(at.Offset, at.Length, message, hint);
        }

        return Invalid(macro);
    }

    private CelExpr.Invalid Invalid(Token at) => new(parser.NewId(), at.Offset, at.Length);
}
