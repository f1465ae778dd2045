using System.Text;
using System.Text.Json;
using Confluent.Kafka;
using PipeRoll.Workflows.Manifest;

namespace PipeRoll.Workflows.Blocking;

/// <summary>
/// What was answered because a deadline had passed, and what was decided afterwards (docs/formats/blocking.md). Owner: a
/// <see cref="DecisionDesk"/>; any thread.
/// </summary>
internal sealed class DeadlineLog(WorkflowManifest manifest, EventSender sender, TimeProvider time)
{
    private readonly string _topic = BlockingTopics.Deadlines(manifest);

    /// <summary>Records the answer before it is given.</summary>
    public Task<long> AnsweredAsync(BlockingRequest request, long? offset, string outcome, int deadlineMs) => WriteAsync(request, new
    {
        format = "piperoll.deadline/1",
        step = "answered",
        workflow = manifest.Name,
        request = request.Id,
        idempotencyKey = request.IdempotencyKey,
        topic = manifest.SourceTopic,
        partition = request.Partition,
        offset,
        digest = request.Digest,
        outcome,
        deadlineMs,
        at = time.GetUtcNow(),
    });

    /// <summary>Records what was decided after all.</summary>
    public Task<long> SettledAsync(BlockingRequest request, long offset, string answered, string decided) => WriteAsync(request, new
    {
        format = "piperoll.deadline/1",
        step = "settled",
        workflow = manifest.Name,
        request = request.Id,
        topic = manifest.SourceTopic,
        partition = request.Partition,
        offset,
        answered,
        decided,
        differs = answered != decided,
        at = time.GetUtcNow(),
    });

    private Task<long> WriteAsync(BlockingRequest request, object value) => sender.SendAsync(
        new TopicPartition(_topic, request.Partition),
        new Message<byte[]?, byte[]?> { Key = Encoding.UTF8.GetBytes(request.Id), Value = JsonSerializer.SerializeToUtf8Bytes(value) });
}
