using System.Globalization;
using System.Threading.Channels;
using Confluent.Kafka;
using Microsoft.Extensions.Logging;
using PipeRoll.Workflows.Deciding;
using PipeRoll.Workflows.Kafka;
using PipeRoll.Workflows.Manifest;
using PipeRoll.Workflows.Replay;

namespace PipeRoll.Workflows.Blocking;

/// <summary>A committed decision on its way to somebody who follows them.</summary>
/// <param name="Position">Where to go on behind it (<see cref="DecisionStream"/>).</param>
public sealed record StreamedDecision(string Position, string Outcome, byte[] Record);

/// <summary>
/// The committed decisions of all partitions of a workflow, from a position on, for as long as somebody reads them. A position is the next offset
/// of each partition of the decision topic, in order: <c>17,0,4,9</c>. Owner: its creator; one thread of its own reads ahead, boundedly.
/// </summary>
public sealed class DecisionStream : IDisposable
{
    private const int AheadMax = 256;
    private readonly Channel<StreamedDecision> _decisions = Channel.CreateBounded<StreamedDecision>(AheadMax);
    private readonly IConsumer<byte[]?, byte[]?> _consumer;
    private readonly CancellationTokenSource _stop = new();
    private readonly Thread _thread;
    private readonly long[] _next;
    private readonly ILogger _log;

    /// <param name="position">Null for the end: only what is decided from now on. Empty for the beginning.</param>
    /// <exception cref="WorkflowRequestException">The position is none of this workflow's.</exception>
    public DecisionStream(WorkflowManifest manifest, KafkaConnection connection, string? position, ILogger log)
    {
        _log = log;
        TopicPartition[] partitions = [.. Enumerable.Range(0, manifest.Partitions).Select(number => new TopicPartition(manifest.DecisionTopic, number))];
        using (var bounds = new LogReader(connection, log))
        {
            _next = position switch
            {
                null => [.. partitions.Select(each => bounds.Bounds(each).High)],
                "" => [.. partitions.Select(each => bounds.Bounds(each).Low)],
                _ => Parse(position, manifest.Partitions),
            };
        }

        ConsumerConfig config = connection.ConsumerConfig("piperoll-stream", "piperoll.stream");
        config.EnablePartitionEof = false;
        config.QueuedMinMessages = 1_000;
        _consumer = KafkaClients.Consumer(config, log).Build();
        _consumer.Assign(partitions.Select(each => new TopicPartitionOffset(each, _next[each.Partition.Value])));
        _thread = new Thread(Follow) { IsBackground = true, Name = "piperoll-stream" };
        _thread.Start();
    }

    public ChannelReader<StreamedDecision> Decisions => _decisions.Reader;

    public void Dispose()
    {
        _stop.Cancel();
        _decisions.Writer.TryComplete();
        _thread.Join();
        _consumer.Dispose();
        _stop.Dispose();
    }

    private static long[] Parse(string position, int partitions)
    {
        string[] parts = position.Split(',');
        var next = new long[parts.Length];
        for (int index = 0; index < parts.Length; index++)
        {
            if (parts.Length != partitions || !long.TryParse(parts[index], NumberStyles.None, CultureInfo.InvariantCulture, out next[index]))
            {
                throw new WorkflowRequestException(
                    $"'{position}' is no position: it is {partitions} offsets of the decision topic, such as {string.Join(',', new int[partitions])}");
            }
        }

        return next;
    }

    private void Follow()
    {
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                ConsumeResult<byte[]?, byte[]?> result = _consumer.Consume(_stop.Token);
                _next[result.Partition.Value] = result.Offset.Value + 1;
                if (OutputHeaders.Source(result.Message.Headers) is null || result.Message.Value is not { } record)
                {
                    continue;
                }

                string outcome = System.Text.Encoding.UTF8.GetString(DecisionComparison.OutcomeOf(record));
                var decision = new StreamedDecision(string.Join(',', _next), outcome, record);
                while (!_decisions.Writer.TryWrite(decision))
                {
                    if (!_decisions.Writer.WaitToWriteAsync(_stop.Token).AsTask().GetAwaiter().GetResult())
                    {
                        return;
                    }
                }
            }
            catch (ConsumeException error)
            {
                _log.ClientError(error.Error.Code.ToString(), error.Error.Reason);
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }
    }
}
