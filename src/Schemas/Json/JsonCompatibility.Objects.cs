using System.Text.Json;

namespace PipeRoll.Schemas.Json;

/// <summary>Objects.</summary>
internal sealed partial class JsonCompatibility
{
    private void CheckObjects(JsonNode reader, JsonNode writer, string path)
    {
        CheckUpper(reader, writer, path, "maxProperties", "MAX_PROPERTIES");
        CheckLower(reader, writer, path, "minProperties", "MIN_PROPERTIES");
        var wanted = new ObjectWords(reader);
        var written = new ObjectWords(writer);
        foreach ((string name, JsonNode property) in wanted.Properties)
        {
            string at = $"{path}/properties/{name}";
            if (written.Properties.TryGetValue(name, out JsonNode before))
            {
                Check(property, before, at);
            }
            else if (MayBeObject(writer))
            {
                CheckAdded(name, property, written, at);
            }
        }

        foreach ((string name, JsonNode before) in written.Properties)
        {
            if (!wanted.Properties.ContainsKey(name) && MayBeObject(reader))
            {
                CheckRemoved(name, before, wanted, $"{path}/properties/{name}");
            }
        }

        CheckRequired(wanted, written, reader, writer, path);
        CheckFurther(wanted, written, writer, path);
        CheckDependencies(wanted, written, path);
        if (reader.Member("propertyNames") is { } names && !(writer.Member("propertyNames") is { } old && IsCompatible(names, old)))
        {
            Add("PROPERTY_NAMES_NARROWED", $"{path}/propertyNames", "the new schema takes only some names of properties");
        }
    }

    /// <summary>Whether what is said of properties says anything at all.</summary>
    private static bool MayBeObject(JsonNode node) => TypesOf(node) is not { } types || types.Contains("object");

    private void CheckAdded(string name, JsonNode property, ObjectWords written, string at)
    {
        if (_new.Follow(property).IsAnything || written.IsClosed)
        {
            return;
        }

        if (written.Covering(_old, name) is not { } covering)
        {
            Add("PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL", at,
                $"the old schema took any property {name}, the new one only some; close the object (additionalProperties: false) before properties are added");
        }
        else if (!IsCompatible(property, covering))
        {
            Add("PROPERTY_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL", at, $"the old schema took a property {name} that the new one does not take");
        }
    }

    private void CheckRemoved(string name, JsonNode before, ObjectWords wanted, string at)
    {
        if (wanted.IsOpenTo(_new, name) || _old.Follow(before).IsNothing)
        {
            return;
        }

        if (wanted.Covering(_new, name) is not { } covering)
        {
            Add("PROPERTY_REMOVED_FROM_CLOSED_CONTENT_MODEL", at, $"the new schema takes no property {name}, which the old one took");
        }
        else if (!IsCompatible(covering, before))
        {
            Add("PROPERTY_REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL", at, $"the new schema takes a property {name} only with another content");
        }
    }

    private void CheckRequired(ObjectWords wanted, ObjectWords written, JsonNode reader, JsonNode writer, string path)
    {
        foreach (string name in wanted.Required.Except(written.Required))
        {
            bool hasDefault = wanted.Properties.TryGetValue(name, out JsonNode property) && _new.Follow(property).Member("default") is not null;
            if (!hasDefault && MayBeObject(writer) && MayBeObject(reader))
            {
                Add(written.Properties.ContainsKey(name) ? "REQUIRED_ATTRIBUTE_ADDED" : "REQUIRED_PROPERTY_ADDED_TO_UNOPEN_CONTENT_MODEL",
                    $"{path}/required/{name}", $"the new schema requires {name}, which the old one did not, and has no default for it");
            }
        }
    }

    private void CheckFurther(ObjectWords wanted, ObjectWords written, JsonNode writer, string path)
    {
        if (!MayBeObject(writer))
        {
            return;
        }

        if (wanted.Additional is { } additional && !_new.Follow(additional).IsAnything)
        {
            if (written.Additional is { } before)
            {
                Check(additional, before, $"{path}/additionalProperties");
            }
            else
            {
                Add(additional.IsNothing ? "ADDITIONAL_PROPERTIES_REMOVED" : "ADDITIONAL_PROPERTIES_NARROWED", $"{path}/additionalProperties",
                    "the old schema took any further property, the new one does not");
            }
        }

        foreach ((string pattern, JsonNode property) in wanted.Patterns)
        {
            string at = $"{path}/patternProperties/{pattern}";
            if (written.Patterns.TryGetValue(pattern, out JsonNode before))
            {
                Check(property, before, at);
            }
            else if (!written.IsClosed && !_new.Follow(property).IsAnything)
            {
                Add("PATTERN_PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL", at, $"the old schema took any property that matches {pattern}, the new one only some");
            }
        }

        foreach ((string pattern, JsonNode before) in written.Patterns)
        {
            if (!wanted.Patterns.ContainsKey(pattern) && wanted.Additional is { } rest && !IsCompatible(rest, before))
            {
                Add("PATTERN_PROPERTY_REMOVED_FROM_CLOSED_CONTENT_MODEL", $"{path}/patternProperties/{pattern}",
                    $"the new schema does not take properties that match {pattern}, which the old one took");
            }
        }
    }

    private void CheckDependencies(ObjectWords wanted, ObjectWords written, string path)
    {
        foreach ((string name, JsonNode dependency) in wanted.Dependencies)
        {
            string at = $"{path}/dependencies/{name}";
            bool isList = dependency.Json.ValueKind == JsonValueKind.Array;
            if (!written.Dependencies.TryGetValue(name, out JsonNode before) || before.Json.ValueKind == JsonValueKind.Array != isList)
            {
                Add("DEPENDENCY_ADDED", at, $"the new schema asks for more where {name} is present");
            }
            else if (!isList)
            {
                Check(dependency, before, at);
            }
            else if (dependency.Json.EnumerateArray().Any(item => !before.Json.EnumerateArray().Any(other => JsonElement.DeepEquals(item, other))))
            {
                Add("DEPENDENCY_ARRAY_EXTENDED", at, $"the new schema asks for more properties where {name} is present");
            }
        }
    }

    /// <summary>What a schema says of objects.</summary>
    private sealed class ObjectWords
    {
        public ObjectWords(JsonNode node)
        {
            Properties = Map(node.Member("properties"));
            Patterns = Map(node.Member("patternProperties"));
            Dependencies = Map(node.Member("dependencies"));
            foreach (string word in (string[])["dependentRequired", "dependentSchemas"])
            {
                foreach ((string name, JsonNode dependency) in Map(node.Member(word)))
                {
                    Dependencies.TryAdd(name, dependency);
                }
            }

            Required = node.Member("required") is { Json.ValueKind: JsonValueKind.Array } list
                ? [.. list.Json.EnumerateArray().Select(static item => item.GetString()!)]
                : [];
            Additional = node.Member("additionalProperties") is { } additional && !additional.IsAnything ? additional : null;
        }

        public Dictionary<string, JsonNode> Properties { get; }

        public Dictionary<string, JsonNode> Patterns { get; }

        public Dictionary<string, JsonNode> Dependencies { get; }

        public HashSet<string> Required { get; }

        /// <summary>Null: any.</summary>
        public JsonNode? Additional { get; }

        public bool IsClosed => Additional is { IsNothing: true } && Patterns.Count == 0;

        public bool IsOpenTo(JsonSchemaSet set, string name) => Additional is null && !Patterns.Keys.Any(pattern => set.Pattern(pattern).IsMatch(name));

        /// <summary>The schema of a property that is not named; null when there is none, be it that any is taken or that none is.</summary>
        public JsonNode? Covering(JsonSchemaSet set, string name)
        {
            foreach ((string pattern, JsonNode schema) in Patterns)
            {
                if (set.Pattern(pattern).IsMatch(name))
                {
                    return schema;
                }
            }

            return Additional is { IsNothing: false } additional ? additional : null;
        }

        private static Dictionary<string, JsonNode> Map(JsonNode? node) =>
            node is { } map ? map.Members().ToDictionary(static member => member.Name, static member => member.Node, StringComparer.Ordinal) : [];
    }
}
