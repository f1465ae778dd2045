using System.CommandLine;
using Confluent.Kafka;
using PipeRoll.Workflows.Kafka;

namespace PipeRoll.Cli.Commands;

/// <summary><c>piperoll record consume</c>: records to standard output, as text, by a format, or as JSON lines.</summary>
internal static class RecordConsumeCommand
{
    public static Command Create(CliConsole console)
    {
        var topic = new Argument<string>("topic") { Description = "The topic to read" };
        var partition = new Option<int?>("--partition", "-p") { Description = "One partition (else all)" };
        var offset = new Option<string>("--offset", "-o")
        {
            Description = "beginning, end, N, -N (the last N), @TIME",
            DefaultValueFactory = _ => "beginning",
        };
        var count = new Option<long>("--count", "-c")
        {
            Description = "Stop after this many records",
            DefaultValueFactory = _ => long.MaxValue,
        };
        var exit = new Option<bool>("--exit", "-e") { Description = "Stop at the end instead of waiting for more" };
        var format = new Option<string?>("--format", "-f")
        {
            Description = "%k key %s value %o offset %p partition %t topic %T time %h headers %K %S lengths \\n \\t",
        };
        var delimiter = new Option<string?>("--key-delimiter", "-K") { Description = "Writes key, this, value" };
        var group = new Option<string?>("--group", "-G") { Description = "Read as a member of this group and commit", HelpName = "GROUP" };
        var command = new Command("consume", "Reads records") { topic, partition, offset, count, exit, format, delimiter, group };
        command.SetAction((parsed, stop) =>
        {
            string? pattern = parsed.GetValue(format) ?? (
                parsed.GetValue(delimiter) is { } between ? "%k" + between.Replace("%", "%%") + "%s\\n" : "%s\\n");
            var reading = new Reading(
                parsed.GetRequiredValue(topic), parsed.GetValue(partition), StartOffset.Parse(parsed.GetValue(offset)!),
                parsed.GetValue(count), parsed.GetValue(exit),
                parsed.IsJson() ? null : new RecordFormat(pattern), parsed.GetValue(group));
            return Task.Run(() => Run(console, parsed, reading, stop), CancellationToken.None);
        });
        return command;
    }

    private sealed record Reading(
        string Topic, int? Partition, StartOffset Start, long Count, bool ExitAtEnd, RecordFormat? Format, string? Group);

    private static int Run(CliConsole console, ParseResult parsed, Reading reading, CancellationToken stop)
    {
        int[] partitions;
        using (TopicAdmin admin = parsed.Admin())
        {
            int present = admin.Partitions(reading.Topic) ?? throw new WorkflowException(
                $"there is no topic {reading.Topic} ('piperoll topic list' shows what there is)");
            partitions = reading.Partition is { } one ? [one] : [.. Enumerable.Range(0, present)];
            if (partitions[0] < 0 || partitions[0] >= present)
            {
                throw new UsageException($"topic {reading.Topic} has partitions 0 to {present - 1}, not {partitions[0]}");
            }
        }

        KafkaConnection connection = parsed.Connection();
        ConsumerConfig config = connection.ConsumerConfig("piperoll-cli", reading.Group ?? "piperoll.cli");
        config.SessionTimeoutMs = 6_000;
        using IConsumer<byte[]?, byte[]?> consumer = KafkaClients.Consumer(config, CommonOptions.Log).Build();
        HashSet<int> open = [.. partitions];
        if (reading.Group is not null)
        {
            consumer.Subscribe(reading.Topic);
        }
        else
        {
            AssignFrom(consumer, connection, reading, partitions, open);
        }

        long seen = 0;
        try
        {
            while (seen < reading.Count && open.Count > 0 && !stop.IsCancellationRequested)
            {
                ConsumeResult<byte[]?, byte[]?>? record = consumer.Consume(100);
                if (record is null)
                {
                    continue;
                }

                if (record.IsPartitionEOF)
                {
                    _ = reading.ExitAtEnd && open.Remove(record.Partition.Value);
                    continue;
                }

                Write(console, reading.Format, record);
                seen++;
                if (reading.Group is not null)
                {
                    consumer.StoreOffset(record);
                }
            }
        }
        finally
        {
            console.Output.Flush();
            Leave(consumer, reading.Group is not null && seen > 0);
        }

        return ExitCode.Ok;
    }

    private static void AssignFrom(
        IConsumer<byte[]?, byte[]?> consumer, KafkaConnection connection, Reading reading, int[] partitions, HashSet<int> open)
    {
        using var bounds = new LogReader(connection, CommonOptions.Log);
        var starts = new List<TopicPartitionOffset>();
        foreach (int number in partitions)
        {
            var partition = new TopicPartition(reading.Topic, number);
            (long low, long high) = bounds.Bounds(partition);
            long from = reading.Start.In(consumer, partition, low, high);
            if (from >= high && reading.ExitAtEnd)
            {
                open.Remove(number);
                continue;
            }

            starts.Add(new TopicPartitionOffset(partition, from));
        }

        consumer.Assign(starts);
    }

    private static void Leave(IConsumer<byte[]?, byte[]?> consumer, bool commit)
    {
        if (commit)
        {
            consumer.Commit();
        }

        consumer.Close();
    }

    private static void Write(CliConsole console, RecordFormat? format, ConsumeResult<byte[]?, byte[]?> record)
    {
        if (format is not null)
        {
            console.Output.Write(format.Write(record));
            return;
        }

        console.WriteJson(
            new
            {
                topic = record.Topic,
                partition = record.Partition.Value,
                offset = record.Offset.Value,
                timestamp = record.Message.Timestamp.UnixTimestampMs,
                key = RecordFormat.Text(record.Message.Key),
                headers = record.Message.Headers.Select(
                    header => new { name = header.Key, value = RecordFormat.Text(header.GetValueBytes()) }).ToArray(),
                value = RecordFormat.Text(record.Message.Value),
            },
            isLine: true);
    }
}
