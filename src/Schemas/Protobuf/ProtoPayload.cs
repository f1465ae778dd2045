using System.Text.Unicode;

namespace PipeRoll.Schemas.Protobuf;

/// <summary>Walks over a serialised message: the numbers of Confluent's framing that say which message it is, then its fields on the wire.</summary>
internal ref struct ProtoPayload
{
    private const int DepthMax = 100;

    private readonly ProtoTypes _types;
    private ReadOnlySpan<byte> _rest;

    private ProtoPayload(ProtoTypes types, ReadOnlySpan<byte> rest)
    {
        _types = types;
        _rest = rest;
    }

    /// <returns>Null when it is a message of the file.</returns>
    public static string? FindProblem(ProtoFile file, ProtoTypes types, ReadOnlySpan<byte> payload)
    {
        var reader = new ProtoPayload(types, payload);
        return reader.FindMessage(file, out string name) ?? reader.Check(name, 0);
    }

    /// <returns>Full name of the message; null when it is none of the file.</returns>
    public static string? FindName(ProtoFile file, ProtoTypes types, ReadOnlySpan<byte> payload) =>
        new ProtoPayload(types, payload).FindMessage(file, out string name) is null ? name : null;

    /// <summary>A list of places: of a message in the file, of one within it, and so on; a single 0 stands for the first message alone.</summary>
    private string? FindMessage(ProtoFile file, out string name)
    {
        name = "";
        if (!ReadIndex(out long count) || count < 0 || count > DepthMax)
        {
            return "the list that says which message it is does not begin";
        }

        List<ProtoMessage> messages = file.Messages;
        string scope = file.Package;
        for (long i = 0; i < Math.Max(count, 1); i++)
        {
            long index = 0;
            if (count > 0 && !ReadIndex(out index))
            {
                return "the list that says which message it is is cut off";
            }

            if (index < 0 || index >= messages.Count)
            {
                return $"there is no message {index} in {(scope.Length == 0 ? "the file" : scope)}";
            }

            scope = ProtoTypes.Join(scope, messages[(int)index].Name);
            messages = messages[(int)index].Messages;
        }

        name = scope;
        return null;
    }

    private string? Check(string name, int depth)
    {
        if (depth > DepthMax)
        {
            return $"{name}: the message lies too deep to be checked";
        }

        // What comes from files that everybody has is not known here: its bytes are taken as they are.
        ProtoMessage? message = _types.Message(name);
        HashSet<int> seen = [];
        while (!_rest.IsEmpty)
        {
            if (!ReadVarint(out ulong tag) || tag >> 3 is 0 or > int.MaxValue)
            {
                return $"{name}: a field does not begin";
            }

            int number = (int)(tag >> 3);
            int wire = (int)(tag & 7);
            seen.Add(number);
            ProtoField? field = message?.Fields.FirstOrDefault(field => field.Number == number);
            string at = $"{name}.{field?.Name ?? $"{number}"}";
            if ((field is null ? Skip(wire, number, at, depth) : CheckField(field, name, wire, at, depth)) is { } problem)
            {
                return problem;
            }
        }

        return message?.Fields.FirstOrDefault(field => field.Label == ProtoLabel.Required && !seen.Contains(field.Number)) is { } missing
            ? $"{name}: {missing.Name} is missing"
            : null;
    }

    private string? CheckField(ProtoField field, string scope, int wire, string at, int depth)
    {
        if (ProtoRules.IsGroup(field))
        {
            return wire == 3 ? Skip(wire, field.Number, at, depth) : Unlike(at, field.Type);
        }

        bool isScalar = ProtoScalars.Is(field.Type) && field.KeyType is null;
        string? named = isScalar || field.KeyType is not null ? null : _types.Resolve(scope, field.Type);
        int wanted = isScalar ? ProtoScalars.Wire(field.Type) : named is not null && _types.IsEnum(named) ? ProtoScalars.Varint : ProtoScalars.Length;
        if (wire != wanted)
        {
            return field.Label == ProtoLabel.Repeated && wire == ProtoScalars.Length ? CheckPacked(wanted, at) : Unlike(at, field.Type);
        }

        if (wire != ProtoScalars.Length)
        {
            return Skip(wire, field.Number, at, depth);
        }

        if (!ReadLength(out ReadOnlySpan<byte> bytes))
        {
            return Short(at);
        }

        if (field.KeyType is not null)
        {
            // The entry is a message of its own, whose fields are checked on the wire only.
            var entry = new ProtoPayload(_types, bytes);
            return entry.Check("", depth + 1) is null ? null : $"{at}: the entry of the map is malformed";
        }

        if (named is not null)
        {
            return new ProtoPayload(_types, bytes).Check(named, depth + 1);
        }

        return field.Type == "string" && !Utf8.IsValid(bytes) ? $"{at}: the text is not UTF-8" : null;
    }

    private string? CheckPacked(int wire, string at)
    {
        if (!ReadLength(out ReadOnlySpan<byte> bytes))
        {
            return Short(at);
        }

        var packed = new ProtoPayload(_types, bytes);
        while (!packed._rest.IsEmpty)
        {
            if (packed.Skip(wire, 0, at, 0) is { } problem)
            {
                return problem;
            }
        }

        return null;
    }

    private string? Skip(int wire, int number, string at, int depth)
    {
        switch (wire)
        {
            case ProtoScalars.Varint:
                return ReadVarint(out _) ? null : Short(at);
            case ProtoScalars.Fixed64 or ProtoScalars.Fixed32:
                int size = wire == ProtoScalars.Fixed64 ? 8 : 4;
                if (_rest.Length < size)
                {
                    return Short(at);
                }

                _rest = _rest[size..];
                return null;
            case ProtoScalars.Length:
                return ReadLength(out _) ? null : Short(at);
            case 3 when depth < DepthMax:
                while (ReadVarint(out ulong tag))
                {
                    if ((tag & 7) == 4)
                    {
                        return (int)(tag >> 3) == number ? null : $"{at}: another group ends in it";
                    }

                    if (Skip((int)(tag & 7), (int)(tag >> 3), at, depth + 1) is { } problem)
                    {
                        return problem;
                    }
                }

                return Short(at);
            default:
                return $"{at}: there is no wire type {wire} here";
        }
    }

    private bool ReadLength(out ReadOnlySpan<byte> bytes)
    {
        bytes = default;
        if (!ReadVarint(out ulong length) || length > (ulong)_rest.Length)
        {
            return false;
        }

        bytes = _rest[..(int)length];
        _rest = _rest[(int)length..];
        return true;
    }

    private bool ReadIndex(out long value)
    {
        bool isRead = ReadVarint(out ulong raw);
        value = (long)(raw >> 1) ^ -(long)(raw & 1);
        return isRead;
    }

    private bool ReadVarint(out ulong value)
    {
        value = 0;
        for (int i = 0; i < 10 && i < _rest.Length; i++)
        {
            value |= (ulong)(_rest[i] & 0x7f) << (7 * i);
            if (_rest[i] < 0x80)
            {
                _rest = _rest[(i + 1)..];
                return true;
            }
        }

        return false;
    }

    private static string Short(string at) => $"{at}: the value is cut off";

    private static string Unlike(string at, string type) => $"{at}: the value is no {type}";
}
