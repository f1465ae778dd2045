using System.CommandLine;
using Confluent.Kafka;
using Confluent.Kafka.Admin;
using PipeRoll.Workflows.Kafka;

namespace PipeRoll.Cli.Commands;

/// <summary><c>piperoll group list|describe|delete</c>.</summary>
internal static class GroupCommands
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(15);

    public static Command Create(CliConsole console)
    {
        var group = new Command("group", "Consumer groups: list, describe, delete");
        group.Subcommands.Add(List(console));
        group.Subcommands.Add(Describe(console));
        group.Subcommands.Add(Delete(console));
        return group;
    }

    private static Argument<string> Name => new("group") { Description = "The group's id" };

    private static Command List(CliConsole console)
    {
        var command = new Command("list", "Lists consumer groups");
        command.SetAction(async (parsed, _) =>
        {
            using TopicAdmin admin = parsed.Admin();
            ListConsumerGroupsResult listed = await admin.Client.ListConsumerGroupsAsync(
                new ListConsumerGroupsOptions { RequestTimeout = Patience });
            var groups = listed.Valid.OrderBy(each => each.GroupId, StringComparer.Ordinal).Select(
                each => new { group = each.GroupId, state = each.State.ToString() }).ToArray();
            if (parsed.IsJson())
            {
                console.WriteJson(groups);
            }
            else
            {
                console.WriteTable(["GROUP", "STATE"], groups.Select(each => new[] { each.group, each.state }));
            }

            return ExitCode.Ok;
        });
        return command;
    }

    private static Command Describe(CliConsole console)
    {
        Argument<string> name = Name;
        var command = new Command("describe", "Members, committed offsets and lag of a group") { name };
        command.SetAction(async (parsed, _) =>
        {
            string group = parsed.GetRequiredValue(name);
            using TopicAdmin admin = parsed.Admin();
            DescribeConsumerGroupsResult described = await admin.Client.DescribeConsumerGroupsAsync(
                [group], new DescribeConsumerGroupsOptions { RequestTimeout = Patience });
            ConsumerGroupDescription found = described.ConsumerGroupDescriptions[0];
            List<ListConsumerGroupOffsetsResult> listed = await admin.Client.ListConsumerGroupOffsetsAsync(
                [new ConsumerGroupTopicPartitions(group, null)], new ListConsumerGroupOffsetsOptions { RequestTimeout = Patience });
            using var reader = new LogReader(parsed.Connection(), CommonOptions.Log);
            var offsets = listed[0].Partitions.Where(each => each.Offset.Value >= 0).OrderBy(
                each => each.Topic, StringComparer.Ordinal).ThenBy(each => each.Partition.Value)
                .Select(each =>
                {
                    long high = reader.Bounds(each.TopicPartition).High;
                    return new
                    {
                        topic = each.Topic,
                        partition = each.Partition.Value,
                        committed = each.Offset.Value,
                        end = high,
                        lag = high - each.Offset.Value,
                    };
                }).ToArray();
            var members = found.Members.Select(each => new
            {
                member = each.ConsumerId,
                client = each.ClientId,
                host = each.Host,
                partitions = each.Assignment.TopicPartitions.Select(part => $"{part.Topic}/{part.Partition.Value}").ToArray(),
            }).ToArray();
            if (parsed.IsJson())
            {
                console.WriteJson(new { group, state = found.State.ToString(), members, offsets });
                return ExitCode.Ok;
            }

            console.Output.WriteLine($"{group}: {found.State}, {members.Length} members");
            console.WriteTable(
                ["TOPIC", "PARTITION", "COMMITTED", "END", "LAG"],
                offsets.Select(each => new[] { each.topic, $"{each.partition}", $"{each.committed}", $"{each.end}", $"{each.lag}" }));
            foreach (var member in members)
            {
                console.Output.WriteLine(
                    $"member {member.member} ({member.client} at {member.host}): {string.Join(", ", member.partitions)}");
            }

            return ExitCode.Ok;
        });
        return command;
    }

    private static Command Delete(CliConsole console)
    {
        Argument<string> name = Name;
        var command = new Command("delete", "Forgets a group and its committed offsets; it must have no members") { name };
        command.SetAction(async (parsed, _) =>
        {
            string group = parsed.GetRequiredValue(name);
            using TopicAdmin admin = parsed.Admin();
            await admin.Client.DeleteGroupsAsync([group], new DeleteGroupsOptions { RequestTimeout = Patience });
            if (parsed.IsJson())
            {
                console.WriteJson(new { group, deleted = true });
            }
            else
            {
                console.Output.WriteLine($"deleted {group}");
            }

            return ExitCode.Ok;
        });
        return command;
    }
}
