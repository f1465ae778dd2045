using System.Collections.Generic;
using System.Linq;

namespace PipeRoll.Wire.Generator.Emitting;

/// <summary>Writes the Read method of a class, and ReadTaggedFields if it has any.</summary>
internal sealed class ReadEmitter(SourceWriter source, Message message)
{
    public void Emit(string className, EquatableArray<Field> fields, VersionRange outer, bool isMessage)
    {
        Flexibility flexible = Flexibility.Of(message, outer);
        source.Line();
        if (isMessage)
        {
            source.Line("/// <inheritdoc/>");
        }

        source.Open($"{(isMessage ? "public" : "internal")} static {className} Read(ref WireReader reader, short version)");
        if (isMessage)
        {
            source.Line($"WireFormatException.RequireVersion(nameof({className}), version, MinVersion, MaxVersion);");
        }

        bool hasTags = fields.Any(field => field.IsTagged);
        flexible.Declare(source, fields);
        source.Line($"var value = new {className}();");
        foreach ((string? condition, List<Field> alike) in Facts.Runs(fields, outer))
        {
            EmitConditional(condition, () => alike.ForEach(field => EmitField(field, flexible.Of(field))));
        }

        if (flexible.Ever)
        {
            string skip = hasTags ? "value.ReadTaggedFields(ref reader, version);" : "reader.SkipTaggedFields();";
            EmitConditional(flexible.Condition, () => source.Line(skip));
        }

        source.Line("return value;");
        source.Close();
        if (hasTags)
        {
            EmitTagged(fields, outer);
        }
    }

    private void EmitTagged(EquatableArray<Field> fields, VersionRange outer)
    {
        source.Line();
        source.Open("private void ReadTaggedFields(ref WireReader reader, short version)");
        source.Line("long tag = -1;");
        source.Open("for (uint left = reader.ReadVarUInt32(); left > 0; left--)");
        source.Line("int end = reader.BeginTaggedField(ref tag);");
        source.Open("switch (tag)");
        foreach (Field field in Facts.Tagged(fields))
        {
            string? condition = Facts.Condition(field.Versions, outer);
            source.Line($"case {field.Tag}{(condition is null ? string.Empty : $" when {condition}")}:");
            source.Open();
            EmitField(field, "compact: true", "this");
            source.Line("break;");
            source.Close();
        }

        source.Line("default:");
        source.Line("    reader.SkipTo(end);");
        source.Line("    break;");
        source.Close();
        source.Line();
        source.Line("reader.EndTaggedField(end);");
        source.Close();
        source.Close();
    }

    private void EmitConditional(string? condition, System.Action body)
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

    private void EmitField(Field field, string compact, string target = "value")
    {
        string property = target == "this" ? field.Name : $"{target}.{field.Name}";
        if (!field.Type.IsArray)
        {
            source.Line($"{property} = {Single(field, compact)};");
            return;
        }

        string count = $"{Facts.CamelCase(field.Name)}Count";
        string bytesMin = Facts.ElementBytesMin(message, field);
        string required = $"reader.ReadArrayLength({compact}, {bytesMin})";
        string nullable = $"reader.ReadNullableArrayLength({compact}, {bytesMin})";
        source.Line($"int {count} = {Nullable(field, nullable, required)};");
        if (field.IsNullable)
        {
            source.Line($"{property} = {count} < 0 ? null : new List<{Facts.ClrType(field.Type, message.Role)}>({count});");
        }
        else
        {
            source.Line($"{property}.EnsureCapacity({count});");
        }

        source.Open($"for (int index = 0; index < {count}; index++)");
        string bang = field.IsNullable ? "!" : string.Empty;
        source.Line($"{property}{bang}.Add({Element(field, compact)});");
        source.Close();
        source.Line();
    }

    private string Single(Field field, string compact)
    {
        if (field.Type.Kind == Kind.Struct)
        {
            string structure = Element(field, compact);
            return Nullable(field, $"(reader.ReadInt8() < 0 ? null : {structure})", structure);
        }

        if (!Facts.HasLength(field.Type.Kind))
        {
            return Element(field, compact);
        }

        string suffix = field.IsName ? "Name" : Facts.Suffix(field, message.Role);
        return Nullable(field, $"reader.ReadNullable{suffix}({compact})", $"reader.Read{suffix}({compact})");
    }

    private string Element(Field field, string compact) => field.Type.Kind switch
    {
        Kind.Struct => $"{field.Type.StructName}.Read(ref reader, version)",
        _ when Facts.HasLength(field.Type.Kind) => $"reader.Read{Facts.Suffix(field, message.Role)}({compact})",
        _ => $"reader.Read{Facts.Suffix(field, message.Role)}()",
    };

    private static string Nullable(Field field, string nullable, string required)
    {
        if (!field.IsNullable)
        {
            return required;
        }

        return field.NullableSince <= field.Versions.Low ? nullable : $"version >= {field.NullableSince} ? {nullable} : {required}";
    }
}
