namespace PipeRoll.Cel;

/// <summary>One field of a struct type.</summary>
/// <param name="Name">As written after the dot.</param>
/// <param name="Type">Its static type.</param>
public sealed record CelField(string Name, CelType Type)
{
    /// <summary>
    /// How many elements, UTF-16 units or bytes a value has at most; null where that is not known. It is not enforced: the worst cost of
    /// an expression is computed with it.
    /// </summary>
    public long? SizeMax { get; init; }
}

/// <summary>
/// A named set of typed fields. The checker turns each <c>value.field</c> into the index of the field here, so that reading
/// it at run time is one virtual call. Immutable; two types are the same when their names are.
/// </summary>
public sealed class CelStructType
{
    private readonly Dictionary<string, int> _indexes = new(StringComparer.Ordinal);
    private CelField[] _fields = [];

    /// <exception cref="ArgumentException">Two fields have the same name.</exception>
    public CelStructType(string name, params IEnumerable<CelField> fields)
    {
        Name = name;
        Type = CelType.Struct(this);
        Define(fields);
    }

    private CelStructType(string name)
    {
        Name = name;
        Type = CelType.Struct(this);
    }

    /// <summary>The type of a protobuf message, whose fields are defined when all messages are there: they may be of each other's types.</summary>
    internal CelStructType(string name, Protobuf.ProtoMessageType message)
    {
        Name = name;
        Type = CelType.Struct(this);
        Message = message;
    }

    public string Name { get; }

    public IReadOnlyList<CelField> Fields => _fields;

    /// <summary>False for the types of an extension, whose values only its functions make.</summary>
    internal bool CanBeBuilt { get; init; } = true;

    /// <summary>The protobuf message this is the type of, or null.</summary>
    internal Protobuf.ProtoMessageType? Message { get; }

    /// <summary>What a literal of this type makes: the struct, unless it is a well-known message.</summary>
    internal CelType MadeType => Message?.ValueType ?? Type;

    /// <summary>This type as a <see cref="CelType"/>.</summary>
    public CelType Type { get; }

    /// <summary>The index of a field in <see cref="Fields"/>, or -1.</summary>
    public int IndexOf(string fieldName) => _indexes.GetValueOrDefault(fieldName, -1);

    /// <summary>A type whose fields are to be defined before anybody uses it; they may be of this type.</summary>
    internal static CelStructType Declare(string name) => new(name);

    internal void Define(IEnumerable<CelField> fields)
    {
        _fields = [.. fields];
        for (int index = 0; index < _fields.Length; index++)
        {
            if (!_indexes.TryAdd(_fields[index].Name, index))
            {
                throw new ArgumentException($"Struct type {Name} has two fields named {_fields[index].Name}; rename one.", nameof(fields));
            }
        }
    }
}

/// <summary>
/// A struct value. The host derives from it to let expressions read its objects in place: an event reader keeps its columns
/// and returns them from <see cref="GetField"/> without allocating.
/// </summary>
public abstract class CelStruct
{
    public abstract CelStructType StructType { get; }

    /// <summary>The value of a field, by its index in <see cref="StructType"/>; null (or its type's default) when it is not set.</summary>
    public abstract CelValue GetField(int index);

    /// <summary>Whether <c>has(value.field)</c> is true.</summary>
    public abstract bool HasField(int index);

    /// <summary>
    /// A field that is an int, without a <see cref="CelValue"/> around it. False: ask <see cref="GetField"/>. A host may override this and
    /// the two below where it can answer faster.
    /// </summary>
    public virtual bool TryGetInt(int index, out long value)
    {
        value = 0;
        return false;
    }

    /// <summary>A field that is a double. False: ask <see cref="GetField"/>.</summary>
    public virtual bool TryGetDouble(int index, out double value)
    {
        value = 0;
        return false;
    }

    /// <summary>A field that is a text, as valid UTF-8, so that comparing it needs no string. False: ask <see cref="GetField"/>.</summary>
    public virtual bool TryGetUtf8(int index, out ReadOnlySpan<byte> utf8)
    {
        utf8 = default;
        return false;
    }

    /// <summary>As <see cref="CelList.Weight"/>.</summary>
    internal virtual long Weight => 1;

    /// <summary>As <see cref="CelValue.Depth"/>.</summary>
    internal virtual int Depth => 1;

    /// <summary>Equality with a struct whose type has the same name.</summary>
    internal virtual bool IsEqualTo(CelStruct other)
    {
        for (int index = 0; index < StructType.Fields.Count; index++)
        {
            if (HasField(index) != other.HasField(index) || !CelValue.AreEqual(GetField(index), other.GetField(index)))
            {
                return false;
            }
        }

        return true;
    }
}

/// <summary>A struct held as an array of values: what <c>acme.Event{amount: 1.0}</c> builds. Immutable.</summary>
public sealed class CelRecord : CelStruct
{
    private readonly CelValue[] _values;
    private readonly bool[] _set;

    /// <param name="type">Its type.</param>
    /// <param name="values">One per field of the type, in its order.</param>
    /// <param name="set">Which fields are set; null: all.</param>
    /// <exception cref="ArgumentException">The arrays do not have the length of the type's fields.</exception>
    public CelRecord(CelStructType type, CelValue[] values, bool[]? set = null)
    {
        StructType = type;
        _values = values;
        _set = set ?? [.. Enumerable.Repeat(true, values.Length)];
        if (values.Length != type.Fields.Count || _set.Length != values.Length)
        {
            throw new ArgumentException($"{type.Name} has {type.Fields.Count} fields; give as many values.", nameof(values));
        }

        // Once, and not when asked: a record that is in many others would be walked over for each of them.
        Weight = _values.Aggregate(1L, (weight, value) => CelValue.AddWeights(weight, 1 + value.Weight));
        Depth = 1 + _values.Aggregate(0, (depth, value) => Math.Max(depth, value.Depth));
    }

    public override CelStructType StructType { get; }

    public override CelValue GetField(int index) => _values[index];

    public override bool HasField(int index) => _set[index];

    internal override long Weight { get; }

    internal override int Depth { get; }
}
