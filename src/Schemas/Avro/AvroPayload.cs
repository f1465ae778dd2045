using System.Text.Unicode;

namespace PipeRoll.Schemas.Avro;

/// <summary>Walks over the binary encoding of one value (Avro specification, "Binary Encoding") without making anything of it.</summary>
internal ref struct AvroPayload
{
    // Values of no bytes, such as null, could be written by the milliard in a few bytes.
    private const int StepsMax = 1_000_000;
    private const int DepthMax = 200;

    private ReadOnlySpan<byte> _rest;
    private int _steps;

    /// <returns>Null when the payload is exactly one value of the type.</returns>
    public static string? FindProblem(AvroType type, ReadOnlySpan<byte> payload)
    {
        var reader = new AvroPayload { _rest = payload };
        string? problem = reader.Skip(type, type.Label, 0);
        return problem ?? (reader._rest.IsEmpty ? null : $"{reader._rest.Length} bytes are left over behind the value");
    }

    private string? Skip(AvroType type, string at, int depth)
    {
        if (++_steps > StepsMax || depth > DepthMax)
        {
            return $"{at}: the value is too large or too deep to be checked";
        }

        return type.Kind switch
        {
            AvroKind.Null => null,
            AvroKind.Boolean => _rest.IsEmpty ? Short(at) : _rest[0] > 1 ? $"{at}: {_rest[0]} is no boolean" : Take(1, at),
            AvroKind.Int => ReadLong(out long value) ? value is < int.MinValue or > int.MaxValue ? $"{at}: {value} is no int" : null : Short(at),
            AvroKind.Long => ReadLong(out _) ? null : Short(at),
            AvroKind.Float => Take(4, at),
            AvroKind.Double => Take(8, at),
            AvroKind.Fixed => Take(type.Size, at),
            AvroKind.Bytes => SkipBytes(at, isText: false),
            AvroKind.String => SkipBytes(at, isText: true),
            AvroKind.Enum => !ReadLong(out long symbol) ? Short(at)
                : symbol < 0 || symbol >= type.Symbols.Count ? $"{at}: {symbol} is no symbol of {type.FullName}"
                : null,
            AvroKind.Union => !ReadLong(out long branch) ? Short(at)
                : branch < 0 || branch >= type.Branches.Count ? $"{at}: {branch} is no branch of the union"
                : Skip(type.Branches[(int)branch], at, depth + 1),
            AvroKind.Array => SkipBlocks(type, at, depth, isMap: false),
            AvroKind.Map => SkipBlocks(type, at, depth, isMap: true),
            _ => SkipFields(type, at, depth),
        };
    }

    private string? SkipFields(AvroType type, string at, int depth)
    {
        string prefix = depth == 0 ? "" : at + ".";
        foreach (AvroField field in type.Fields)
        {
            if (Skip(field.Type, prefix + field.Name, depth + 1) is { } problem)
            {
                return problem;
            }
        }

        return null;
    }

    private string? SkipBlocks(AvroType type, string at, int depth, bool isMap)
    {
        while (true)
        {
            if (!ReadLong(out long count))
            {
                return Short(at);
            }

            if (count == 0)
            {
                return null;
            }

            if (count < 0 && !ReadLong(out _))
            {
                return Short(at);
            }

            for (long left = count == long.MinValue ? long.MaxValue : Math.Abs(count); left > 0; left--)
            {
                if ((isMap ? SkipBytes(at, isText: true) : null) is { } wrongKey)
                {
                    return wrongKey;
                }

                if (Skip(type.Items!, at, depth + 1) is { } problem)
                {
                    return problem;
                }
            }
        }
    }

    private string? SkipBytes(string at, bool isText)
    {
        if (!ReadLong(out long length) || length < 0 || length > _rest.Length)
        {
            return Short(at);
        }

        if (isText && !Utf8.IsValid(_rest[..(int)length]))
        {
            return $"{at}: the text is not UTF-8";
        }

        _rest = _rest[(int)length..];
        return null;
    }

    private string? Take(int bytes, string at)
    {
        if (bytes > _rest.Length)
        {
            return Short(at);
        }

        _rest = _rest[bytes..];
        return null;
    }

    /// <summary>A zigzag varint of at most ten bytes.</summary>
    private bool ReadLong(out long value)
    {
        ulong raw = 0;
        value = 0;
        for (int i = 0; i < 10 && i < _rest.Length; i++)
        {
            byte part = _rest[i];
            raw |= (ulong)(part & 0x7f) << (7 * i);
            if (part < 0x80)
            {
                _rest = _rest[(i + 1)..];
                value = (long)(raw >> 1) ^ -(long)(raw & 1);
                return true;
            }
        }

        return false;
    }

    private static string Short(string at) => $"{at}: the value is cut off";
}
