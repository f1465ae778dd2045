using PipeRoll.Policies.Reading;

namespace PipeRoll.Policies.Sigma;

/// <summary>Where the fields of Sigma rules are in the events that are decided.</summary>
public sealed class SigmaMapping
{
    private readonly Dictionary<string, string> _fields;
    private readonly Dictionary<string, (string Field, string[] Values)> _sources;
    private readonly string[] _otherwise;

    private SigmaMapping(
        string[] otherwise, Dictionary<string, string> fields, Dictionary<string, (string Field, string[] Values)> sources, string key, string? time)
    {
        _otherwise = otherwise;
        _fields = fields;
        _sources = sources;
        KeyPath = key;
        TimePath = time;
    }

    /// <summary>Every field at the top level under its own name; the record's key and timestamp.</summary>
    public static SigmaMapping Flat(string key) => new(["@"], [], [], key, null);

    /// <summary>
    /// Events of the Windows event log as JSON: <c>Event.System</c>, <c>Event.EventData</c> (where some providers write <c>Threat
    /// Name</c> for ThreatName) and <c>Event.UserData</c>.
    /// </summary>
    public static SigmaMapping WindowsJson { get; } = new(
        ["Event.EventData.@", "Event.EventData.@ @", "Event.UserData.*.@"],
        new Dictionary<string, string>
        {
            ["EventID"] = "Event.System.EventID",
            ["Channel"] = "Event.System.Channel",
            ["Computer"] = "Event.System.Computer",
            ["ComputerName"] = "Event.System.Computer",
            ["Provider_Name"] = "Event.System.Provider.#attributes.Name",
            ["Level"] = "Event.System.Level",
            ["Task"] = "Event.System.Task",
            ["Opcode"] = "Event.System.Opcode",
            ["Keywords"] = "Event.System.Keywords",
        },
        new Dictionary<string, (string, string[])>
        {
            ["process_creation"] = ("EventID", ["1", "4688"]),
            ["network_connection"] = ("EventID", ["3"]),
            ["driver_load"] = ("EventID", ["6"]),
            ["image_load"] = ("EventID", ["7"]),
            ["create_remote_thread"] = ("EventID", ["8"]),
            ["process_access"] = ("EventID", ["10"]),
            ["file_event"] = ("EventID", ["11"]),
            ["registry_add"] = ("EventID", ["12"]),
            ["registry_delete"] = ("EventID", ["12"]),
            ["registry_set"] = ("EventID", ["13"]),
            ["registry_event"] = ("EventID", ["12", "13", "14"]),
            ["pipe_created"] = ("EventID", ["17", "18"]),
            ["dns_query"] = ("EventID", ["22"]),
            ["file_delete"] = ("EventID", ["23", "26"]),
            ["ps_script"] = ("EventID", ["4104"]),
            ["service:security"] = ("Channel", ["Security"]),
            ["service:system"] = ("Channel", ["System"]),
            ["service:application"] = ("Channel", ["Application"]),
            ["service:sysmon"] = ("Channel", ["Microsoft-Windows-Sysmon/Operational"]),
            ["service:windefend"] = ("Channel", ["Microsoft-Windows-Windows Defender/Operational"]),
            ["service:wmi"] = ("Channel", ["Microsoft-Windows-WMI-Activity/Operational"]),
            ["service:taskscheduler"] = ("Channel", ["Microsoft-Windows-TaskScheduler/Operational"]),
            ["service:powershell"] = ("Channel", ["Microsoft-Windows-PowerShell/Operational"]),
        },
        "Event.System.Computer",
        "Event.System.TimeCreated.#attributes.SystemTime");

    /// <summary>Where the field is by which events are keyed.</summary>
    public string KeyPath { get; }

    /// <summary>Where the time is, as ISO 8601; null: the record's timestamp.</summary>
    public string? TimePath { get; }

    /// <summary>
    /// Reads a mapping: <c>default</c> (a path with <c>*</c> for the field's name), <c>fields</c> (name to path), <c>key</c> (a path),
    /// and, if wanted, <c>time</c> (a path).
    /// </summary>
    /// <exception cref="PolicyException">Everything that is wrong with it.</exception>
    public static SigmaMapping Parse(string file, string yaml)
    {
        var problems = new ProblemList(file);
        const string Hint = "Write `default: path.*`, `key: path` and `fields:`.";
        var fields = new Dictionary<string, string>(StringComparer.Ordinal);
        string otherwise = "*";
        string key = "";
        string time = "";
        if (YamlTree.Read(yaml, problems) is { } root && YamlSection.Of(root, "a mapping", problems, Hint) is { } section)
        {
            otherwise = section.Find("default") is null ? "*" : section.Text("default");
            key = section.RequiredText("key", "Say by which field events are keyed, such as `key: host.name`.");
            time = section.Text("time");
            foreach (YamlEntry entry in (section.Find("fields") as YamlMap)?.Entries ?? [])
            {
                fields[entry.Key.Text] = (entry.Value as YamlText)?.Text ?? "";
            }
            section.Close();
        }
        problems.ThrowIfAny();
        return new SigmaMapping([otherwise.Replace("*", "@", StringComparison.Ordinal)], fields, [], key, time.Length == 0 ? null : time);
    }

    /// <summary>Where a field may be. <c>@</c> stands for its name, <c>@ @</c> for its name with a blank before each capital.</summary>
    internal IReadOnlyList<string> PathsOf(string field)
    {
        if (_fields.TryGetValue(field, out string? path))
        {
            return [path];
        }
        string blanks = string.Concat(field.Select((c, i) => i > 0 && char.IsAsciiLetterUpper(c) && char.IsAsciiLetterLower(field[i - 1]) ? $" {c}" : $"{c}"));
        return [.. _otherwise.Select(each => each.Replace("@ @", blanks, StringComparison.Ordinal).Replace("@", field, StringComparison.Ordinal)).Distinct()];
    }

    /// <summary>What the events of a rule's log source have in common: a field and its values; empty if that is not known.</summary>
    internal IEnumerable<(string Field, string[] Values)> SourceOf(SigmaRule rule) =>
        new[] { rule.Category, $"service:{rule.Service}" }.Where(_sources.ContainsKey).Select(name => _sources[name]);
}
