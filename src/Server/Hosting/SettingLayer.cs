using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace PipeRoll.Server.Hosting;

/// <param name="Value">As it was written.</param>
/// <param name="Origin">Where it was written, as the user would look for it: <c>piperoll.yaml:3</c>, <c>PIPEROLL_DATA</c>, <c>--data</c>.</param>
public readonly record struct SettingValue(string Value, string Origin);

/// <summary>One source of settings by name; later layers override earlier ones.</summary>
public sealed class SettingLayer
{
    private readonly Dictionary<string, SettingValue> _values = new(StringComparer.Ordinal);

    public IReadOnlyDictionary<string, SettingValue> Values => _values;

    public static SettingLayer FromFlags(IEnumerable<(string Name, string? Value)> flags)
    {
        var layer = new SettingLayer();
        foreach ((string name, string? value) in flags)
        {
            if (value is not null)
            {
                // Flags have no sections: what has one was given with --set.
                layer._values[name] = new SettingValue(value, (name.Contains('/', StringComparison.Ordinal) ? "--set " : "--") + name);
            }
        }

        return layer;
    }

    /// <summary>Takes PIPEROLL_KAFKA_PORT for kafka-port, and PIPEROLL_BROKER__NUM_PARTITIONS for broker/num.partitions.</summary>
    public static SettingLayer FromEnvironment(System.Collections.IDictionary variables)
    {
        var layer = new SettingLayer();
        foreach (System.Collections.DictionaryEntry variable in variables)
        {
            string name = (string)variable.Key;
            if (!name.StartsWith("PIPEROLL_", StringComparison.Ordinal) || variable.Value is not string value)
            {
                continue;
            }

            string[] parts = name["PIPEROLL_".Length..].ToLowerInvariant().Split("__", 2);
            string setting = parts.Length == 2 ? $"{parts[0]}/{parts[1].Replace('_', '.')}" : parts[0].Replace('_', '-');
            layer._values[setting] = new SettingValue(value, name);
        }

        return layer;
    }

    /// <summary>Reads a mapping of scalars, with one level of mappings below it (<c>broker:</c>, <c>storage:</c>).</summary>
    public static SettingLayer FromYaml(string file, string text, List<string> problems)
    {
        var layer = new SettingLayer();
        try
        {
            var yaml = new YamlStream();
            yaml.Load(new StringReader(text));
            if (yaml.Documents.Count == 0)
            {
                return layer;
            }

            if (yaml.Documents[0].RootNode is YamlMappingNode root)
            {
                layer.Read(file, root, prefix: "", problems);
            }
            else
            {
                problems.Add($"{file}:1: expected settings such as 'kafka-port: 9092', one a line");
            }
        }
        catch (YamlException broken)
        {
            problems.Add($"{file}:{broken.Start.Line}: not valid YAML: {broken.Message}");
        }

        return layer;
    }

    private void Read(string file, YamlMappingNode mapping, string prefix, List<string> problems)
    {
        foreach ((YamlNode key, YamlNode value) in mapping.Children)
        {
            string name = prefix + ((YamlScalarNode)key).Value;
            string origin = $"{file}:{key.Start.Line}";
            switch (value)
            {
                case YamlScalarNode scalar:
                    _values[name] = new SettingValue(scalar.Value ?? "", origin);
                    break;
                case YamlMappingNode child when prefix.Length == 0:
                    Read(file, child, name + "/", problems);
                    break;
                default:
                    problems.Add($"{origin}: '{name}' takes one value, not a list or mapping");
                    break;
            }
        }
    }
}
