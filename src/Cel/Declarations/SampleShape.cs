using System.Text.Json;

namespace PipeRoll.Cel.Declarations;

/// <summary>What has been seen at one place of the samples. Grows with the number of distinct members, not of samples.</summary>
internal sealed class SampleShape
{
    // Beyond so many members, each of them rare, the names are data and the object a map.
    private const int MembersMax = 64;
    private const int RareShare = 10;

    private readonly Dictionary<string, SampleShape> _members = new(StringComparer.Ordinal);
    private SampleShape? _element;
    private int _count;
    private int _objects;
    private Kinds _kinds;

    [Flags]
    private enum Kinds
    {
        None = 0,
        Null = 1,
        Bool = 2,
        Int = 4,
        Double = 8,
        String = 16,
        Array = 32,
        Object = 64,
    }

    public void Add(JsonElement sample)
    {
        _count++;
        switch (sample.ValueKind)
        {
            case JsonValueKind.True or JsonValueKind.False:
                _kinds |= Kinds.Bool;
                break;
            case JsonValueKind.Number:
                _kinds |= sample.TryGetInt64(out _) ? Kinds.Int : Kinds.Double;
                break;
            case JsonValueKind.String:
                _kinds |= Kinds.String;
                break;
            case JsonValueKind.Array:
                _kinds |= Kinds.Array;
                _element ??= new SampleShape();
                foreach (JsonElement element in sample.EnumerateArray())
                {
                    _element.Add(element);
                }

                break;
            case JsonValueKind.Object:
                _kinds |= Kinds.Object;
                _objects++;
                foreach (JsonProperty property in sample.EnumerateObject())
                {
                    SampleShape member = _members.TryGetValue(property.Name, out SampleShape? known) ? known : _members[property.Name] = new SampleShape();
                    member.Add(property.Value);
                }

                break;
            default:
                _kinds |= Kinds.Null;
                break;
        }
    }

    public CelType ToType(string name)
    {
        CelType type = (_kinds & ~Kinds.Null) switch
        {
            Kinds.None => _kinds == Kinds.Null ? CelType.Null : CelType.Dyn,
            Kinds.Bool => CelType.Bool,
            Kinds.Int => CelType.Int,
            Kinds.Double or (Kinds.Int | Kinds.Double) => CelType.Double,
            Kinds.String => CelType.String,
            Kinds.Array => CelType.List(_element!.ToType(name + ".element")),
            Kinds.Object => ObjectType(name),
            _ => CelType.Dyn,
        };
        return _kinds.HasFlag(Kinds.Null) && type.Kind != CelTypeKind.Null ? CelDeclarations.OrNull(type) : type;
    }

    private CelType ObjectType(string name)
    {
        bool isMap = _members.Count == 0
            || (_members.Count > MembersMax && _members.Values.All(member => (long)member._count * RareShare < _objects));
        if (!isMap)
        {
            return CelType.Struct(name, _members.OrderBy(member => member.Key, StringComparer.Ordinal)
                .Select(member => new CelField(member.Key, member.Value.ToType($"{name}.{member.Key}"))));
        }

        CelType[] values = [.. _members.Values.Select(member => member.ToType(name + ".value")).Distinct()];
        return CelType.Map(CelType.String, values.Length == 1 ? values[0] : CelType.Dyn);
    }
}
