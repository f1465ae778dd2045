using System.Collections.Generic;
using System.Globalization;
using System.Linq;

namespace PipeRoll.Wire.Generator.Parsing;

/// <summary>Reads the fields of one message, and the structures that are defined where they are first used.</summary>
internal sealed class BodyParser(List<SourceLine> lines, int next, List<Problem> problems, int flexibleSince, Role role)
{
    private static readonly Dictionary<string, Kind> Primitives = new()
    {
        ["bool"] = Kind.Bool,
        ["int8"] = Kind.Int8,
        ["int16"] = Kind.Int16,
        ["uint16"] = Kind.UInt16,
        ["int32"] = Kind.Int32,
        ["int64"] = Kind.Int64,
        ["float64"] = Kind.Float64,
        ["uuid"] = Kind.Uuid,
        ["string"] = Kind.String,
        ["bytes"] = Kind.Bytes,
        ["records"] = Kind.Records,
    };

    public int Next { get; private set; } = next;

    public List<Structure> Structures { get; } = [];

    public EquatableArray<Field> ParseFields(int depth, VersionRange outer, string owner)
    {
        var fields = new List<Field>();
        while (Next < lines.Count && lines[Next].Depth >= depth)
        {
            SourceLine line = lines[Next++];
            if (line.Depth > depth)
            {
                Problem(Rules.Placement, line.First, "indented too far: only a field whose type is a new structure has fields of its own");
                continue;
            }

            if (ParseField(line, outer) is { } field)
            {
                CheckUnique(line, field, fields, owner);
                fields.Add(field);
            }
        }

        CheckTagsAreDense(fields);
        return new EquatableArray<Field>(fields);
    }

    private Field? ParseField(SourceLine line, VersionRange outer)
    {
        Word name = line.First;
        if (!IsName(name.Text))
        {
            Problem(Rules.Syntax, name, $"'{name.Text}' is not a field name: letters and digits, a capital first");
            return null;
        }

        if (line.Words.Count < 2)
        {
            Problem(Rules.Syntax, name, $"the field {name.Text} has no type");
            return null;
        }

        var attributes = new FieldAttributes(line.Words.Skip(2), outer, Problem);
        VersionRange versions = attributes.Versions ?? outer;
        if (ParseType(line.Words[1], versions, out int nullableSince) is not { } type)
        {
            return null;
        }

        if (type.Kind == Kind.Struct)
        {
            ParseStructure(line, type.StructName!, versions);
        }

        var field = new Field(
            name.Text,
            type,
            versions,
            nullableSince,
            attributes.Default?.Text,
            attributes.Tag,
            attributes.Plain,
            attributes.Name,
            line.Comment);
        Check(field, line, attributes);
        return field;
    }

    private FieldType? ParseType(Word word, VersionRange versions, out int nullableSince)
    {
        nullableSince = -1;
        string text = word.Text;
        int question = text.IndexOf('?');
        if (question >= 0)
        {
            string since = text.Substring(question + 1);
            nullableSince = since.Length == 0 ? versions.Low : VersionText.Since(since) ?? -1;
            if (nullableSince < versions.Low || nullableSince > versions.High)
            {
                Problem(Rules.Versions, word, $"'{text}': after the question mark stands nothing or a version such as 7+");
                return null;
            }

            text = text.Substring(0, question);
        }

        bool isArray = text.Length > 2 && text[0] == '[' && text[text.Length - 1] == ']';
        text = isArray ? text.Substring(1, text.Length - 2) : text;
        if (Primitives.TryGetValue(text, out Kind kind))
        {
            return new FieldType(kind, isArray, null);
        }

        if (IsName(text))
        {
            return new FieldType(Kind.Struct, isArray, text);
        }

        string known = string.Join(", ", Primitives.Keys);
        Problem(Rules.UnknownType, word, $"'{text}' is not a type: {known}, or a structure with a capital first");
        return null;
    }

    private void ParseStructure(SourceLine line, string name, VersionRange versions)
    {
        bool hasBody = Next < lines.Count && lines[Next].Depth > line.Depth;
        Structure? known = Structures.FirstOrDefault(structure => structure.Name == name);
        if (!hasBody)
        {
            if (known is null)
            {
                Problem(Rules.UnknownType, line.Words[1], $"the structure {name} has no fields: indent them below its first use");
            }
            else if (!known.Versions.Covers(versions))
            {
                string range = $"{known.Versions.Low}-{known.Versions.High}";
                Problem(Rules.Versions, line.Words[1], $"{name} is defined for the versions {range} only");
            }

            return;
        }

        if (known is not null)
        {
            Problem(Rules.Duplicate, line.Words[1], $"a second structure {name}: name it again without fields to use the first");
        }

        int place = Structures.Count;
        EquatableArray<Field> fields = ParseFields(line.Depth + 1, versions, name);
        Structures.Insert(place, new Structure(name, versions, fields, line.Comment));
    }

    private void Check(Field field, SourceLine line, FieldAttributes attributes)
    {
        if (attributes.Default is { } value && !Defaults.Fits(field))
        {
            Problem(Rules.Value, value, $"'{value.Text}' is not a default of the type {line.Words[1].Text}");
        }

        if (field.IsTagged && field.Versions.Low < flexibleSince)
        {
            Problem(Rules.Versions, line.First, $"{field.Name} is tagged in version {field.Versions.Low}, which is not flexible");
        }

        if (field.IsName && (field.Type.Kind != Kind.String || field.Type.IsArray))
        {
            Problem(Rules.Placement, line.Words[1], "only a single string can be a name");
        }

        bool nullable = field.Type.IsArray || field.Type.Kind is Kind.String or Kind.Bytes or Kind.Records
            || (field.Type.Kind == Kind.Struct && !field.IsTagged);
        if (field.IsNullable && !nullable)
        {
            Problem(Rules.Placement, line.Words[1], $"'{line.Words[1].Text}': only arrays, strings, bytes, records and structures without a tag can be null");
        }

        if (field.Type is { Kind: Kind.Records, IsArray: true } || (role == Role.Embedded && field.Type.Kind == Kind.Records))
        {
            Problem(Rules.Placement, line.Words[1], "records stand alone, and only in requests and responses");
        }
    }

    private void CheckUnique(SourceLine line, Field field, List<Field> before, string owner)
    {
        if (before.Any(other => other.Name == field.Name))
        {
            Problem(Rules.Duplicate, line.First, $"a second field {field.Name} in {owner}");
        }

        if (field.IsTagged && before.Any(other => other.Tag == field.Tag))
        {
            Problem(Rules.Duplicate, line.First, $"tag {field.Tag} is used twice in {owner}");
        }

        if (field.Name == owner || (field.Type.StructName is { } type && type == field.Name && line.Depth == 1))
        {
            Problem(Rules.Duplicate, line.First, $"{field.Name} is also the name of its class: name the structure otherwise");
        }
    }

    private void CheckTagsAreDense(List<Field> fields)
    {
        int tags = fields.Count(field => field.IsTagged);
        if (fields.Any(field => field.Tag >= tags))
        {
            Problem(Rules.Value, lines[Next - 1].First, $"{tags} tagged fields end here: their tags are 0 to {tags - 1}, without a gap");
        }
    }

    private static bool IsName(string text) =>
        text.Length > 0 && text[0] is >= 'A' and <= 'Z'
        && text.All(letter => letter is (>= 'A' and <= 'Z') or (>= 'a' and <= 'z') or (>= '0' and <= '9'));

    private void Problem(string rule, Word word, string text) =>
        problems.Add(new Problem(rule, word.Line, word.Column, word.Text.Length, text));
}
