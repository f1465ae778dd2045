using System.CommandLine;
using System.Globalization;
using Confluent.Kafka;
using Confluent.Kafka.Admin;
using PipeRoll.Workflows.Kafka;

namespace PipeRoll.Cli.Commands;

/// <summary><c>piperoll topic create|list|describe|delete|alter</c>.</summary>
internal static class TopicCommands
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(15);

    public static Command Create(CliConsole console)
    {
        var topic = new Command("topic", "Topics: create, list, describe, delete, alter");
        topic.Subcommands.Add(CreateTopic(console));
        topic.Subcommands.Add(List(console));
        topic.Subcommands.Add(Describe(console));
        topic.Subcommands.Add(Delete(console));
        topic.Subcommands.Add(Alter(console));
        return topic;
    }

    private static Argument<string> Name => new("topic") { Description = "The topic's name" };

    private static Option<string[]> Configs =>
        new("--config", "-c") { Description = "A topic config, name=value; may be repeated", HelpName = "NAME=VALUE" };

    private static Command CreateTopic(CliConsole console)
    {
        Argument<string> name = Name;
        var partitions = new Option<int>("--partitions", "-p") { Description = "How many partitions", DefaultValueFactory = _ => 1 };
        Option<string[]> configs = Configs;
        var command = new Command("create", "Creates a topic") { name, partitions, configs };
        command.SetAction(async (parsed, _) =>
        {
            string topic = parsed.GetRequiredValue(name);
            int count = parsed.GetValue(partitions);
            Dictionary<string, string> pairs = CommonOptions.Pairs(parsed.GetValue(configs) ?? [], "--config");
            if (count < 1)
            {
                throw new UsageException($"--partitions is at least 1, not {count}");
            }

            using TopicAdmin admin = parsed.Admin();
            if (admin.Partitions(topic) is { } existing)
            {
                throw new WorkflowException($"topic {topic} exists already, with {existing} partitions");
            }

            await admin.EnsureAsync([new TopicPlan(topic, count) { Configs = pairs }]);
            Say(console, parsed, new { topic, partitions = count }, $"created {topic} with {count} partitions");
            return ExitCode.Ok;
        });
        return command;
    }

    private static Command List(CliConsole console)
    {
        var internals = new Option<bool>("--internal") { Description = "Also those that begin with an underscore" };
        var command = new Command("list", "Lists topics") { internals };
        command.SetAction(parsed =>
        {
            using TopicAdmin admin = parsed.Admin();
            bool withInternal = parsed.GetValue(internals);
            var topics = admin.Metadata().Topics.Where(topic => withInternal || !topic.Topic.StartsWith('_')).OrderBy(
                topic => topic.Topic, StringComparer.Ordinal)
                .Select(topic => new { topic = topic.Topic, partitions = topic.Partitions.Count }).ToArray();
            if (parsed.IsJson())
            {
                console.WriteJson(topics);
            }
            else
            {
                console.WriteTable(["TOPIC", "PARTITIONS"], topics.Select(each => new[] { each.topic, $"{each.partitions}" }));
            }

            return ExitCode.Ok;
        });
        return command;
    }

    private static Command Describe(CliConsole console)
    {
        Argument<string> name = Name;
        var command = new Command("describe", "Partitions, offsets and configs of a topic") { name };
        command.SetAction(async (parsed, _) =>
        {
            string topic = parsed.GetRequiredValue(name);
            using TopicAdmin admin = parsed.Admin();
            TopicMetadata found = Existing(admin, topic);
            using var reader = new LogReader(parsed.Connection(), CommonOptions.Log);
            var partitions = found.Partitions.OrderBy(each => each.PartitionId).Select(each =>
            {
                (long low, long high) = reader.Bounds(new TopicPartition(topic, each.PartitionId));
                return new { partition = each.PartitionId, leader = each.Leader, low, high, records = high - low };
            }).ToArray();
            List<DescribeConfigsResult> described = await admin.Client.DescribeConfigsAsync(
                [new ConfigResource { Name = topic, Type = ResourceType.Topic }], new DescribeConfigsOptions { RequestTimeout = Patience });
            Dictionary<string, string> configs = described.SelectMany(each => each.Entries.Values).Where(entry => !entry.IsDefault)
                .OrderBy(entry => entry.Name, StringComparer.Ordinal).ToDictionary(entry => entry.Name, entry => entry.Value);
            if (parsed.IsJson())
            {
                console.WriteJson(new { topic, partitions, configs });
                return ExitCode.Ok;
            }

            console.WriteTable(
                ["PARTITION", "LEADER", "FIRST", "NEXT", "RECORDS"],
                partitions.Select(
                    each => new[] { $"{each.partition}", $"{each.leader}", $"{each.low}", $"{each.high}", $"{each.records}" }));
            foreach ((string config, string value) in configs)
            {
                console.Output.WriteLine($"{config} = {value}");
            }

            return ExitCode.Ok;
        });
        return command;
    }

    private static Command Delete(CliConsole console)
    {
        Argument<string> name = Name;
        var command = new Command("delete", "Deletes a topic and all its records") { name };
        command.SetAction(async (parsed, _) =>
        {
            string topic = parsed.GetRequiredValue(name);
            using TopicAdmin admin = parsed.Admin();
            Existing(admin, topic);
            await admin.Client.DeleteTopicsAsync(
                [topic], new DeleteTopicsOptions { RequestTimeout = Patience, OperationTimeout = Patience });
            Say(console, parsed, new { topic, deleted = true }, $"deleted {topic}");
            return ExitCode.Ok;
        });
        return command;
    }

    private static Command Alter(CliConsole console)
    {
        Argument<string> name = Name;
        Option<string[]> configs = Configs;
        var partitions = new Option<int?>("--partitions", "-p") { Description = "A new, greater partition count" };
        var remove = new Option<string[]>("--unset")
        {
            Description = "A config to set back to its default; may be repeated",
            HelpName = "NAME",
        };
        var command = new Command("alter", "Changes configs or adds partitions") { name, configs, partitions, remove };
        command.SetAction(async (parsed, _) =>
        {
            string topic = parsed.GetRequiredValue(name);
            List<ConfigEntry> changes =
            [
                .. CommonOptions.Pairs(parsed.GetValue(configs) ?? [], "--config")
                    .Select(pair => new ConfigEntry { Name = pair.Key, Value = pair.Value, IncrementalOperation = AlterConfigOpType.Set }),
                .. (parsed.GetValue(remove) ?? []).Select(
                    config => new ConfigEntry { Name = config, Value = "", IncrementalOperation = AlterConfigOpType.Delete }),
            ];
            int? count = parsed.GetValue(partitions);
            if (changes.Count == 0 && count is null)
            {
                throw new UsageException("nothing to alter: give --config NAME=VALUE, --unset NAME or --partitions N");
            }

            using TopicAdmin admin = parsed.Admin();
            int present = Existing(admin, topic).Partitions.Count;
            if (count is { } wanted)
            {
                if (wanted <= present)
                {
                    throw new UsageException($"topic {topic} has {present} partitions already; partitions can only be added");
                }

                await admin.Client.CreatePartitionsAsync(
                    [new PartitionsSpecification { Topic = topic, IncreaseTo = wanted }],
                    new CreatePartitionsOptions { RequestTimeout = Patience });
            }

            if (changes.Count > 0)
            {
                var resource = new ConfigResource { Name = topic, Type = ResourceType.Topic };
                await admin.Client.IncrementalAlterConfigsAsync(
                    new Dictionary<ConfigResource, List<ConfigEntry>> { [resource] = changes },
                    new IncrementalAlterConfigsOptions { RequestTimeout = Patience });
            }

            Say(console, parsed, new { topic, altered = true }, string.Create(CultureInfo.InvariantCulture, $"altered {topic}"));
            return ExitCode.Ok;
        });
        return command;
    }

    private static TopicMetadata Existing(TopicAdmin admin, string topic) =>
        admin.Metadata().Topics.Find(each => each.Topic == topic && each.Error.Code == ErrorCode.NoError)
        ?? throw new WorkflowException($"there is no topic {topic} ('piperoll topic list' shows what there is)");

    private static void Say(CliConsole console, ParseResult parsed, object json, string text)
    {
        if (parsed.IsJson())
        {
            console.WriteJson(json);
        }
        else
        {
            console.Output.WriteLine(text);
        }
    }
}
