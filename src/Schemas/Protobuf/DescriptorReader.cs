using System.Text;

namespace PipeRoll.Schemas.Protobuf;

/// <summary>A serialised FileDescriptorProto (descriptor.proto) to a file. Options that nobody here needs are left out.</summary>
internal sealed class DescriptorReader
{
    private const int DepthMax = 64;

    private readonly bool _isProto3;

    private DescriptorReader(bool isProto3) => _isProto3 = isProto3;

    /// <returns>Null when the text is no base64 of a descriptor.</returns>
    /// <exception cref="SchemaSyntaxException">It is a descriptor that breaks a rule.</exception>
    public static ProtoFile? TryRead(string base64)
    {
        byte[] bytes = new byte[base64.Length];
        if (!Convert.TryFromBase64String(base64.Trim(), bytes, out int length) || ProtoMembers.TryRead(bytes.AsSpan(0, length)) is not { } members)
        {
            return null;
        }

        string syntax = members.Text(12) ?? "proto2";
        if (syntax is not ("proto2" or "proto3") || members.All(4).Count + members.All(5).Count == 0)
        {
            return null;
        }

        ProtoFile file = new DescriptorReader(syntax == "proto3").File(members, syntax);
        ProtoRules.Check(file);
        return file;
    }

    private ProtoFile File(ProtoMembers members, string syntax)
    {
        HashSet<long> isPublic = [.. members.Numbers(10)];
        HashSet<long> isWeak = [.. members.Numbers(11)];
        return new ProtoFile
        {
            Syntax = syntax,
            Package = members.Text(2) ?? "",
            Imports = [.. members.All(3).Select((path, i) => new ProtoImport(
                Encoding.UTF8.GetString(path), isPublic.Contains(i) ? "public" : isWeak.Contains(i) ? "weak" : ""))],
            Options = FileOptions(members.Message(8)),
            Messages = [.. members.Messages(4).Select(message => Message(message, 0))],
            Enums = [.. members.Messages(5).Select(Enum)],
            Services = [.. members.Messages(6).Select(Service)],
            Extends = Extends(members.Messages(7)),
        };
    }

    private ProtoMessage Message(ProtoMembers members, int depth)
    {
        if (depth > DepthMax)
        {
            throw new SchemaSyntaxException("messages lie too deep within each other");
        }

        List<ProtoMembers> nested = members.Messages(3);
        Dictionary<string, ProtoMembers> entries = nested.Where(static inner => inner.Message(7)?.Number(7) == 1)
            .ToDictionary(static inner => inner.Text(1) ?? "", StringComparer.Ordinal);
        List<string> oneOfs = [.. members.Messages(8).Select(static oneOf => oneOf.Text(1) ?? "")];
        List<ProtoField> fields = [.. members.Messages(2).Select(field => Field(field, entries, oneOfs))];
        return new ProtoMessage(members.Text(1) ?? "")
        {
            Fields = fields,
            // One that only says that a field is optional is none in the text.
            OneOfs = [.. oneOfs.Where(oneOf => fields.Any(field => field.OneOf == oneOf))],
            Messages = [.. nested.Where(static inner => inner.Message(7)?.Number(7) != 1).Select(inner => Message(inner, depth + 1))],
            Enums = [.. members.Messages(4).Select(Enum)],
            Extends = Extends(members.Messages(6)),
            Extensions = [.. members.Messages(5).Select(static range => new ProtoRange((int)(range.Number(1) ?? 0), (int)(range.Number(2) ?? 1) - 1))],
            Reserved = [.. members.Messages(9).Select(static range => new ProtoRange((int)(range.Number(1) ?? 0), (int)(range.Number(2) ?? 1) - 1))],
            ReservedNames = [.. members.All(10).Select(static name => Encoding.UTF8.GetString(name))],
            Options = members.Message(7)?.Number(3) == 1 ? [new ProtoOption("deprecated", "true")] : [],
        };
    }

    private ProtoField Field(ProtoMembers members, Dictionary<string, ProtoMembers> entries, List<string> oneOfs)
    {
        string name = members.Text(1) ?? "";
        int number = (int)(members.Number(3) ?? 0);
        string type = TypeOf(members);
        bool isOptional = members.Number(17) == 1;
        string? oneOf = members.Number(9) is { } index && !isOptional && index >= 0 && index < oneOfs.Count ? oneOfs[(int)index] : null;
        ProtoLabel label = members.Number(4) switch
        {
            3 => ProtoLabel.Repeated,
            2 => ProtoLabel.Required,
            _ when oneOf is not null => ProtoLabel.None,
            _ => _isProto3 && !isOptional ? ProtoLabel.None : ProtoLabel.Optional,
        };
        if (label == ProtoLabel.Repeated && entries.TryGetValue(type[(type.LastIndexOf('.') + 1)..], out ProtoMembers? entry))
        {
            ProtoMembers[] halves = [.. entry.Messages(2)];
            return halves.Length == 2
                ? new ProtoField(ProtoLabel.None, TypeOf(halves[1]), name, number) { KeyType = TypeOf(halves[0]) }
                : throw new SchemaSyntaxException($"the map '{name}' has no key and value");
        }

        return new ProtoField(label, type, name, number) { OneOf = oneOf, Options = FieldOptions(members) };
    }

    private static List<ProtoOption> FieldOptions(ProtoMembers members)
    {
        List<ProtoOption> options = [];
        if (members.Text(7) is { } byDefault)
        {
            bool isText = members.Number(5) is 9 or 12;
            options.Add(new ProtoOption("default", isText ? $"\"{byDefault.Replace("\\", "\\\\").Replace("\"", "\\\"")}\"" : byDefault));
        }

        if (members.Message(8)?.Number(2) is { } packed)
        {
            options.Add(new ProtoOption("packed", packed == 1 ? "true" : "false"));
        }

        if (members.Message(8)?.Number(3) == 1)
        {
            options.Add(new ProtoOption("deprecated", "true"));
        }

        if (members.Number(5) == 10)
        {
            options.Add(new ProtoOption("group", "true"));
        }

        return options;
    }

    private static string TypeOf(ProtoMembers members)
    {
        string? named = members.Text(6);
        // A group's message lies beside the field, and its text names it so.
        return ProtoScalars.Find((int)(members.Number(5) ?? 0))
            ?? (members.Number(5) == 10 ? named?[(named.LastIndexOf('.') + 1)..] : named)
            ?? throw new SchemaSyntaxException($"the field '{members.Text(1)}' has no type");
    }

    private static ProtoEnum Enum(ProtoMembers members) => new(members.Text(1) ?? "")
    {
        Values = [.. members.Messages(2).Select(static value => new ProtoEnumValue(value.Text(1) ?? "", (int)(value.Number(2) ?? 0), []))],
        Options = members.Message(3)?.Number(2) == 1 ? [new ProtoOption("allow_alias", "true")] : [],
        Reserved = [.. members.Messages(4).Select(static range => new ProtoRange((int)(range.Number(1) ?? 0), (int)(range.Number(2) ?? 0)))],
        ReservedNames = [.. members.All(5).Select(static name => Encoding.UTF8.GetString(name))],
    };

    private static ProtoService Service(ProtoMembers members) => new(members.Text(1) ?? "")
    {
        Methods = [.. members.Messages(2).Select(static method => new ProtoMethod(
            method.Text(1) ?? "", method.Text(2) ?? "", method.Number(5) == 1, method.Text(3) ?? "", method.Number(6) == 1, []))],
    };

    private List<ProtoExtend> Extends(List<ProtoMembers> fields) =>
    [
        .. fields.GroupBy(static field => field.Text(2) ?? "").Select(group =>
            new ProtoExtend(group.Key, [.. group.Select(field => Field(field, [], []))])),
    ];

    private static List<ProtoOption> FileOptions(ProtoMembers? members)
    {
        List<ProtoOption> options = [];
        (int Number, string Name)[] texts =
        [
            (1, "java_package"), (8, "java_outer_classname"), (11, "go_package"), (36, "objc_class_prefix"), (37, "csharp_namespace"),
        ];
        foreach ((int number, string name) in texts)
        {
            if (members?.Text(number) is { } text)
            {
                options.Add(new ProtoOption(name, $"\"{text.Replace("\\", "\\\\").Replace("\"", "\\\"")}\""));
            }
        }

        if (members?.Number(10) == 1)
        {
            options.Add(new ProtoOption("java_multiple_files", "true"));
        }

        return options;
    }
}
