using System.Globalization;
using PipeRoll.Policies;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace PipeRoll.Workflows.Manifest;

/// <summary>Reads workflow manifests (YAML) and names every problem at once, each with line, column and advice.</summary>
public static class ManifestReader
{
    private const int BytesMax = 1 << 20;
    private const int PartitionsMax = 10_000;
    private static readonly string[] TopFields = ["workflow", "source", "policy", "decisions", "routes", "deadLetters", "blocking", "shadow", "governed"];
    private static readonly string[] SourceFields = ["topic", "partitions", "key", "time"];
    private static readonly string[] BlockingFields = ["deadline", "onDeadline"];

    /// <summary>
    /// Reads a file; the policy path in it is taken relative to the file. A file that cannot be read is a problem at 1:1.
    /// </summary>
    public static ManifestResult Load(string file)
    {
        try
        {
            var info = new FileInfo(file);
            if (!info.Exists)
            {
                return Failed(new ManifestProblem(1, 1, $"there is no file {file}: give the path of a workflow manifest"));
            }

            if (info.Length > BytesMax)
            {
                return Failed(new ManifestProblem(1, 1, $"{file} is larger than 1 MiB: that is not a workflow manifest"));
            }

            return Parse(File.ReadAllText(file), Path.GetDirectoryName(Path.GetFullPath(file))!);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return Failed(new ManifestProblem(1, 1, $"{file} cannot be read: {error.Message}"));
        }
    }

    /// <summary>Reads a text; <paramref name="folder"/> is what a relative policy path starts from.</summary>
    public static ManifestResult Parse(string text, string folder)
    {
        var yaml = new YamlStream();
        try
        {
            yaml.Load(new StringReader(text));
        }
        catch (YamlException error)
        {
            string reason = error.InnerException?.Message ?? error.Message;
            return Failed(new ManifestProblem((int)error.Start.Line, (int)error.Start.Column, $"not valid YAML: {reason}"));
        }

        if (yaml.Documents.Count != 1 || yaml.Documents[0].RootNode is not YamlMappingNode root)
        {
            return Failed(new ManifestProblem(1, 1, "a manifest is one mapping: begin with 'workflow: NAME'"));
        }

        return new Reading(folder).Read(root);
    }

    private static ManifestResult Failed(ManifestProblem problem) => new(null, [problem]);

    private sealed class Reading(string folder)
    {
        private readonly List<ManifestProblem> _problems = [];

        public ManifestResult Read(YamlMappingNode root)
        {
            Known(root, TopFields, "a manifest");
            string name = Name(root);
            YamlMappingNode? source = Mapping(root, "source", required: true, "source:\n  topic: payments\n  partitions: 4");
            string topic = "";
            int partitions = 1;
            if (source is not null)
            {
                Known(source, SourceFields, "'source'");
                topic = Topic(source, "topic", null);
                partitions = PartitionCount(source);
            }

            var manifest = new WorkflowManifest
            {
                Name = name,
                SourceTopic = topic,
                Partitions = partitions,
                KeyField = source is null ? null : Text(source, "key", required: false, ""),
                TimeField = source is null ? null : Text(source, "time", required: false, ""),
                PolicyFile = Policy(root, "policy", required: true) ?? "",
                ShadowPolicyFile = Policy(root, "shadow", required: false),
                IsGoverned = Flag(root, "governed"),
                DecisionTopic = Topic(root, "decisions", name + ".decisions"),
                Routes = Routes(root),
                DeadLetterTopic = Topic(root, "deadLetters", name + ".dead-letters"),
            };
            manifest = Blocking(root, manifest);
            Distinct(root, manifest);
            _problems.Sort((left, right) => (left.Line, left.Column).CompareTo((right.Line, right.Column)));
            return new ManifestResult(_problems.Count == 0 ? manifest : null, _problems);
        }

        private string Name(YamlMappingNode root)
        {
            string name = Text(root, "workflow", required: true, "workflow: payments") ?? "";
            if (name.Length > 0 && !TopicNames.IsLegal(name))
            {
                Problem(
                    root.Children[new YamlScalarNode("workflow")],
                    $"'{name}' cannot name a workflow: use letters, digits, '.', '_' and '-'");
            }

            return name;
        }

        private string? Policy(YamlMappingNode root, string field, bool required)
        {
            string? file = Text(root, field, required, $"{field}: ../policies/payments-v1.yaml");
            if (file is null)
            {
                return null;
            }

            string path = Path.GetFullPath(file, folder);
            if (!File.Exists(path))
            {
                Problem(
                    root.Children[new YamlScalarNode(field)],
                    $"there is no policy file {path}: the path is taken from the manifest's folder");
            }

            return path;
        }

        private Dictionary<string, string> Routes(YamlMappingNode root)
        {
            var routes = new Dictionary<string, string>(StringComparer.Ordinal);
            YamlMappingNode? mapping = Mapping(root, "routes", required: false, "");
            if (mapping is null)
            {
                return routes;
            }

            foreach ((YamlNode key, YamlNode value) in mapping.Children)
            {
                if (key is not YamlScalarNode { Value: { Length: > 0 } outcome }
                    || value is not YamlScalarNode { Value: { Length: > 0 } topic })
                {
                    Problem(key, "a route is 'outcome: topic', for instance 'block: payments.blocked'");
                }
                else if (!TopicNames.IsLegal(topic))
                {
                    Problem(value, TopicNames.Advice(topic));
                }
                else
                {
                    routes.Add(outcome, topic);
                }
            }

            return routes;
        }

        private bool Flag(YamlMappingNode root, string field)
        {
            string? text = Text(root, field, required: false, "");
            if (text is not (null or "true" or "false"))
            {
                Problem(root.Children[new YamlScalarNode(field)], $"'{field}' is true or false, not '{text}'");
            }

            return text == "true";
        }

        private WorkflowManifest Blocking(YamlMappingNode root, WorkflowManifest manifest)
        {
            if (Mapping(root, "blocking", required: false, "") is not { } blocking)
            {
                return manifest;
            }

            Known(blocking, BlockingFields, "'blocking'");
            string? deadline = Text(blocking, "deadline", required: false, "deadline: 500ms");
            int deadlineMs = manifest.DeadlineMs;
            if (deadline is not null && (!deadline.EndsWith("ms", StringComparison.Ordinal)
                || !int.TryParse(deadline[..^2], NumberStyles.None, CultureInfo.InvariantCulture, out deadlineMs) || deadlineMs is < 1 or > 60_000))
            {
                Problem(blocking.Children[new YamlScalarNode("deadline")], $"'deadline' is 1ms to 60000ms, not '{deadline}'");
            }

            string outcome = Text(blocking, "onDeadline", required: false, "onDeadline: block") ?? manifest.DeadlineOutcome;
            if (!OutcomeNames.TryParse(outcome, out Outcome _))
            {
                Problem(
                    blocking.Children[new YamlScalarNode("onDeadline")],
                    $"'onDeadline' is allow or alert (fail open), hold or block (fail closed), not '{outcome}'");
            }

            return manifest with { DeadlineMs = deadlineMs, DeadlineOutcome = outcome };
        }

        private void Distinct(YamlMappingNode root, WorkflowManifest manifest)
        {
            foreach (string topic in manifest.OutputTopics.Append(manifest.DeadLetterTopic))
            {
                if (topic.Length > 0 && topic == manifest.SourceTopic)
                {
                    Problem(
                        root, $"topic {topic} is the source and is written to as well: that would feed the workflow with its own output");
                }
            }

            if (manifest.Routes.Values.Contains(manifest.DecisionTopic))
            {
                Problem(root, $"a route goes to {manifest.DecisionTopic}, which holds the decisions: give the route a topic of its own");
            }

            if (manifest.OutputTopics.Contains(manifest.DeadLetterTopic))
            {
                Problem(root, $"dead letters share {manifest.DeadLetterTopic} with decisions or a route: give them a topic of their own");
            }
        }

        private string Topic(YamlMappingNode mapping, string field, string? otherwise)
        {
            string? topic = Text(mapping, field, required: otherwise is null, $"{field}: payments");
            if (topic is null)
            {
                return otherwise ?? "";
            }

            if (!TopicNames.IsLegal(topic))
            {
                Problem(mapping.Children[new YamlScalarNode(field)], TopicNames.Advice(topic));
            }

            return topic;
        }

        private int PartitionCount(YamlMappingNode source)
        {
            string? text = Text(source, "partitions", required: false, "");
            if (text is null)
            {
                return 1;
            }

            if (!int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int count) || count is < 1 or > PartitionsMax)
            {
                Problem(
                    source.Children[new YamlScalarNode("partitions")],
                    $"'partitions' is a whole number from 1 to {PartitionsMax}, not '{text}'");
                return 1;
            }

            return count;
        }

        private string? Text(YamlMappingNode mapping, string field, bool required, string example)
        {
            if (!mapping.Children.TryGetValue(new YamlScalarNode(field), out YamlNode? node))
            {
                if (required)
                {
                    Problem(mapping, $"'{field}' is missing: write '{example}'");
                }

                return null;
            }

            if (node is YamlScalarNode { Value: { Length: > 0 } value })
            {
                return value;
            }

            Problem(node, $"'{field}' must be a text" + (example.Length > 0 ? $": write '{example}'" : ""));
            return null;
        }

        private YamlMappingNode? Mapping(YamlMappingNode parent, string field, bool required, string example)
        {
            if (!parent.Children.TryGetValue(new YamlScalarNode(field), out YamlNode? node))
            {
                if (required)
                {
                    Problem(parent, $"'{field}' is missing: write '{example.ReplaceLineEndings(" ")}'");
                }

                return null;
            }

            if (node is YamlMappingNode mapping)
            {
                return mapping;
            }

            Problem(node, $"'{field}' must be a mapping with fields of its own, indented below it");
            return null;
        }

        private void Known(YamlMappingNode mapping, string[] fields, string where)
        {
            foreach (YamlNode key in mapping.Children.Keys)
            {
                string name = (key as YamlScalarNode)?.Value ?? "";
                if (!fields.Contains(name))
                {
                    Problem(key, $"{where} has no field '{name}': it knows {string.Join(", ", fields)}");
                }
            }
        }

        private void Problem(YamlNode at, string message) =>
            _problems.Add(new ManifestProblem((int)at.Start.Line, (int)at.Start.Column, message));
    }
}
