using System.CommandLine;
using System.Text;
using Confluent.Kafka;
using PipeRoll.Workflows.Kafka;

namespace PipeRoll.Cli.Commands;

/// <summary><c>piperoll record produce</c>: one record per line of standard input or of files.</summary>
internal static class RecordProduceCommand
{
    public static Command Create(CliConsole console)
    {
        var topic = new Argument<string>("topic") { Description = "The topic to write" };
        var files = new Argument<string[]>("files")
        {
            Description = "Files to read instead of standard input",
            Arity = ArgumentArity.ZeroOrMore,
        };
        var partition = new Option<int?>("--partition", "-p") { Description = "Partition (else by key, or spread)" };
        var delimiter = new Option<string?>("--key-delimiter", "-K") { Description = "Splits each line into key and value" };
        var key = new Option<string?>("--key", "-k") { Description = "One key for all records" };
        var headers = new Option<string[]>("--header", "-H")
        {
            Description = "A header, name=value; may be repeated",
            HelpName = "NAME=VALUE",
        };
        var codec = new Option<string>("--codec", "-z")
        {
            Description = "Compression",
            DefaultValueFactory = _ => "none",
            HelpName = "none|gzip|snappy|lz4|zstd",
        };
        codec.AcceptOnlyFromAmong("none", "gzip", "snappy", "lz4", "zstd");
        var command = new Command("produce", "Writes one record per line") { topic, files, partition, delimiter, key, headers, codec };
        command.SetAction(parsed =>
        {
            Dictionary<string, string> pairs = CommonOptions.Pairs(parsed.GetValue(headers) ?? [], "--header");
            using (parsed.Admin())
            {
                // Fails here, with the right words, if nobody answers; the producer itself would wait for ever.
            }

            ProducerConfig config = parsed.Connection().ProducerConfig("piperoll-cli");
            config.CompressionType = Enum.Parse<CompressionType>(parsed.GetValue(codec)!, ignoreCase: true);
            config.MessageTimeoutMs = 60_000;
            long sent = 0;
            string? failure = null;
            using IProducer<byte[]?, byte[]?> producer = KafkaClients.Producer(config, CommonOptions.Log);
            var to = new TopicPartition(parsed.GetRequiredValue(topic), parsed.GetValue(partition) ?? Partition.Any);
            foreach (string line in Lines(console, parsed.GetValue(files) ?? []))
            {
                Message<byte[]?, byte[]?> message = Message(line, parsed.GetValue(delimiter), parsed.GetValue(key), pairs);
                Send(producer, to, message, report => failure ??= report.Error.IsError ? report.Error.Reason : null);
                sent++;
            }

            producer.Flush(TimeSpan.FromSeconds(65));
            if (failure is not null)
            {
                throw new WorkflowException($"{to.Topic} did not take every record: {failure}");
            }

            if (parsed.IsJson())
            {
                console.WriteJson(new { topic = to.Topic, records = sent });
            }
            else
            {
                console.Error.WriteLine($"{sent} records written to {to.Topic}");
            }

            return ExitCode.Ok;
        });
        return command;
    }

    private static void Send(
        IProducer<byte[]?, byte[]?> producer, TopicPartition to, Message<byte[]?, byte[]?> message, Action<DeliveryReport<byte[]?,
        byte[]?>> onReport)
    {
        while (true)
        {
            try
            {
                producer.Produce(to, message, onReport);
                return;
            }
            catch (ProduceException<byte[]?, byte[]?> full) when (full.Error.Code == ErrorCode.Local_QueueFull)
            {
                producer.Flush(TimeSpan.FromMilliseconds(100));
            }
        }
    }

    private static Message<byte[]?, byte[]?> Message(string line, string? delimiter, string? key, Dictionary<string, string> headers)
    {
        string value = line;
        int at = string.IsNullOrEmpty(delimiter) ? -1 : line.IndexOf(delimiter, StringComparison.Ordinal);
        if (at >= 0)
        {
            key = line[..at];
            value = line[(at + delimiter!.Length)..];
        }

        var message = new Message<byte[]?, byte[]?>
        {
            Key = key is null ? null : Encoding.UTF8.GetBytes(key),
            Value = Encoding.UTF8.GetBytes(value),
            Headers = [],
        };
        foreach ((string name, string text) in headers)
        {
            message.Headers.Add(name, Encoding.UTF8.GetBytes(text));
        }

        return message;
    }

    private static IEnumerable<string> Lines(CliConsole console, string[] files)
    {
        if (files.Length > 0)
        {
            return files.SelectMany(File.ReadLines);
        }

        return FromInput(console.Input);
    }

    private static IEnumerable<string> FromInput(TextReader input)
    {
        while (input.ReadLine() is { } line)
        {
            yield return line;
        }
    }
}
