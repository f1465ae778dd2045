using System.Collections.Immutable;
using System.Globalization;

namespace PipeRoll.Cel.Checking;

/// <summary>
/// Assignability of types with type parameters (cel-spec, langdef: "Gradual Type Checking"). Parameters are bound as types are
/// compared; a comparison that fails leaves no binding behind. One per expression, one thread.
/// </summary>
internal sealed class TypeUnifier
{
    private readonly Dictionary<string, CelType> _bindings = new(StringComparer.Ordinal);
    private readonly List<(string Name, CelType? Before)> _trail = [];
    private int _fresh;

    public CelType Fresh() => CelType.TypeParameter(string.Create(CultureInfo.InvariantCulture, $"%{_fresh++}"));

    /// <summary>A copy of an overload's types with its parameters renamed, so that each use binds its own.</summary>
    public (ImmutableArray<CelType> Arguments, CelType Result) Instantiate(CelOverload overload)
    {
        var names = new Dictionary<string, CelType>(StringComparer.Ordinal);
        return ([.. overload.Arguments.Select(type => Rename(type, names))], Rename(overload.Result, names));
    }

    /// <summary>Whether values of the sources can be passed where the targets are wanted; binds parameters if so.</summary>
    public bool AreAssignable(ReadOnlySpan<CelType> targets, ReadOnlySpan<CelType> sources)
    {
        int mark = _trail.Count;
        for (int index = 0; index < targets.Length; index++)
        {
            if (!Assign(targets[index], sources[index]))
            {
                Undo(mark);
                return false;
            }
        }

        return true;
    }

    public bool IsAssignable(CelType target, CelType source) => AreAssignable([target], [source]);

    /// <summary>A position to return to with <see cref="Undo"/>.</summary>
    public int Mark() => _trail.Count;

    public void Undo(int mark)
    {
        for (int index = _trail.Count - 1; index >= mark; index--)
        {
            (string name, CelType? before) = _trail[index];
            if (before is null)
            {
                _bindings.Remove(name);
            }
            else
            {
                _bindings[name] = before;
            }
        }

        _trail.RemoveRange(mark, _trail.Count - mark);
    }

    /// <summary>The type with all bound parameters replaced; unbound ones become dyn when asked for.</summary>
    public CelType Substitute(CelType type, bool unboundIsDyn)
    {
        if (type.Kind == CelTypeKind.TypeParameter)
        {
            if (_bindings.TryGetValue(type.Name, out CelType? bound))
            {
                return Substitute(bound, unboundIsDyn);
            }

            return unboundIsDyn ? CelType.Dyn : type;
        }

        return type.Parameters.IsEmpty
            ? type
            : type.WithParameters([.. type.Parameters.Select(parameter => Substitute(parameter, unboundIsDyn))]);
    }

    /// <summary>The type that both can be used as: of two assignable types the wider.</summary>
    public CelType MostGeneral(CelType left, CelType right)
    {
        left = Substitute(left, false);
        right = Substitute(right, false);
        return IsAsGeneral(left, right) ? left : right;
    }

    private static bool IsAsGeneral(CelType left, CelType right)
    {
        if (left.IsDynamic || left.Kind == CelTypeKind.TypeParameter)
        {
            return true;
        }

        if (right.IsDynamic || right.Kind == CelTypeKind.TypeParameter || left.Kind == CelTypeKind.Null)
        {
            return false;
        }

        if (right.Kind == CelTypeKind.Null)
        {
            return true;
        }

        if (right.Kind == CelTypeKind.Nullable)
        {
            return left.Kind == CelTypeKind.Nullable;
        }

        return left.Kind != right.Kind || left.Parameters.Zip(right.Parameters).All(pair => IsAsGeneral(pair.First, pair.Second));
    }

    private CelType Rename(CelType type, Dictionary<string, CelType> names)
    {
        if (type.Kind == CelTypeKind.TypeParameter)
        {
            if (!names.TryGetValue(type.Name, out CelType? fresh))
            {
                names[type.Name] = fresh = Fresh();
            }

            return fresh;
        }

        return type.Parameters.IsEmpty ? type : type.WithParameters([.. type.Parameters.Select(parameter => Rename(parameter, names))]);
    }

    private bool Assign(CelType target, CelType source)
    {
        if (target.Kind == CelTypeKind.TypeParameter && source.Kind == CelTypeKind.TypeParameter && target.Name == source.Name)
        {
            return true;
        }

        if (source.Kind == CelTypeKind.TypeParameter)
        {
            return AssignParameter(source, target);
        }

        if (target.Kind == CelTypeKind.TypeParameter)
        {
            return AssignParameter(target, source);
        }

        if (target.IsDynamic || source.IsDynamic)
        {
            return true;
        }

        if (target.Kind == CelTypeKind.Null || source.Kind == CelTypeKind.Null)
        {
            return CanBeNull(target) && CanBeNull(source);
        }

        return AssignConcrete(target, source);
    }

    private static bool CanBeNull(CelType type) =>
        type.Kind is CelTypeKind.Null or CelTypeKind.Nullable or CelTypeKind.Struct or CelTypeKind.Timestamp or CelTypeKind.Duration
            or CelTypeKind.Opaque or CelTypeKind.Optional;

    private bool AssignConcrete(CelType target, CelType source)
    {
        if (target.Kind == CelTypeKind.Nullable || source.Kind == CelTypeKind.Nullable)
        {
            CelType inner = target.Kind == CelTypeKind.Nullable ? target.Parameters[0] : target;
            CelType other = source.Kind == CelTypeKind.Nullable ? source.Parameters[0] : source;
            return inner.Equals(other);
        }

        if (target.Kind != source.Kind || target.Name != source.Name || target.Parameters.Length != source.Parameters.Length)
        {
            return false;
        }

        if (target.Kind == CelTypeKind.Type)
        {
            return true;
        }

        for (int index = 0; index < target.Parameters.Length; index++)
        {
            if (!Assign(target.Parameters[index], source.Parameters[index]))
            {
                return false;
            }
        }

        return true;
    }

    private bool AssignParameter(CelType parameter, CelType type)
    {
        if (_bindings.TryGetValue(parameter.Name, out CelType? bound))
        {
            if (!Assign(type, bound))
            {
                return false;
            }

            CelType general = MostGeneral(type, bound);
            if (!general.Equals(bound) && !Occurs(parameter.Name, general))
            {
                Bind(parameter.Name, general);
            }

            return true;
        }

        if (Occurs(parameter.Name, type))
        {
            return Substitute(type, false).Equals(parameter);
        }

        Bind(parameter.Name, type);
        return true;
    }

    private void Bind(string name, CelType type)
    {
        _trail.Add((name, _bindings.GetValueOrDefault(name)));
        _bindings[name] = type;
    }

    private bool Occurs(string name, CelType type)
    {
        if (type.Kind == CelTypeKind.TypeParameter)
        {
            return type.Name == name || (_bindings.TryGetValue(type.Name, out CelType? bound) && Occurs(name, bound));
        }

        return type.Parameters.Any(parameter => Occurs(name, parameter));
    }
}
