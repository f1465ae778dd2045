namespace PipeRoll.Schemas.Protobuf;

/// <summary>
/// Does the reader understand the writer's bytes? Fields may come and go, since both sides pass over what they don't know; what has a number keeps its
/// meaning. The writer's file is called the old, the reader's the new one.
/// </summary>
internal sealed class ProtoCompatibility(ProtoTypes reader, ProtoTypes writer)
{
    private readonly List<Incompatibility> _found = [];
    private readonly HashSet<(string New, string Old)> _begun = [];

    public static IReadOnlyList<Incompatibility> Find(ProtoFile reader, ProtoTypes readerTypes, ProtoFile writer, ProtoTypes writerTypes)
    {
        var check = new ProtoCompatibility(readerTypes, writerTypes);
        if (reader.Package != writer.Package)
        {
            check.Add("PACKAGE_CHANGED", "#/", $"the package was '{writer.Package}' and is '{reader.Package}'");
            return check._found;
        }

        check.CheckMessages(reader.Messages, writer.Messages, reader.Package);
        return check._found;
    }

    private void CheckMessages(List<ProtoMessage> taken, List<ProtoMessage> written, string scope)
    {
        foreach (ProtoMessage old in written)
        {
            string name = ProtoTypes.Join(scope, old.Name);
            if (taken.Any(message => message.Name == old.Name))
            {
                CheckMessage(name, name);
            }
            else
            {
                Add("MESSAGE_REMOVED", $"#/{name}", $"the new schema has no message {name}");
            }
        }
    }

    private void CheckMessage(string newName, string oldName)
    {
        if (!_begun.Add((newName, oldName)) || reader.Message(newName) is not { } taken || writer.Message(oldName) is not { } written)
        {
            return;
        }

        foreach (ProtoField old in written.Fields)
        {
            string at = $"#/{newName}/{old.Number}";
            if (taken.Fields.FirstOrDefault(field => field.Number == old.Number) is { } field)
            {
                CheckField(field, newName, old, oldName, at);
            }
            else if (old.Label == ProtoLabel.Required)
            {
                Add("REQUIRED_FIELD_REMOVED", at, $"the new schema has no field {old.Name}, which the old one requires");
            }
            else if (old.OneOf is { } oneOf && taken.OneOfs.Contains(oneOf))
            {
                Add("ONEOF_FIELD_REMOVED", at, $"the oneof {oneOf} of the new schema has no field {old.Name} any more");
            }
        }

        foreach (ProtoField field in taken.Fields.Where(field => field.Label == ProtoLabel.Required))
        {
            if (written.Fields.FirstOrDefault(old => old.Number == field.Number) is not { Label: ProtoLabel.Required })
            {
                Add("REQUIRED_FIELD_ADDED", $"#/{newName}/{field.Number}", $"the new schema requires {field.Name}, which the old one did not");
            }
        }

        CheckOneOfs(taken, written, newName);
        CheckMessages(taken.Messages, written.Messages, newName);
    }

    private void CheckField(ProtoField field, string newScope, ProtoField old, string oldScope, string at)
    {
        string newKind = KindOf(reader, field, newScope);
        string oldKind = KindOf(writer, old, oldScope);
        if (newKind != oldKind)
        {
            Add("FIELD_KIND_CHANGED", at, $"the field {field.Name} was a {oldKind} and is a {newKind}");
            return;
        }

        if (field.KeyType is { } key && !ProtoScalars.AreAlike(key, old.KeyType!))
        {
            Add("FIELD_SCALAR_KIND_CHANGED", at, $"the keys of {field.Name} were {old.KeyType} and are {key}");
        }

        bool isScalar = ProtoScalars.Is(field.Type);
        if (isScalar != ProtoScalars.Is(old.Type) || (isScalar && !ProtoScalars.AreAlike(field.Type, old.Type)))
        {
            Add("FIELD_SCALAR_KIND_CHANGED", at, $"the field {field.Name} was {old.Type} and is {field.Type}");
            return;
        }

        bool isNumeric = isScalar ? ProtoScalars.Wire(field.Type) != ProtoScalars.Length : newKind == "enum";
        if (field.IsRepeated != old.IsRepeated && isNumeric)
        {
            Add("FIELD_NUMERIC_LABEL_ALTERED", at, $"the field {field.Name} was {(old.IsRepeated ? "repeated" : "one value")} and is not any more");
        }

        if (!isScalar)
        {
            CheckNamed(field, newScope, old, oldScope, at);
        }
    }

    private void CheckNamed(ProtoField field, string newScope, ProtoField old, string oldScope, string at)
    {
        string? newType = reader.Resolve(newScope, field.Type);
        string? oldType = writer.Resolve(oldScope, old.Type);
        if (newType != oldType)
        {
            Add("FIELD_NAMED_TYPE_CHANGED", at, $"the field {field.Name} was {oldType} and is {newType}");
        }
        else
        {
            CheckMessage(newType!, oldType!);
        }
    }

    private void CheckOneOfs(ProtoMessage taken, ProtoMessage written, string name)
    {
        foreach (string oneOf in taken.OneOfs)
        {
            ProtoField[] moved = [.. taken.Fields.Where(field => field.OneOf == oneOf
                && written.Fields.Any(old => old.Number == field.Number && old.OneOf is null))];
            if (moved.Length > 0 && written.OneOfs.Contains(oneOf))
            {
                Add("FIELD_MOVED_TO_EXISTING_ONEOF", $"#/{name}/{oneOf}", $"the field {moved[0].Name} stood by itself and is one of the oneof {oneOf}");
            }
            else if (moved.Length > 1)
            {
                Add("MULTIPLE_FIELDS_MOVED_TO_ONEOF", $"#/{name}/{oneOf}",
                    $"the fields {string.Join(", ", moved.Select(static field => field.Name))} could stand beside each other, in the oneof {oneOf} they can't");
            }
        }
    }

    private static string KindOf(ProtoTypes types, ProtoField field, string scope) =>
        field.KeyType is not null ? "map"
        : ProtoScalars.Is(field.Type) ? "scalar"
        : types.Resolve(scope, field.Type) is { } full && types.IsEnum(full) ? "enum"
        : "message";

    private void Add(string kind, string path, string detail) => _found.Add(new Incompatibility(kind, path, detail));
}
