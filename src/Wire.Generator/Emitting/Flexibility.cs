using System.Linq;

namespace PipeRoll.Wire.Generator.Emitting;

/// <summary>Whether the versions of a class are flexible: always, never, or from one version on.</summary>
internal sealed class Flexibility
{
    private readonly int _since;
    private readonly bool _always;

    private Flexibility(int since, VersionRange versions)
    {
        _since = since;
        Ever = since <= versions.High;
        _always = since <= versions.Low;
    }

    public bool Ever { get; }

    /// <summary>The condition under which a version is flexible; null if always.</summary>
    public string? Condition => _always ? null : Variable;

    private string Variable { get; set; } = "flexible";

    public static Flexibility Of(Message message, VersionRange versions) => new(message.FlexibleSince, versions);

    /// <summary>Whether this field is in compact form, as an expression.</summary>
    public string Of(Field field)
    {
        if (field.Plain || !Ever || field.Versions.High < _since)
        {
            return "compact: false";
        }

        return _always || field.Versions.Low >= _since ? "compact: true" : $"compact: {Variable}";
    }

    /// <summary>Declares the variable that <see cref="Of(Field)"/> names, or inlines it if it is used once.</summary>
    public void Declare(SourceWriter source, EquatableArray<Field> fields)
    {
        if (!Ever || _always)
        {
            return;
        }

        bool used = fields.Any(field => !field.IsTagged && (field.Type.IsArray || Facts.HasLength(field.Type.Kind))
            && Of(field).EndsWith(Variable, System.StringComparison.Ordinal));
        if (used)
        {
            source.Line($"bool {Variable} = version >= {_since};");
        }
        else
        {
            Variable = $"version >= {_since}";
        }
    }
}
