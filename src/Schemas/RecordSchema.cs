using System.Collections.Immutable;

namespace PipeRoll.Schemas;

/// <summary>What the values of a field are.</summary>
public enum FieldKind
{
    Boolean,

    /// <summary>Whole numbers of 64 bits; also times that are written as numbers.</summary>
    Long,

    Double,

    String,

    /// <summary>A date or time in ISO 8601 text.</summary>
    Timestamp,

    /// <summary>A nested object or array, kept as it is.</summary>
    Json,
}

/// <param name="Name">As in the source: case and punctuation are kept.</param>
/// <param name="IsNullable">Some records have no value here (an empty cell, a null, or no such member).</param>
public sealed record RecordField(string Name, FieldKind Kind, bool IsNullable);

/// <summary>The fields of a record, in the source's order. Names are unique.</summary>
public sealed class RecordSchema
{
    private readonly Dictionary<string, RecordField> _byName;

    /// <exception cref="ArgumentException">Two fields have one name.</exception>
    public RecordSchema(IEnumerable<RecordField> fields)
    {
        Fields = [.. fields];
        _byName = new Dictionary<string, RecordField>(StringComparer.Ordinal);
        foreach (RecordField field in Fields)
        {
            if (!_byName.TryAdd(field.Name, field))
            {
                throw new ArgumentException($"the field '{field.Name}' is there twice; rename one of the columns", nameof(fields));
            }
        }
    }

    public ImmutableArray<RecordField> Fields { get; }

    public RecordField? Find(string name) => _byName.GetValueOrDefault(name);
}
