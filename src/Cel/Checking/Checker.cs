using System.Collections.Immutable;

namespace PipeRoll.Cel.Checking;

/// <summary>
/// Resolves names and overloads and infers types (cel-spec, langdef: "Gradual Type Checking"). Without a diagnostics bag it
/// checks leniently: whatever would be an error has type dyn and, if it cannot be evaluated either, becomes an error value.
/// One use, one thread; recursion is bounded by the parser's limit on nesting.
/// </summary>
internal sealed partial class Checker
{
    private const int TypeSizeMax = 100;
    private readonly CelEnvironment _environment;
    private readonly DiagnosticBag? _diagnostics;
    private readonly TypeUnifier _unifier = new();
    private readonly CelType[] _types;
    private readonly Resolution?[] _resolutions;
    private readonly List<(string Name, CelType Type, int Index)> _locals = [];
    private int _localCount;

    private Checker(CelEnvironment environment, int nodeCount, DiagnosticBag? diagnostics)
    {
        _environment = environment;
        _diagnostics = diagnostics;
        _types = new CelType[nodeCount];
        _resolutions = new Resolution?[nodeCount];
        Array.Fill(_types, CelType.Dyn);
    }

    private bool IsLenient => _diagnostics is null;

    public static CheckedTree Check(CelEnvironment environment, CelExpr root, int nodeCount, DiagnosticBag? diagnostics)
    {
        var checker = new Checker(environment, nodeCount, diagnostics);
        checker.Visit(root);
        CelType[] types = [.. checker._types.Select(type => checker._unifier.Substitute(type, unboundIsDyn: true))];
        return new CheckedTree(root, types, checker._resolutions, checker._localCount);
    }

    private CelType Visit(CelExpr node)
    {
        CelType type = node switch
        {
            CelExpr.Literal literal => TypeOf(literal.Value),
            CelExpr.Ident ident => VisitIdent(ident),
            CelExpr.Select select => VisitSelect(select),
            CelExpr.Call call => VisitCall(call),
            CelExpr.List list => VisitList(list),
            CelExpr.Map map => VisitMap(map),
            CelExpr.Struct made => VisitStruct(made),
            CelExpr.Comprehension comprehension => VisitComprehension(comprehension),
            CelExpr.Bind bind => VisitBind(bind),
            _ => CelType.Error,
        };

        // A name can stand for a nested type, so that nesting multiplies; beyond any use it is left to run time.
        type = type.Size > TypeSizeMax ? CelType.Dyn : type;
        _types[node.Id] = type;
        return type;
    }

    private static CelType TypeOf(in CelValue literal) => literal.Kind switch
    {
        CelKind.Null => CelType.Null,
        CelKind.Bool => CelType.Bool,
        CelKind.Int => CelType.Int,
        CelKind.Uint => CelType.Uint,
        CelKind.Double => CelType.Double,
        CelKind.String => CelType.String,
        _ => CelType.Bytes,
    };

    private CelType Report(CelExpr node, string message, string? hint, CelErrorCode code)
    {
        if (_diagnostics is null)
        {
            _resolutions[node.Id] = new Resolution.Failure(new CelError(code, message));
            return CelType.Dyn;
        }

        _diagnostics.Add(node.Offset, node.Length, message, hint);
        return CelType.Error;
    }

    private CelType VisitIdent(CelExpr.Ident ident)
    {
        if (FindLocal(ident) is (CelType type, int index))
        {
            _resolutions[ident.Id] = new Resolution.Local(index);
            return type;
        }

        if (ResolveName(ident, ident.Name, ident.IsAbsolute) is CelType found)
        {
            return found;
        }

        string? close = Names.Closest(ident.Name, VisibleNames());
        string hint = close is not null ? $"did you mean '{close}'?" : KnownVariables();
        return Report(ident, $"undeclared reference to '{ident.Name}'", hint, CelErrorCode.UndeclaredReference);
    }

    private IEnumerable<string> VisibleNames() =>
        _locals.Select(local => local.Name).Concat(_environment.Slots.Keys).Concat(_environment.Constants.Keys);

    private string KnownVariables()
    {
        string names = string.Join(", ", _environment.Variables.Take(12).Select(variable => variable.Name));
        return $"{(names.Length == 0 ? "there are no variables here" : "the variables are " + names)}; text goes between quotes";
    }

    private (CelType Type, int Index)? FindLocal(CelExpr.Ident ident)
    {
        if (!ident.IsAbsolute)
        {
            for (int index = _locals.Count - 1; index >= 0; index--)
            {
                if (_locals[index].Name == ident.Name)
                {
                    return (_locals[index].Type, _locals[index].Index);
                }
            }
        }

        return null;
    }

    // A variable, constant or type by its (qualified) name; records what it is.
    private CelType? ResolveName(CelExpr node, string name, bool isAbsolute)
    {
        foreach (string candidate in Names.Candidates(_environment.Container, name, isAbsolute))
        {
            if (_environment.Slots.TryGetValue(candidate, out int slot))
            {
                _resolutions[node.Id] = new Resolution.Variable(slot);
                return _environment.Variables[slot].Type;
            }

            if (_environment.Constants.TryGetValue(candidate, out CelValue constant))
            {
                _resolutions[node.Id] = new Resolution.Constant(constant);
                return RuntimeTypes.Of(constant);
            }

            CelType? type = RuntimeTypes.Named(candidate)
                ?? (_environment.Structs.TryGetValue(candidate, out CelStructType? structType) ? structType.Type : null);
            if (type is not null)
            {
                _resolutions[node.Id] = new Resolution.Constant(CelValue.Type(type));
                return CelType.Type(type);
            }
        }

        return null;
    }

    private CelType VisitSelect(CelExpr.Select select)
    {
        if (Names.Qualified(select) is (string name, CelExpr.Ident root)
            && FindLocal(root) is null
            && ResolveName(select, name, root.IsAbsolute) is CelType found)
        {
            return found;
        }

        CelType operand = _unifier.Substitute(Visit(select.Operand), unboundIsDyn: false);
        bool wasOptional = operand.Kind == CelTypeKind.Optional;
        CelType field = FieldType(select, wasOptional ? _unifier.Substitute(operand.Parameters[0], false) : operand);
        if (select.IsTest)
        {
            return CelType.Bool;
        }

        if (!wasOptional && !select.IsOptional)
        {
            return field;
        }

        return field.Kind == CelTypeKind.Optional && !select.IsOptional ? field : CelType.Optional(field);
    }

    private CelType FieldType(CelExpr.Select select, CelType operand)
    {
        switch (operand.Kind)
        {
            case CelTypeKind.Map:
                return operand.Parameters[1];
            case CelTypeKind.Dyn or CelTypeKind.Error:
                return CelType.Dyn;
            case CelTypeKind.TypeParameter:
                _unifier.IsAssignable(operand, CelType.Dyn);
                return CelType.Dyn;
            case CelTypeKind.Struct:
                CelStructType type = operand.StructType!;
                int index = type.IndexOf(select.Field);
                if (index >= 0)
                {
                    _resolutions[select.Id] = new Resolution.Field(type, index);
                    return type.Fields[index].Type;
                }

                return NoSuchField(select, type);
            default:
                return Report(
                    select,
                    $"a value of type {operand} has no field '{select.Field}'",
                    _environment.Functions.ContainsKey(select.Field)
                        ? $"to call the function write {select.Field}(…)"
                        : "only structs and maps have fields",
                    CelErrorCode.NoSuchOverload);
        }
    }

    private CelType NoSuchField(CelExpr node, CelStructType type, string? name = null)
    {
        name ??= ((CelExpr.Select)node).Field;
        string? close = Names.Closest(name, type.Fields.Select(field => field.Name));
        string hint = close is not null
            ? $"did you mean '{close}'?"
            : $"its fields are {string.Join(", ", type.Fields.Take(12).Select(field => field.Name))}";
        return Report(node, $"{type.Name} has no field '{name}'", hint, CelErrorCode.NoSuchField);
    }

    private CelType VisitList(CelExpr.List list)
    {
        CelType? element = null;
        for (int index = 0; index < list.Elements.Length; index++)
        {
            CelType type = Visit(list.Elements[index]);
            element = Join(element, list.IsOptional[index] ? Unwrapped(list.Elements[index], type) : type);
        }

        return CelType.List(element ?? _unifier.Fresh());
    }

    private CelType VisitMap(CelExpr.Map map)
    {
        CelType? key = null;
        CelType? value = null;
        for (int index = 0; index < map.Keys.Length; index++)
        {
            key = Join(key, KeyType(map.Keys[index]));
            CelType type = Visit(map.Values[index]);
            value = Join(value, map.IsOptional[index] ? Unwrapped(map.Values[index], type) : type);
        }

        return CelType.Map(key ?? _unifier.Fresh(), value ?? _unifier.Fresh());
    }

    private CelType KeyType(CelExpr key)
    {
        CelType type = _unifier.Substitute(Visit(key), unboundIsDyn: false);
        bool isKey = type.IsDynamic || type.Kind is CelTypeKind.Bool or CelTypeKind.Int or CelTypeKind.Uint or CelTypeKind.String
            or CelTypeKind.TypeParameter or CelTypeKind.Nullable;
        if (!isKey && !IsLenient)
        {
            Report(key, $"a value of type {type} cannot be a key", "keys are bool, int, uint or string", CelErrorCode.NoSuchOverload);
        }

        return isKey ? type : CelType.Dyn;
    }

    // Elements of different types make a list of dyn.
    private CelType Join(CelType? so_far, CelType type)
    {
        if (so_far is null)
        {
            return type;
        }

        return _unifier.IsAssignable(so_far, type) ? _unifier.MostGeneral(so_far, type) : CelType.Dyn;
    }

    private CelType Unwrapped(CelExpr node, CelType type)
    {
        CelType inner = _unifier.Fresh();
        if (_unifier.IsAssignable(CelType.Optional(inner), type))
        {
            return _unifier.Substitute(inner, false);
        }

        return Report(
            node,
            $"'?' wants an optional value, this is of type {Show(type)}",
            "leave out the '?', or wrap the value in optional.of()",
            CelErrorCode.NoSuchOverload);
    }

    private CelType VisitStruct(CelExpr.Struct made)
    {
        CelType[] types = [.. made.Values.Select(Visit)];
        foreach (string candidate in Names.Candidates(_environment.Container, made.TypeName, made.IsAbsolute))
        {
            if (_environment.Structs.TryGetValue(candidate, out CelStructType? type) && type.CanBeBuilt)
            {
                return CheckFields(made, type, types);
            }
        }

        string? close = Names.Closest(made.TypeName, _environment.Structs.Keys.SelectMany(StructSpellings));
        return Report(
            made,
            $"there is no struct type '{made.TypeName}'",
            close is null ? "a map is written {'key': value}" : $"did you mean '{close}'?",
            CelErrorCode.UndeclaredReference);
    }

    // A type of the container can be written without it.
    private IEnumerable<string> StructSpellings(string name) =>
        name.StartsWith(_environment.Container + ".", StringComparison.Ordinal) ? [name, name[(_environment.Container.Length + 1)..]] : [name];

    private CelType CheckFields(CelExpr.Struct made, CelStructType type, CelType[] types)
    {
        var indexes = new int[made.Fields.Length];
        for (int index = 0; index < indexes.Length; index++)
        {
            indexes[index] = type.IndexOf(made.Fields[index]);
            if (indexes[index] < 0)
            {
                return NoSuchField(made, type, made.Fields[index]);
            }

            CelExpr value = made.Values[index];
            CelType given = made.IsOptional[index] ? Unwrapped(value, types[index]) : types[index];
            CelType wanted = type.Fields[indexes[index]].Type;
            if (!_unifier.IsAssignable(wanted, given) && !IsLenient)
            {
                Report(
                    value,
                    $"field '{made.Fields[index]}' of {type.Name} is of type {wanted}, this is of type {Show(given)}",
                    null,
                    CelErrorCode.NoSuchOverload);
            }
        }

        _resolutions[made.Id] = new Resolution.Struct(type, [.. indexes]);
        return type.MadeType;
    }

    private string Show(CelType type) => _unifier.Substitute(type, unboundIsDyn: true).ToString();
}
