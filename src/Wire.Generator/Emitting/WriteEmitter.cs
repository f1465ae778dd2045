using System;
using System.Collections.Generic;
using System.Linq;

namespace PipeRoll.Wire.Generator.Emitting;

/// <summary>Writes the Write method of a class, and WriteTaggedFields if it has any.</summary>
internal sealed class WriteEmitter(SourceWriter source, Message message)
{
    private string _className = string.Empty;

    public void Emit(string className, EquatableArray<Field> fields, VersionRange outer, bool isMessage)
    {
        _className = className;
        Flexibility flexible = Flexibility.Of(message, outer);
        source.Line();
        if (isMessage)
        {
            source.Line("/// <inheritdoc/>");
        }

        source.Open($"{(isMessage ? "public" : "internal")} void Write(ref WireWriter writer, short version)");
        if (isMessage)
        {
            source.Line($"WireFormatException.RequireVersion(nameof({className}), version, MinVersion, MaxVersion);");
        }

        bool hasTags = fields.Any(field => field.IsTagged);
        flexible.Declare(source, fields);
        foreach ((string? condition, List<Field> alike) in Facts.Runs(fields, outer))
        {
            EmitConditional(condition, () => alike.ForEach(field => EmitField(field, flexible.Of(field), "writer")));
        }

        if (flexible.Ever)
        {
            string write = hasTags ? "WriteTaggedFields(ref writer, version);" : "writer.WriteVarUInt32(0);";
            EmitConditional(flexible.Condition, () => source.Line(write));
        }

        source.Close();
        if (hasTags)
        {
            EmitTagged(fields, outer);
        }
    }

    private void EmitTagged(EquatableArray<Field> fields, VersionRange outer)
    {
        Field[] tagged = [.. Facts.Tagged(fields)];
        source.Line();
        source.Open("private void WriteTaggedFields(ref WireWriter writer, short version)");
        source.Line("uint count = 0;");
        foreach (Field field in tagged)
        {
            source.Line($"bool {Has(field)} = {Present(field, outer)};");
            source.Line($"count += {Has(field)} ? 1u : 0u;");
        }

        source.Line("writer.WriteVarUInt32(count);");
        foreach (Field field in tagged)
        {
            source.Open($"if ({Has(field)})");
            int size = field.Type.IsArray ? 0 : Facts.FixedSize(field.Type.Kind);
            if (size > 0)
            {
                source.Line($"writer.WriteTagHeader({field.Tag}, {size});");
                EmitField(field, "compact: true", "writer");
            }
            else
            {
                source.Line("WireWriter field = WireWriter.BeginTaggedField();");
                EmitField(field, "compact: true", "field");
                source.Line($"writer.EndTaggedField({field.Tag}, ref field);");
            }

            source.Close();
            source.Line();
        }

        source.Close();
    }

    private static string Has(Field field) => $"has{field.Name}";

    /// <summary>The condition under which a tagged field differs from its default, and so is written.</summary>
    private static string Present(Field field, VersionRange outer)
    {
        string differs = Differs(field);
        return Facts.Condition(field.Versions, outer) is { } condition ? $"{condition} && {differs}" : differs;
    }

    private static string Differs(Field field)
    {
        if (field.Default == "null" || field is { Type: { Kind: Kind.Struct, IsArray: false } })
        {
            return $"{field.Name} is not null";
        }

        if (field.Type.IsArray)
        {
            return field.IsNullable ? $"{field.Name} is not {{ Count: 0 }}" : $"{field.Name}.Count != 0";
        }

        return field.Type.Kind switch
        {
            Kind.Bool => field.Default == "true" ? $"!{field.Name}" : field.Name,
            Kind.Uuid => $"{field.Name} != Guid.Empty",
            Kind.String or Kind.Bytes => $"{field.Name} is not {{ Length: 0 }}",
            Kind.Records => $"{field.Name} is not null",
            _ => $"{field.Name} != {field.Default ?? "0"}",
        };
    }

    private void EmitConditional(string? condition, Action body)
    {
        if (condition is null)
        {
            body();
            return;
        }

        source.Open($"if ({condition})");
        body();
        source.Close();
        source.Line();
    }

    private void EmitField(Field field, string compact, string writer)
    {
        if (!field.Type.IsArray)
        {
            EmitSingle(field, compact, writer);
            return;
        }

        string items = Facts.CamelCase(field.Name);
        string type = Facts.ClrType(field.Type, message.Role);
        if (!field.IsNullable)
        {
            source.Line($"{writer}.WriteArrayLength({field.Name}.Count, {compact});");
            EmitLoop(field, field.Name, compact, writer);
        }
        else
        {
            bool always = field.NullableSince <= field.Versions.Low;
            string required = $"WireWriter.Required({field.Name}, \"{_className}.{field.Name}\", version)";
            string value = always ? field.Name : $"version >= {field.NullableSince} ? {field.Name} : {required}";
            source.Line($"List<{type}>? {items} = {value};");
            source.Line($"{writer}.WriteArrayLength({items}?.Count ?? -1, {compact});");
            EmitLoop(field, $"{items} ?? []", compact, writer);
        }
    }

    private void EmitLoop(Field field, string items, string compact, string writer)
    {
        string item = $"{Facts.CamelCase(field.Name)}Item";
        source.Open($"foreach ({Facts.ClrType(field.Type, message.Role)} {item} in {items})");
        source.Line($"{Element(field, item, compact, writer)};");
        source.Close();
        source.Line();
    }

    private void EmitSingle(Field field, string compact, string writer)
    {
        if (!field.IsNullable)
        {
            string value = field is { IsTagged: true, Type.Kind: Kind.Struct } ? $"{field.Name}!" : field.Name;
            source.Line($"{Element(field, value, compact, writer)};");
            return;
        }

        if (field.Type.Kind == Kind.Struct)
        {
            EmitNullableStructure(field, writer);
            return;
        }

        string suffix = Facts.Suffix(field, message.Role);
        string nullable = $"{writer}.WriteNullable{suffix}({field.Name}, {compact});";
        if (field.NullableSince <= field.Versions.Low)
        {
            source.Line(nullable);
            return;
        }

        source.Open($"if (version >= {field.NullableSince})");
        source.Line(nullable);
        source.Close();
        source.Open("else");
        source.Line($"{writer}.Write{suffix}(WireWriter.Required({field.Name}, \"{_className}.{field.Name}\", version), {compact});");
        source.Close();
        source.Line();
    }

    /// <summary>A byte says whether the structure follows: 1, or -1 for null.</summary>
    private void EmitNullableStructure(Field field, string writer)
    {
        bool always = field.NullableSince <= field.Versions.Low;
        source.Open(always ? $"if ({field.Name} is null)" : $"if (version >= {field.NullableSince} && {field.Name} is null)");
        source.Line($"{writer}.WriteInt8(-1);");
        source.Close();
        source.Open("else");
        if (always)
        {
            source.Line($"{writer}.WriteInt8(1);");
        }
        else
        {
            source.Open($"if (version >= {field.NullableSince})");
            source.Line($"{writer}.WriteInt8(1);");
            source.Close();
            source.Line();
        }

        source.Line($"WireWriter.Required({field.Name}, \"{_className}.{field.Name}\", version).Write(ref {writer}, version);");
        source.Close();
        source.Line();
    }

    private string Element(Field field, string value, string compact, string writer) => field.Type.Kind switch
    {
        Kind.Struct => $"{value}.Write(ref {writer}, version)",
        _ when Facts.HasLength(field.Type.Kind) => $"{writer}.Write{Facts.Suffix(field, message.Role)}({value}, {compact})",
        _ => $"{writer}.Write{Facts.Suffix(field, message.Role)}({value})",
    };
}
