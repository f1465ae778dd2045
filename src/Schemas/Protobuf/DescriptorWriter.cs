using System.Text;

namespace PipeRoll.Schemas.Protobuf;

/// <summary>A file to a serialised FileDescriptorProto (descriptor.proto). Options that <see cref="DescriptorReader"/> does not read are left out.</summary>
internal sealed class DescriptorWriter
{
    private readonly ProtoTypes _types;
    private readonly bool _isProto3;

    private DescriptorWriter(ProtoTypes types, bool isProto3)
    {
        _types = types;
        _isProto3 = isProto3;
    }

    public static byte[] Write(ProtoFile file, ProtoTypes types, string name) => new DescriptorWriter(types, file.Syntax == "proto3").File(file, name);

    private byte[] File(ProtoFile file, string name)
    {
        var message = new Members().Text(1, name);
        if (file.Package.Length > 0)
        {
            message.Text(2, file.Package);
        }

        for (int i = 0; i < file.Imports.Count; i++)
        {
            message.Text(3, file.Imports[i].Path);
        }

        foreach (ProtoMessage inner in file.Messages)
        {
            message.Bytes(4, Message(inner, file.Package));
        }

        foreach (ProtoEnum type in file.Enums)
        {
            message.Bytes(5, Enum(type));
        }

        foreach (ProtoService service in file.Services)
        {
            message.Bytes(6, Service(service, file.Package));
        }

        foreach (ProtoField field in file.Extends.SelectMany(static extend => extend.Fields, (extend, field) => field with { KeyType = null, OneOf = null }))
        {
            message.Bytes(7, Field(field, file.Package, [], ExtendeeOf(file.Extends, field, file.Package)));
        }

        byte[] options = FileOptions(file.Options);
        if (options.Length > 0)
        {
            message.Bytes(8, options);
        }

        for (int i = 0; i < file.Imports.Count; i++)
        {
            if (file.Imports[i].Modifier.Length > 0)
            {
                message.Number(file.Imports[i].Modifier == "public" ? 10 : 11, i);
            }
        }

        return (_isProto3 ? message.Text(12, "proto3") : message).ToArray();
    }

    private string ExtendeeOf(List<ProtoExtend> extends, ProtoField field, string scope) =>
        _types.FullName(scope, extends.First(extend => extend.Fields.Any(other => other.Number == field.Number && other.Name == field.Name)).Type);

    private byte[] Message(ProtoMessage message, string scope)
    {
        string own = ProtoTypes.Join(scope, message.Name);
        var members = new Members().Text(1, message.Name);
        List<string> oneOfs = [.. message.OneOfs];
        foreach (ProtoField field in message.Fields)
        {
            members.Bytes(2, Field(field, own, oneOfs, null));
        }

        foreach (ProtoMessage inner in message.Messages)
        {
            members.Bytes(3, Message(inner, own));
        }

        foreach (ProtoField map in message.Fields.Where(static field => field.KeyType is not null))
        {
            members.Bytes(3, Entry(map, own));
        }

        foreach (ProtoEnum inner in message.Enums)
        {
            members.Bytes(4, Enum(inner));
        }

        foreach (ProtoRange range in message.Extensions)
        {
            members.Bytes(5, new Members().Number(1, range.From).Number(2, range.To + 1L).ToArray());
        }

        foreach (ProtoField field in message.Extends.SelectMany(static extend => extend.Fields))
        {
            members.Bytes(6, Field(field with { OneOf = null }, own, [], ExtendeeOf(message.Extends, field, own)));
        }

        foreach (string oneOf in oneOfs)
        {
            members.Bytes(8, new Members().Text(1, oneOf).ToArray());
        }

        foreach (ProtoRange range in message.Reserved)
        {
            members.Bytes(9, new Members().Number(1, range.From).Number(2, range.To + 1L).ToArray());
        }

        foreach (string name in message.ReservedNames)
        {
            members.Text(10, name);
        }

        return members.ToArray();
    }

    /// <summary>The message that an entry of a map is.</summary>
    private byte[] Entry(ProtoField map, string scope) => new Members()
        .Text(1, EntryName(map.Name))
        .Bytes(2, Field(new ProtoField(ProtoLabel.Optional, map.KeyType!, "key", 1), scope, [], null, isEntry: true))
        .Bytes(2, Field(new ProtoField(ProtoLabel.Optional, map.Type, "value", 2), scope, [], null, isEntry: true))
        .Bytes(7, new Members().Number(7, 1).ToArray())
        .ToArray();

    private byte[] Field(ProtoField field, string scope, List<string> oneOfs, string? extendee, bool isEntry = false)
    {
        var members = new Members().Text(1, field.Name);
        if (extendee is not null)
        {
            members.Text(2, extendee);
        }

        bool isMap = field.KeyType is not null;
        members.Number(3, field.Number);
        members.Number(4, field.IsRepeated ? 3 : field.Label == ProtoLabel.Required ? 2 : 1);
        if (isMap)
        {
            members.Number(5, 11).Text(6, $".{scope}.{EntryName(field.Name)}");
        }
        else if (ProtoScalars.Is(field.Type))
        {
            members.Number(5, ProtoScalars.Number(field.Type));
        }
        else
        {
            string full = _types.FullName(scope, field.Type);
            members.Number(5, ProtoRules.IsGroup(field) ? 10 : _types.IsEnum(full[1..]) ? 14 : 11).Text(6, full);
        }

        if (field.Options.FirstOrDefault(static option => option.Name == "default") is { } byDefault)
        {
            members.Text(7, byDefault.Value.Trim('"'));
        }

        byte[] options = FieldOptions(field.Options);
        if (options.Length > 0)
        {
            members.Bytes(8, options);
        }

        bool isOptional = _isProto3 && field.Label == ProtoLabel.Optional && !isEntry && extendee is null;
        if (isOptional)
        {
            // The compiler makes a oneof of one field, behind all that are written.
            oneOfs.Add("_" + field.Name);
            members.Number(9, oneOfs.Count - 1);
        }
        else if (field.OneOf is { } oneOf)
        {
            members.Number(9, oneOfs.IndexOf(oneOf));
        }

        members.Text(10, JsonName(field.Name));
        return (isOptional ? members.Number(17, 1) : members).ToArray();
    }

    private static byte[] Enum(ProtoEnum type)
    {
        var members = new Members().Text(1, type.Name);
        foreach (ProtoEnumValue value in type.Values)
        {
            members.Bytes(2, new Members().Text(1, value.Name).Number(2, value.Number).ToArray());
        }

        if (type.Options.Any(static option => option is { Name: "allow_alias", Value: "true" }))
        {
            members.Bytes(3, new Members().Number(2, 1).ToArray());
        }

        return members.ToArray();
    }

    private byte[] Service(ProtoService service, string scope)
    {
        var members = new Members().Text(1, service.Name);
        foreach (ProtoMethod method in service.Methods)
        {
            var made = new Members().Text(1, method.Name).Text(2, _types.FullName(scope, method.Input)).Text(3, _types.FullName(scope, method.Output));
            members.Bytes(2, made.Flag(5, method.IsInputStream).Flag(6, method.IsOutputStream).ToArray());
        }

        return members.ToArray();
    }

    private static byte[] FieldOptions(List<ProtoOption> options)
    {
        var members = new Members();
        if (options.FirstOrDefault(static option => option.Name == "packed") is { } packed)
        {
            members.Number(2, packed.Value == "true" ? 1 : 0);
        }

        return members.Flag(3, options.Any(static option => option is { Name: "deprecated", Value: "true" })).ToArray();
    }

    private static byte[] FileOptions(List<ProtoOption> options)
    {
        var members = new Members();
        (int Number, string Name)[] texts =
        [
            (1, "java_package"), (8, "java_outer_classname"), (11, "go_package"), (36, "objc_class_prefix"), (37, "csharp_namespace"),
        ];
        foreach ((int number, string name) in texts)
        {
            if (options.FirstOrDefault(option => option.Name == name) is { } option)
            {
                members.Text(number, option.Value.Trim('"'));
            }
        }

        return members.Flag(10, options.Any(static option => option is { Name: "java_multiple_files", Value: "true" })).ToArray();
    }

    private static string EntryName(string field) => string.Concat(field.Split('_', StringSplitOptions.RemoveEmptyEntries)
        .Select(static part => char.ToUpperInvariant(part[0]) + part[1..])) + "Entry";

    private static string JsonName(string field)
    {
        var name = new StringBuilder();
        bool isUpper = false;
        foreach (char letter in field)
        {
            if (letter == '_')
            {
                isUpper = true;
                continue;
            }

            name.Append(isUpper ? char.ToUpperInvariant(letter) : letter);
            isUpper = false;
        }

        return name.ToString();
    }

    /// <summary>Writes fields one behind the other.</summary>
    private sealed class Members
    {
        private readonly List<byte> _bytes = [];

        public Members Text(int number, string text) => Bytes(number, Encoding.UTF8.GetBytes(text));

        public Members Bytes(int number, byte[] bytes)
        {
            Varint(((ulong)number << 3) | ProtoScalars.Length);
            Varint((ulong)bytes.Length);
            _bytes.AddRange(bytes);
            return this;
        }

        public Members Number(int number, long value)
        {
            Varint((ulong)number << 3);
            Varint((ulong)value);
            return this;
        }

        public Members Flag(int number, bool isSet) => isSet ? Number(number, 1) : this;

        public byte[] ToArray() => [.. _bytes];

        private void Varint(ulong value)
        {
            for (; value >= 0x80; value >>= 7)
            {
                _bytes.Add((byte)(value | 0x80));
            }

            _bytes.Add((byte)value);
        }
    }
}
