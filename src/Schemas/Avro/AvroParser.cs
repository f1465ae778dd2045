using System.Text.Json;

namespace PipeRoll.Schemas.Avro;

/// <summary>Avro schema text to types. One use per schema and the references before it.</summary>
internal sealed class AvroParser
{
    private const int DepthMax = 200;

    private static readonly JsonDocumentOptions Json = new() { MaxDepth = DepthMax };
    private static readonly string[] NamedWords = ["type", "name", "namespace", "doc", "aliases"];
    private static readonly string[] RecordWords = [.. NamedWords, "fields"];
    private static readonly string[] EnumWords = [.. NamedWords, "symbols", "default"];
    private static readonly string[] FixedWords = [.. NamedWords, "size"];
    private static readonly string[] FieldWords = ["name", "type", "doc", "default", "order", "aliases"];

    private readonly Dictionary<string, AvroType> _named = new(StringComparer.Ordinal);

    /// <exception cref="SchemaSyntaxException">It is no Avro schema.</exception>
    /// <exception cref="JsonException">It is no JSON.</exception>
    public AvroType Parse(string text)
    {
        string trimmed = text.Trim();
        if (trimmed.Length == 0)
        {
            throw new SchemaSyntaxException("the schema is empty");
        }

        // A bare word such as string is taken for the JSON text "string", as Avro's own parser does.
        string json = char.IsAsciiLetter(trimmed[0]) && trimmed.All(static letter => char.IsAsciiLetterOrDigit(letter) || letter is '.' or '_')
            ? $"\"{trimmed}\""
            : trimmed;
        using JsonDocument document = JsonDocument.Parse(json, Json);
        return Type(document.RootElement, "", "");
    }

    private static AvroKind? Primitive(string word) => word switch
    {
        "null" => AvroKind.Null,
        "boolean" => AvroKind.Boolean,
        "int" => AvroKind.Int,
        "long" => AvroKind.Long,
        "float" => AvroKind.Float,
        "double" => AvroKind.Double,
        "bytes" => AvroKind.Bytes,
        "string" => AvroKind.String,
        _ => null,
    };

    private AvroType Type(JsonElement json, string space, string path) => json.ValueKind switch
    {
        JsonValueKind.String => Named(json.GetString()!, space, path),
        JsonValueKind.Array => Union(json, space, path),
        JsonValueKind.Object => Complex(json, space, path),
        _ => throw Wrong(path, $"a type is a name, an object or a list, not {json.GetRawText()}"),
    };

    private AvroType Named(string word, string space, string path)
    {
        if (Primitive(word) is { } kind)
        {
            return new AvroType(kind);
        }

        if (space.Length > 0 && !word.Contains('.') && _named.TryGetValue($"{space}.{word}", out AvroType? near))
        {
            return near;
        }

        return _named.TryGetValue(word, out AvroType? named)
            ? named
            : throw Wrong(path, $"no type is called '{word}': define it before it is used, or refer to the schema that does");
    }

    private AvroType Union(JsonElement json, string space, string path)
    {
        var branches = new List<AvroType>();
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (JsonElement item in json.EnumerateArray())
        {
            string at = $"{path}/{branches.Count}";
            AvroType branch = Type(item, space, at);
            if (branch.Kind == AvroKind.Union)
            {
                throw Wrong(at, "a union holds no union");
            }

            if (!seen.Add(branch.Label))
            {
                throw Wrong(at, $"the union has {branch.Label} twice");
            }

            branches.Add(branch);
        }

        return new AvroType(AvroKind.Union) { Branches = branches };
    }

    private AvroType Complex(JsonElement json, string space, string path)
    {
        if (!json.TryGetProperty("type", out JsonElement type))
        {
            throw Wrong(path, "the object has no \"type\"");
        }

        if (type.ValueKind != JsonValueKind.String)
        {
            return Type(type, space, path);
        }

        string word = type.GetString()!;
        switch (word)
        {
            case "record" or "error":
                return Record(json, space, path, word == "error");
            case "enum":
                return Enum(json, space, path);
            case "fixed":
                return Fixed(json, space, path);
            case "array":
                return new AvroType(AvroKind.Array)
                {
                    Items = Type(Member(json, "items", path), space, path + "/items"),
                    Properties = Properties(json, ["type", "items"]),
                };
            case "map":
                return new AvroType(AvroKind.Map)
                {
                    Items = Type(Member(json, "values", path), space, path + "/values"),
                    Properties = Properties(json, ["type", "values"]),
                };
            default:
                return Primitive(word) is { } kind
                    ? new AvroType(kind) { Properties = Properties(json, ["type"]) }
                    : Named(word, space, path);
        }
    }

    private AvroType Record(JsonElement json, string space, string path, bool isError)
    {
        (string name, string own) = NameOf(json, space, path);
        var record = new AvroType(AvroKind.Record)
        {
            Name = name,
            Namespace = own,
            Doc = Text(json, "doc"),
            Aliases = Aliases(json, own, path),
            IsError = isError,
            Properties = Properties(json, RecordWords),
        };
        Define(record, path);
        JsonElement list = Member(json, "fields", path);
        if (list.ValueKind != JsonValueKind.Array)
        {
            throw Wrong(path + "/fields", "the fields are a list");
        }

        var fields = new List<AvroField>();
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (JsonElement item in list.EnumerateArray())
        {
            AvroField field = Field(item, own, $"{path}/fields/{fields.Count}");
            if (!seen.Add(field.Name))
            {
                throw Wrong($"{path}/fields/{fields.Count}", $"the field '{field.Name}' is there twice");
            }

            fields.Add(field);
        }

        record.Fields = fields;
        return record;
    }

    private AvroField Field(JsonElement json, string space, string path)
    {
        if (json.ValueKind != JsonValueKind.Object)
        {
            throw Wrong(path, "a field is an object with name and type");
        }

        string name = Text(json, "name") ?? throw Wrong(path, "the field has no name");
        CheckName(name, path);
        AvroType type = Type(Member(json, "type", path), space, path + "/type");
        JsonElement? given = json.TryGetProperty("default", out JsonElement value) ? value.Clone() : null;
        if (given is { } wanted && !AvroDefaults.IsGood(type, wanted))
        {
            throw Wrong(path, $"the default {wanted.GetRawText()} of '{name}' is no {AvroDefaults.Expected(type)}");
        }

        string? order = Text(json, "order");
        if (order is not (null or "ascending" or "descending" or "ignore"))
        {
            throw Wrong(path, $"the order of '{name}' is ascending, descending or ignore, not '{order}'");
        }

        return new AvroField
        {
            Name = name,
            Type = type,
            Doc = Text(json, "doc"),
            Default = given,
            Order = order,
            Aliases = Texts(json, "aliases", path),
            Properties = Properties(json, FieldWords),
        };
    }

    private AvroType Enum(JsonElement json, string space, string path)
    {
        (string name, string own) = NameOf(json, space, path);
        List<string> symbols = Texts(json, "symbols", path);
        if (!json.TryGetProperty("symbols", out _))
        {
            throw Wrong(path, $"the enum '{name}' has no symbols");
        }

        foreach (string symbol in symbols)
        {
            CheckName(symbol, path + "/symbols");
        }

        if (symbols.Distinct(StringComparer.Ordinal).Count() != symbols.Count)
        {
            throw Wrong(path + "/symbols", $"the enum '{name}' has a symbol twice");
        }

        string? byDefault = Text(json, "default");
        if (byDefault is not null && !symbols.Contains(byDefault))
        {
            throw Wrong(path, $"the default '{byDefault}' is no symbol of the enum '{name}'");
        }

        var type = new AvroType(AvroKind.Enum)
        {
            Name = name,
            Namespace = own,
            Doc = Text(json, "doc"),
            Aliases = Aliases(json, own, path),
            Symbols = symbols,
            EnumDefault = byDefault,
            Properties = Properties(json, EnumWords),
        };
        Define(type, path);
        return type;
    }

    private AvroType Fixed(JsonElement json, string space, string path)
    {
        (string name, string own) = NameOf(json, space, path);
        JsonElement size = Member(json, "size", path);
        if (size.ValueKind != JsonValueKind.Number || !size.TryGetInt32(out int bytes) || bytes < 0)
        {
            throw Wrong(path, $"the size of '{name}' is a number of bytes");
        }

        var type = new AvroType(AvroKind.Fixed)
        {
            Name = name,
            Namespace = own,
            Doc = Text(json, "doc"),
            Aliases = Aliases(json, own, path),
            Size = bytes,
            Properties = Properties(json, FixedWords),
        };
        Define(type, path);
        return type;
    }

    private void Define(AvroType type, string path)
    {
        if (!_named.TryAdd(type.FullName, type))
        {
            throw Wrong(path, $"the name '{type.FullName}' is defined twice");
        }
    }

    private static (string Name, string Namespace) NameOf(JsonElement json, string space, string path)
    {
        string given = Text(json, "name") ?? throw Wrong(path, "a named type has a name");
        int dot = given.LastIndexOf('.');
        string own = dot >= 0 ? given[..dot] : Text(json, "namespace") ?? space;
        string name = given[(dot + 1)..];
        CheckName(name, path);
        foreach (string part in own.Length == 0 ? [] : own.Split('.'))
        {
            CheckName(part, path);
        }

        if (Primitive(name) is not null && own.Length == 0)
        {
            throw Wrong(path, $"'{name}' is the name of a primitive type");
        }

        return (name, own);
    }

    private static IReadOnlyList<string> Aliases(JsonElement json, string space, string path) =>
        [.. Texts(json, "aliases", path).Select(alias => alias.Contains('.') || space.Length == 0 ? alias : $"{space}.{alias}")];

    private static void CheckName(string name, string path)
    {
        bool isGood = name.Length > 0 && (char.IsLetter(name[0]) || name[0] == '_')
            && name.All(static letter => char.IsLetterOrDigit(letter) || letter == '_');
        if (!isGood)
        {
            throw Wrong(path, $"'{name}' is no name: letters, digits and _, and no digit first");
        }
    }

    private static JsonElement Member(JsonElement json, string name, string path) =>
        json.TryGetProperty(name, out JsonElement value) ? value : throw Wrong(path, $"\"{name}\" is missing");

    private static string? Text(JsonElement json, string name) =>
        json.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static List<string> Texts(JsonElement json, string name, string path)
    {
        if (!json.TryGetProperty(name, out JsonElement list))
        {
            return [];
        }

        return list.ValueKind == JsonValueKind.Array && list.EnumerateArray().All(static item => item.ValueKind == JsonValueKind.String)
            ? [.. list.EnumerateArray().Select(static item => item.GetString()!)]
            : throw Wrong(path, $"\"{name}\" is a list of names");
    }

    private static List<KeyValuePair<string, JsonElement>> Properties(JsonElement json, string[] known) =>
        [.. json.EnumerateObject().Where(member => !known.Contains(member.Name))
            .Select(static member => KeyValuePair.Create(member.Name, member.Value.Clone()))];

    private static SchemaSyntaxException Wrong(string path, string what) => new($"{(path.Length == 0 ? "/" : path)}: {what}");
}
