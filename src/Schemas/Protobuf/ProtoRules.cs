namespace PipeRoll.Schemas.Protobuf;

/// <summary>What the compiler of definition files checks beyond the grammar, as far as data depend on it.</summary>
internal static class ProtoRules
{
    /// <exception cref="SchemaSyntaxException">A rule is broken.</exception>
    public static void Check(ProtoFile file)
    {
        Unique([.. file.Messages.Select(static message => message.Name), .. file.Enums.Select(static type => type.Name)], "the file");
        foreach (ProtoMessage message in file.Messages)
        {
            Check(file, message);
        }

        foreach (ProtoEnum type in file.Enums)
        {
            Check(file, type);
        }
    }

    private static void Check(ProtoFile file, ProtoMessage message)
    {
        Unique([.. message.Messages.Select(static inner => inner.Name), .. message.Enums.Select(static inner => inner.Name)], message.Name);
        Unique([.. message.Fields.Select(static field => field.Name), .. message.OneOfs], message.Name);
        var numbers = new Dictionary<int, string>();
        foreach (ProtoField field in message.Fields)
        {
            string at = $"{message.Name}.{field.Name}";
            if (!numbers.TryAdd(field.Number, field.Name))
            {
                throw new SchemaSyntaxException($"{at}: the number {field.Number} is {numbers[field.Number]}'s already");
            }

            if (field.Number is >= 19_000 and <= 19_999)
            {
                throw new SchemaSyntaxException($"{at}: the numbers from 19000 to 19999 are the language's own");
            }

            if (message.Reserved.Any(range => field.Number >= range.From && field.Number <= range.To) || message.ReservedNames.Contains(field.Name))
            {
                throw new SchemaSyntaxException($"{at}: its {(message.ReservedNames.Contains(field.Name) ? "name" : "number")} is reserved");
            }

            if (field.Label == ProtoLabel.Required && file.Syntax == "proto3")
            {
                throw new SchemaSyntaxException($"{at}: proto3 has no required fields");
            }

            if (field.Label == ProtoLabel.None && field.KeyType is null && field.OneOf is null && file.Syntax == "proto2" && !IsGroup(field))
            {
                throw new SchemaSyntaxException($"{at}: in proto2 a field is optional, required or repeated");
            }

            if (field.KeyType is { } key && (!ProtoScalars.Is(key) || key is "double" or "float" or "bytes"))
            {
                throw new SchemaSyntaxException($"{at}: {key} can't be the key of a map");
            }
        }

        foreach (ProtoMessage inner in message.Messages)
        {
            Check(file, inner);
        }

        foreach (ProtoEnum inner in message.Enums)
        {
            Check(file, inner);
        }
    }

    public static bool IsGroup(ProtoField field) => field.Options.Any(static option => option is { Name: "group", Value: "true" });

    private static void Check(ProtoFile file, ProtoEnum type)
    {
        Unique([.. type.Values.Select(static value => value.Name)], type.Name);
        if (type.Values.Count == 0)
        {
            throw new SchemaSyntaxException($"{type.Name}: an enum has at least one value");
        }

        if (file.Syntax == "proto3" && type.Values[0].Number != 0)
        {
            throw new SchemaSyntaxException($"{type.Name}: in proto3 the first value is 0");
        }

        bool mayRepeat = type.Options.Any(static option => option is { Name: "allow_alias", Value: "true" });
        if (!mayRepeat && type.Values.Select(static value => value.Number).Distinct().Count() != type.Values.Count)
        {
            throw new SchemaSyntaxException($"{type.Name}: two values have the same number, and allow_alias is not set");
        }
    }

    private static void Unique(List<string> names, string where)
    {
        string? twice = names.GroupBy(static name => name).FirstOrDefault(static group => group.Count() > 1)?.Key;
        if (twice is not null)
        {
            throw new SchemaSyntaxException($"{where}: the name '{twice}' is there twice");
        }
    }
}
