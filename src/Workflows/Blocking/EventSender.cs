using System.Text;
using Confluent.Kafka;
using Microsoft.Extensions.Logging;
using PipeRoll.Workflows.Kafka;
using PipeRoll.Workflows.Manifest;

namespace PipeRoll.Workflows.Blocking;

/// <summary>Puts single events into the source topic at once. Owner: a <see cref="DecisionDesk"/>; any thread.</summary>
internal sealed class EventSender : IDisposable
{
    /// <summary>The header that names the request from which an event came.</summary>
    public const string RequestHeader = "pr-request";

    private readonly IProducer<byte[]?, byte[]?> _producer;
    private readonly string _topic;

    public EventSender(WorkflowManifest manifest, KafkaConnection connection, ILogger log)
    {
        _topic = manifest.SourceTopic;
        ProducerConfig config = connection.ProducerConfig("piperoll-desk");
        config.LingerMs = 0;
        config.EnableGaplessGuarantee = false;
        config.MessageTimeoutMs = 60_000;
        _producer = KafkaClients.Producer(config, log);
    }

    /// <summary>The event's offset once it is durable. Fails with a <see cref="KafkaException"/> where the cluster does not take it.</summary>
    public Task<long> SendAsync(BlockingRequest request) =>
        SendAsync(new TopicPartition(_topic, request.Partition), MessageOf(request));

    /// <summary>The record of anything else that belongs to requests.</summary>
    public Task<long> SendAsync(TopicPartition to, Message<byte[]?, byte[]?> message)
    {
        var sent = new TaskCompletionSource<long>(TaskCreationOptions.RunContinuationsAsynchronously);
        try
        {
            _producer.Produce(to, message, report =>
            {
                if (report.Error.IsError)
                {
                    sent.SetException(new KafkaException(report.Error));
                }
                else
                {
                    sent.SetResult(report.Offset.Value);
                }
            });
        }
        catch (KafkaException error)
        {
            sent.SetException(error);
        }

        return sent.Task;
    }

    public void Dispose()
    {
        _producer.Flush(TimeSpan.FromSeconds(2));
        _producer.Dispose();
    }

    internal static Message<byte[]?, byte[]?> MessageOf(BlockingRequest request) => new()
    {
        Key = request.Key,
        Value = request.Body,
        Headers = new Headers { { RequestHeader, Encoding.UTF8.GetBytes(request.Id) } },
    };
}
