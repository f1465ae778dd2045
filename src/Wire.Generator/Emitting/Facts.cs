using System;
using System.Collections.Generic;
using System.Linq;

namespace PipeRoll.Wire.Generator.Emitting;

/// <summary>What the emitters know about types and versions.</summary>
internal static class Facts
{
    /// <summary>The C# type of one value, without question mark or list.</summary>
    public static string ClrType(FieldType type, Role role) => type.Kind switch
    {
        Kind.Bool => "bool",
        Kind.Int8 => "sbyte",
        Kind.Int16 => "short",
        Kind.UInt16 => "ushort",
        Kind.Int32 => "int",
        Kind.Int64 => "long",
        Kind.Float64 => "double",
        Kind.Uuid => "Guid",
        Kind.String => "string",
        Kind.Bytes => "ReadOnlyMemory<byte>",
        Kind.Records => role == Role.Response ? "RecordsPayload" : "ReadOnlyMemory<byte>",
        _ => type.StructName!,
    };

    /// <summary>The method names of reader and writer for one value end with this.</summary>
    public static string Suffix(Field field, Role role) => field.Type.Kind switch
    {
        Kind.Bool => "Boolean",
        Kind.UInt16 => "UInt16",
        Kind.Records => role == Role.Response ? "Records" : "Bytes",
        _ => field.Type.Kind.ToString(),
    };

    /// <summary>The size in bytes, or 0 if it is not fixed.</summary>
    public static int FixedSize(Kind kind) => kind switch
    {
        Kind.Bool or Kind.Int8 => 1,
        Kind.Int16 or Kind.UInt16 => 2,
        Kind.Int32 => 4,
        Kind.Int64 or Kind.Float64 => 8,
        Kind.Uuid => 16,
        _ => 0,
    };

    public static bool HasLength(Kind kind) => kind is Kind.String or Kind.Bytes or Kind.Records;

    /// <summary>The condition that a version is in <paramref name="range"/>, null if it is in all of <paramref name="outer"/>.</summary>
    public static string? Condition(VersionRange range, VersionRange outer)
    {
        bool low = range.Low > outer.Low;
        bool high = range.High < outer.High;
        return (low, high) switch
        {
            (false, false) => null,
            (true, false) => range.Low == range.High ? $"version == {range.Low}" : $"version >= {range.Low}",
            (false, true) => range.Low == range.High ? $"version == {range.High}" : $"version <= {range.High}",
            _ => range.Low == range.High ? $"version == {range.Low}" : $"version is >= {range.Low} and <= {range.High}",
        };
    }

    /// <summary>The untagged fields in order; neighbours that exist in the same versions together.</summary>
    public static List<(string? Condition, List<Field> Fields)> Runs(EquatableArray<Field> fields, VersionRange outer)
    {
        var runs = new List<(string? Condition, List<Field> Fields)>();
        foreach (Field field in fields.Where(field => !field.IsTagged))
        {
            string? condition = Condition(field.Versions, outer);
            if (runs.Count == 0 || runs[runs.Count - 1].Condition != condition)
            {
                runs.Add((condition, []));
            }

            runs[runs.Count - 1].Fields.Add(field);
        }

        return runs;
    }

    /// <summary>The fewest bytes that the fields take in any version: what array counts are checked against.</summary>
    public static int BytesMin(Message message, Structure structure)
    {
        int least = int.MaxValue;
        for (int version = structure.Versions.Low; version <= structure.Versions.High; version++)
        {
            least = Math.Min(least, BytesIn(message, structure.Fields, version));
        }

        return Math.Max(1, least);
    }

    /// <summary>The fewest bytes of one element of an array field, as an expression.</summary>
    public static string ElementBytesMin(Message message, Field field)
    {
        if (field.Type.Kind == Kind.Struct)
        {
            return $"{field.Type.StructName}.BytesMin";
        }

        int size = FixedSize(field.Type.Kind);
        return size > 0 ? $"{size}" : $"{LengthBytes(field.Type.Kind, IsEverFlexible(message))}";
    }

    public static bool IsEverFlexible(Message message) => message.FlexibleSince <= message.Versions.High;

    public static IEnumerable<Field> Tagged(EquatableArray<Field> fields) =>
        fields.Where(field => field.IsTagged).OrderBy(field => field.Tag);

    public static string CamelCase(string name) => char.ToLowerInvariant(name[0]) + name.Substring(1);

    private static int BytesIn(Message message, EquatableArray<Field> fields, int version)
    {
        bool flexible = version >= message.FlexibleSince;
        int bytes = flexible ? 1 : 0;
        foreach (Field field in fields.Where(field => field.Versions.Contains(version) && !field.IsTagged))
        {
            if (field.Type.IsArray)
            {
                bytes += flexible ? 1 : 4;
            }
            else if (field is { Type.Kind: Kind.Struct, IsNullable: true })
            {
                bytes += 1;
            }
            else if (field.Type.Kind == Kind.Struct)
            {
                Structure inner = message.Structures.First(structure => structure.Name == field.Type.StructName);
                bytes += BytesIn(message, inner.Fields, version);
            }
            else
            {
                int size = FixedSize(field.Type.Kind);
                bytes += size > 0 ? size : LengthBytes(field.Type.Kind, flexible && !field.Plain);
            }
        }

        return bytes;
    }

    private static int LengthBytes(Kind kind, bool compact) => compact ? 1 : kind == Kind.String ? 2 : 4;
}
