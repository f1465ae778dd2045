using System.Linq;

namespace PipeRoll.Wire.Generator.Emitting;

/// <summary>Writes CountErrors: a walk over every ErrorCode of a response, in whatever structure it stands.</summary>
internal sealed class ErrorEmitter(SourceWriter source, Message message)
{
    private const string ErrorCode = "ErrorCode";

    public void Emit(EquatableArray<Field> fields, bool isMessage)
    {
        if (!isMessage && !HasErrors(fields))
        {
            return;
        }

        source.Line();
        if (isMessage)
        {
            source.Line("/// <inheritdoc/>");
        }

        source.Open($"{(isMessage ? "public" : "internal")} void CountErrors(IErrorCounter counter)");
        foreach (Field field in fields)
        {
            if (IsError(field))
            {
                source.Open($"if ({ErrorCode} != 0)");
                source.Line($"counter.Count({ErrorCode});");
                source.Close();
                source.Line();
            }
            else if (StructureOf(field) is { } inner && HasErrors(inner.Fields))
            {
                EmitInner(field);
            }
        }

        source.Close();
    }

    private void EmitInner(Field field)
    {
        if (!field.Type.IsArray)
        {
            source.Line($"{field.Name}?.CountErrors(counter);");
            return;
        }

        string item = $"{Facts.CamelCase(field.Name)}Item";
        source.Open($"foreach ({field.Type.StructName} {item} in {field.Name}{(field.IsNullable ? " ?? []" : string.Empty)})");
        source.Line($"{item}.CountErrors(counter);");
        source.Close();
        source.Line();
    }

    private static bool IsError(Field field) => field is { Name: ErrorCode, Type: { Kind: Kind.Int16, IsArray: false } };

    private Structure? StructureOf(Field field) => field.Type.Kind == Kind.Struct
        ? message.Structures.First(structure => structure.Name == field.Type.StructName)
        : null;

    private bool HasErrors(EquatableArray<Field> fields) =>
        fields.Any(field => IsError(field) || (StructureOf(field) is { } inner && HasErrors(inner.Fields)));
}
