using Confluent.Kafka;
using Microsoft.Extensions.Logging;
using PipeRoll.Client;
using PipeRoll.Policies;
using PipeRoll.Wire.Records;
using PipeRoll.Workflows.Kafka;

namespace PipeRoll.Workflows.Deciding;

/// <summary>
/// What a worker writes: its records and the offsets of the events that they follow from become visible together or not at all
/// (KIP-98, KIP-447). Owner: a <see cref="WorkflowWorker"/>, one thread. Failure: <see cref="WorkflowException"/>; the transaction then never
/// becomes visible, and the worker must be thrown away, since its engines are ahead of what is committed.
/// </summary>
internal sealed class OutputTransaction : IDisposable
{
    private readonly TransactionalProducer _producer;
    private readonly byte[] _digits = new byte[OutputHeaders.DigitsMax];
    private readonly RecordHeader[] _ownHeader = new RecordHeader[1];
    private readonly string _workflow;
    private readonly ILogger _log;

    public OutputTransaction(string workflow, KafkaCluster cluster, WorkerOptions options, ILogger log)
    {
        _workflow = workflow;
        _log = log;
        _producer = new TransactionalProducer(cluster, $"piperoll.{workflow}.{options.TransactionName}", options.TransactionTimeoutMs);
    }

    /// <summary>Learns who it is from the coordinator; waits for one until it is told to stop.</summary>
    /// <returns>Whether it may write; false if it was stopped before.</returns>
    public bool Start(CancellationToken stop)
    {
        try
        {
            Insist("cannot begin to write transactions", () => _producer.StartAsync(stop));
            return true;
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            return false;
        }
    }

    /// <summary>Sends what was decided about an event. Blocks while much is on its way.</summary>
    public void Send(TopicPartition decisions, Decision decision, in SourceEvent source) => Append(
        decisions, source.TimestampMs, decision.RecordKey.Span, isKeyNull: false, decision.Record.Span, isValueNull: false, About(source, null));

    /// <summary>Sends a copy of an event, with its headers and one that says where it stood.</summary>
    public void Copy(TopicPartition output, in SourceEvent source) => Append(
        output, source.TimestampMs, source.Key, source.IsKeyNull, source.Value, source.IsValueNull, About(source, source.Headers));

    /// <summary>Sends a record of our own.</summary>
    public void Send(TopicPartition output, byte[] key, byte[] value) =>
        Append(output, DateTimeOffset.UtcNow.ToUnixTimeMilliseconds(), key, isKeyNull: false, value, isValueNull: false, default);

    /// <summary>Sends the rest, and the offsets behind the last events; refused if the group has given the partitions to somebody else.</summary>
    public void SendOffsets(IEnumerable<TopicPartitionOffset> offsets, GroupIdentity group)
    {
        Dictionary<PartitionId, long> all = offsets.ToDictionary(static each => Id(each.TopicPartition), static each => each.Offset.Value);
        Insist("the group did not take the offsets, or a partition its records", () => _producer.SendOffsetsAsync(group, all));
    }

    /// <summary>Makes everything since the last commit visible. When it returns it is durable.</summary>
    public void Commit() => Insist("a transaction could not be committed", _producer.CommitAsync);

    /// <summary>Makes everything since the last commit void. What can't be aborted now, the cluster aborts after its timeout.</summary>
    public void Abort() => Insist("a transaction could not be aborted", _producer.AbortAsync);

    public void Dispose() => _producer.DisposeAsync().AsTask().GetAwaiter().GetResult();

    private static PartitionId Id(TopicPartition partition) => new(partition.Topic, partition.Partition.Value);

    private void Append(
        TopicPartition output, long timestampMs, ReadOnlySpan<byte> key, bool isKeyNull, ReadOnlySpan<byte> value, bool isValueNull,
        ReadOnlySpan<RecordHeader> headers)
    {
        try
        {
            _producer.Append(Id(output), timestampMs, key, isKeyNull, value, isValueNull, headers);
        }
        catch (ClientException error)
        {
            throw Failed("a partition did not take its records; mend the topic and start it again", error);
        }
    }

    /// <summary>The event's own headers and its offset, which is good until the next call.</summary>
    private ReadOnlySpan<RecordHeader> About(in SourceEvent source, RecordHeader[]? own)
    {
        var offset = new RecordHeader(OutputHeaders.SourceOffset, _digits.AsMemory(0, OutputHeaders.Encode(source.Offset, _digits)));
        if (own is not null)
        {
            return (RecordHeader[])[.. own, offset];
        }

        _ownHeader[0] = offset;
        return _ownHeader;
    }

    private void Insist(string failure, Func<Task> call)
    {
        try
        {
            call().GetAwaiter().GetResult();
        }
        catch (ClientException error)
        {
            _log.CoordinatorAway(error.Message);
            throw Failed(failure, error);
        }
    }

    private WorkflowException Failed(string what, ClientException error) =>
        new($"workflow {_workflow}: {what} ({error.Message}); nothing of it is visible, and it is decided again", error);
}
