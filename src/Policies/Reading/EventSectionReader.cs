using PipeRoll.Cel;
using PipeRoll.Policies.Events;
using PipeRoll.Policies.Model;

namespace PipeRoll.Policies.Reading;

/// <summary>Reads <c>event:</c>, what the events look like.</summary>
internal static class EventSectionReader
{
    private const int FieldsMax = 256;
    private const int PathMax = 32;

    private static readonly Dictionary<string, FieldType> Types = new()
    {
        ["bool"] = FieldType.Bool,
        ["int"] = FieldType.Int,
        ["double"] = FieldType.Double,
        ["string"] = FieldType.String,
        ["timestamp"] = FieldType.Timestamp,
        ["text"] = FieldType.Text,
        ["any"] = FieldType.Any,
    };

    private static readonly Dictionary<string, TimeFormat> Formats = new()
    {
        ["iso8601"] = TimeFormat.Iso8601,
        ["unix-ms"] = TimeFormat.UnixMs,
        ["unix-s"] = TimeFormat.UnixSeconds,
        ["step"] = TimeFormat.Step,
    };

    public static EventSchema? Read(YamlNode node, ProblemList problems)
    {
        const string Hint = "Write `event:` and under it `key:`, `time:` and `fields:`.";
        YamlSection? section = YamlSection.Of(node, "`event`", problems, Hint);
        if (section is null)
        {
            return null;
        }
        string key = section.RequiredText("key", "Name the field by which events are partitioned, such as `key: account`.");
        YamlNode? time = section.Require("time", "Write `time: { field: time, format: iso8601 }`, or `time: record` for the record's timestamp.");
        YamlNode? listed = section.Require("fields", "List the fields with their types, such as `amount: double`.");
        List<EventField> fields = ReadFields(listed, problems);
        section.Close();
        CheckField(section.Scalar("key"), key, fields, problems);
        return time switch
        {
            null => null,
            YamlText { Text: "record" } => new EventSchema(key, "", TimeFormat.UnixMs, 0, null, fields),
            _ => WithTime(time, key, fields, problems),
        };
    }

    private static EventSchema? WithTime(YamlNode node, string key, List<EventField> fields, ProblemList problems)
    {
        YamlSection? section = YamlSection.Of(node, "`time`", problems, "Write `time: { field: time, format: iso8601 }`.");
        if (section is null)
        {
            return null;
        }
        string name = section.RequiredText("field", "Name the field that says when the event happened.");
        (TimeFormat format, long stepMs) = ReadFormat(section);
        long? aheadMaxMs = section.DurationMs("aheadMax");
        section.Close();
        CheckField(section.Scalar("field"), name, fields, problems);
        int index = fields.FindIndex(field => field.Name == name);
        if (index >= 0)
        {
            CheckTimeField(section.Scalar("field")!, fields[index], format, problems);
            fields[index] = fields[index] with { Optional = false, Format = format, StepMs = stepMs };
        }
        return new EventSchema(key, name, format, stepMs, aheadMaxMs, fields);
    }

    private static void CheckTimeField(YamlText place, EventField field, TimeFormat format, ProblemList problems)
    {
        bool fits = field.Type switch
        {
            FieldType.Timestamp => true,
            FieldType.String => format == TimeFormat.Iso8601,
            FieldType.Int or FieldType.Double => format != TimeFormat.Iso8601,
            _ => false,
        };
        if (!fits)
        {
            problems.Add(
                place,
                $"the time field '{field.Name}' is a {field.Type.ToString().ToLowerInvariant()}, which its format cannot be read from",
                $"Declare it as `{field.Name}: timestamp`.");
        }
        if (field.Optional)
        {
            problems.Add(place, $"the time field '{field.Name}' is optional", "Every event needs its time: remove `optional: true`.");
        }
    }

    private static List<EventField> ReadFields(YamlNode? node, ProblemList problems)
    {
        var fields = new List<EventField>();
        if (node is null || YamlSection.Of(node, "`fields`", problems, "Write one `name: type` per line.") is not { } section)
        {
            return fields;
        }
        if (section.Map.Entries.Count is 0 or > FieldsMax)
        {
            problems.Add(node, $"there are {section.Map.Entries.Count} fields", $"List 1 to {FieldsMax} fields.");
        }
        foreach (YamlEntry entry in section.Map.Entries)
        {
            if (Names.Check(entry.Key, "field", problems) && ReadField(entry, problems) is { } field)
            {
                fields.Add(field);
            }
        }
        return fields;
    }

    private static EventField? ReadField(YamlEntry entry, ProblemList problems)
    {
        string name = entry.Key.Text;
        if (entry.Value is YamlText text)
        {
            if (Types.TryGetValue(text.Text, out FieldType type))
            {
                return new EventField(name, type, false, TimeFormat.Iso8601, 0);
            }
            problems.Add(text, $"field '{name}' has the type '{text.Text}'", Suggestion.For(text.Text, Types.Keys, "types"));
            return null;
        }
        const string Hint = "Write `name: type` or `name: { type: double, optional: true }`.";
        YamlSection? section = YamlSection.Of(entry.Value, $"field '{name}'", problems, Hint);
        if (section is null)
        {
            return null;
        }
        section.Require("type", Hint);
        FieldType declared = section.Word("type", FieldType.String, Types);
        string? otherwise = ReadDefault(section, declared);
        bool optional = section.Bool("optional", otherwise is not null);
        IReadOnlyList<string> path = ReadPath(section);
        string[][] paths = ReadPaths(section);
        (TimeFormat format, long stepMs) = declared == FieldType.Timestamp ? ReadFormat(section) : (TimeFormat.Iso8601, 0);
        section.Close();
        return new EventField(name, declared, optional, format, stepMs)
        {
            Path = paths.Length > 0 ? paths[0] : path,
            OtherPaths = [.. paths.Skip(1)],
            Default = otherwise,
        };
    }

    /// <summary>The default as JSON: texts as they are written, everything else must be JSON of the field's type.</summary>
    private static string? ReadDefault(YamlSection section, FieldType type)
    {
        if (section.Scalar("default") is not { } place)
        {
            return null;
        }
        bool isText = type is FieldType.String or FieldType.Text;
        string json = isText ? $"\"{System.Text.Json.JsonEncodedText.Encode(place.Text)}\"" : place.Text;
        CelKind kind = JsonValues.Parse(json)?.Kind ?? CelKind.Error;
        bool fits = type switch
        {
            FieldType.Bool => kind == CelKind.Bool,
            FieldType.Int => kind == CelKind.Int,
            FieldType.Double => kind is CelKind.Int or CelKind.Double,
            FieldType.Timestamp => false,
            FieldType.Any => kind != CelKind.Error,
            _ => kind == CelKind.String,
        };
        if (!fits)
        {
            const string Advice = "Write a value of the field's type, such as `default: 0`, or `default: \"{}\"` for `any`.";
            section.Problems.Add(place, $"the default '{place.Text}' is no {type.ToString().ToLowerInvariant()}", Advice);
        }
        if (section.Find("optional") is YamlText { Text: "false" } required)
        {
            section.Problems.Add(required, "a field with a default is optional", "Remove one of the two.");
        }
        return json;
    }

    /// <summary>Several places, each with dots between its names.</summary>
    private static string[][] ReadPaths(YamlSection section)
    {
        string[][] paths = [.. section.Texts("paths").Select(path => path.Split('.'))];
        bool isWrong = paths.Any(path => path.Length > PathMax || path.Any(part => part.Length is 0 || part == EventField.WholeEvent));
        if (section.Find("paths") is { } place && (isWrong || section.Find("path") is not null))
        {
            section.Problems.Add(place, "the paths have an empty part, or there is a `path` as well", "Write `paths: [a.b.c, a.*.d]`.");
        }
        return paths;
    }

    /// <summary>Names with dots between, or a list of names where they have dots themselves.</summary>
    private static string[] ReadPath(YamlSection section)
    {
        IReadOnlyList<string> texts = section.Texts("path");
        string[] path = section.Find("path") is YamlText { Text: var text } && text != EventField.WholeEvent ? text.Split('.') : [.. texts];
        if (section.Find("path") is { } place && (path.Length is 0 or > PathMax || path.Any(part => part.Length == 0)))
        {
            const string Advice = "Write `path: a.b.c`, `path: [a, b.c]`, or `path: $` for the whole event.";
            section.Problems.Add(place, "the path has an empty part, or too many", Advice);
        }
        return path;
    }

    private static (TimeFormat Format, long StepMs) ReadFormat(YamlSection section)
    {
        TimeFormat format = section.Word("format", TimeFormat.Iso8601, Formats);
        long stepMs = section.DurationMs("unit") ?? 0;
        if (format == TimeFormat.Step && section.Find("unit") is null)
        {
            section.Problems.Add(section.Map, "`format: step` has no `unit`", "Say how long a step is, such as `unit: 1d`.");
        }
        if (format != TimeFormat.Step && section.Find("unit") is { } unit)
        {
            section.Problems.Add(unit, "`unit` is only for `format: step`", "Remove it, or write `format: step`.");
        }
        return (format, stepMs);
    }

    private static void CheckField(YamlText? place, string name, List<EventField> fields, ProblemList problems)
    {
        if (place is not null && name.Length > 0 && fields.Count > 0 && fields.All(field => field.Name != name))
        {
            problems.Add(place, $"there is no field '{name}'", Suggestion.For(name, [.. fields.Select(field => field.Name)], "fields"));
        }
    }
}
