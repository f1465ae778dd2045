using System.Globalization;

namespace PipeRoll.Cel.Protobuf;

/// <summary>Turns drafts into message types that know each other.</summary>
internal sealed class SchemaBuilder(bool strongEnums)
{
    private readonly Dictionary<string, ProtoMessageType> _messages = new(StringComparer.Ordinal);
    private readonly Dictionary<string, ProtoEnum> _enums = new(StringComparer.Ordinal);
    private readonly List<MessageDraft> _drafts = [];
    private readonly List<FieldDraft> _extensions = [];

    public IReadOnlyDictionary<string, ProtoMessageType> Messages => _messages;

    public IReadOnlyDictionary<string, ProtoEnum> Enums => _enums;

    /// <summary>Adds declarations; a name that is there already keeps its first meaning.</summary>
    public void Add(Drafts drafts)
    {
        foreach (EnumDraft draft in drafts.Enums)
        {
            bool isStrong = strongEnums && draft.Name != WellKnownTypes.NullValue;
            _enums.TryAdd(draft.Name, new ProtoEnum(draft.Name, [.. draft.Values], isStrong));
        }

        foreach (MessageDraft draft in drafts.Messages)
        {
            if (_messages.TryAdd(draft.Name, new ProtoMessageType(_messages, draft.Name, WellKnownTypes.KindOf(draft.Name), draft.IsMapEntry)))
            {
                _drafts.Add(draft);
            }
        }

        _extensions.AddRange(drafts.Extensions);
    }

    /// <exception cref="InvalidDataException">A type is not declared, or a default cannot be read.</exception>
    public void Complete()
    {
        ILookup<string, FieldDraft> extensions = _extensions.ToLookup(extension => extension.Extendee ?? "", StringComparer.Ordinal);
        foreach (MessageDraft draft in _drafts)
        {
            _messages[draft.Name].Define([.. draft.Fields.Concat(extensions[draft.Name]).Select(field => FieldOf(draft, field))]);
        }

        foreach (MessageDraft draft in _drafts)
        {
            _messages[draft.Name].Complete();
        }
    }

    private ProtoField FieldOf(MessageDraft message, FieldDraft draft)
    {
        if (draft.Kind is < ProtoKind.Double or > ProtoKind.Sint64 || draft.Number <= 0)
        {
            throw new InvalidDataException($"Field {draft.Name} of {message.Name} has no type or number that protobuf knows.");
        }

        var field = new ProtoField
        {
            Name = draft.Name,
            JsonName = draft.JsonName ?? CamelCase(draft.Name),
            Number = draft.Number,
            Kind = draft.Kind,
            IsRepeated = draft.IsRepeated,
            HasPresence = draft.HasPresence,
            Oneof = draft.Oneof,
            IsExtension = draft.Extendee is not null,
        };
        if (field.IsMessage)
        {
            field.Message = _messages.GetValueOrDefault(draft.TypeName) ?? throw Undeclared(message, draft);
        }
        else if (field.Kind == ProtoKind.Enum)
        {
            field.Enum = _enums.GetValueOrDefault(draft.TypeName) ?? throw Undeclared(message, draft);
        }

        field.Default = field.IsMessage ? CelValue.Null : DefaultOf(field, draft.DefaultText);
        return field;
    }

    private static InvalidDataException Undeclared(MessageDraft message, FieldDraft draft) => new(
        $"Field {draft.Name} of {message.Name} is of the type {draft.TypeName}, which the descriptors do not declare: "
        + "write them with protoc --include_imports.");

    private static CelValue DefaultOf(ProtoField field, string? text)
    {
        try
        {
            return field.Kind switch
            {
                ProtoKind.Double or ProtoKind.Float => CelValue.Double(text switch
                {
                    null => 0,
                    "inf" => double.PositiveInfinity,
                    "-inf" => double.NegativeInfinity,
                    "nan" => double.NaN,
                    _ when field.Kind == ProtoKind.Float => float.Parse(text, CultureInfo.InvariantCulture),
                    _ => double.Parse(text, CultureInfo.InvariantCulture),
                }),
                ProtoKind.Bool => CelValue.Bool(text == "true"),
                ProtoKind.String => CelValue.String(text ?? ""),
                ProtoKind.Bytes => CelValue.Bytes(Unescaped(text ?? "")),
                ProtoKind.Enum => field.Enum!.ValueOf(text is null
                    ? field.Enum.Values.IsEmpty ? 0 : field.Enum.Values[0].Number
                    : field.Enum.NumberOf(text) ?? throw new FormatException()),
                _ when field.ElementType.Kind == CelTypeKind.Uint => CelValue.Uint(ulong.Parse(text ?? "0", CultureInfo.InvariantCulture)),
                _ => CelValue.Int(long.Parse(text ?? "0", CultureInfo.InvariantCulture)),
            };
        }
        catch (Exception error) when (error is FormatException or OverflowException)
        {
            throw new InvalidDataException($"Field {field.Name} has a default that is not of its type: {text}", error);
        }
    }

    // Descriptors write bytes as C would: \n, \\, \ooo.
    private static byte[] Unescaped(string text)
    {
        var bytes = new List<byte>();
        for (int index = 0; index < text.Length; index++)
        {
            if (text[index] != '\\' || index + 1 == text.Length)
            {
                bytes.Add((byte)text[index]);
                continue;
            }

            char escape = text[++index];
            if (escape is >= '0' and <= '7' && index + 2 < text.Length)
            {
                bytes.Add((byte)(((escape - '0') << 6) | ((text[index + 1] - '0') << 3) | (text[index + 2] - '0')));
                index += 2;
                continue;
            }

            bytes.Add((byte)(escape switch
            {
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                _ => escape,
            }));
        }

        return [.. bytes];
    }

    public static string CamelCase(string name)
    {
        var made = new System.Text.StringBuilder(name.Length);
        bool upper = false;
        foreach (char each in name)
        {
            if (each == '_')
            {
                upper = true;
                continue;
            }

            made.Append(upper ? char.ToUpperInvariant(each) : each);
            upper = false;
        }

        return made.ToString();
    }
}
