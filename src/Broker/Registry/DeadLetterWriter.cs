using System.Globalization;
using System.Text;
using PipeRoll.Broker.Cluster;
using PipeRoll.Broker.Topics;
using PipeRoll.Wire;
using PipeRoll.Wire.Messages;
using PipeRoll.Wire.Records;

namespace PipeRoll.Broker.Registry;

/// <summary>Writes dead letters to their topic: the record as it was, with headers that say where it came from and why it is here.</summary>
/// <remarks>Any thread. A letter may be written twice, when the producer had to come again; never not at all.</remarks>
internal sealed class DeadLetterWriter(BrokerServices services)
{
    public const string ReasonHeader = "piperoll.dlq.reason";

    private const short ProduceVersion = 9;
    private const int TimeoutMs = 30_000;

    /// <param name="baseOffset">Of the batch that they were taken out of: their offsets there stay empty.</param>
    /// <returns>Null when they are durable, else what is in the way.</returns>
    public async ValueTask<string?> WriteAsync(DeadLetters dead, long baseOffset, CancellationToken cancellation)
    {
        int partitions = services.Topics.Find(dead.From.Topic)?.Partitions.Count ?? 1;
        TopicChange ensured = await services.Topics.EnsureAsync(
            dead.To, partitions, new Dictionary<string, string>(), isInternal: false, "User:broker", cancellation);
        if (ensured.Error != KafkaError.None)
        {
            return $"the dead-letter topic {dead.To} can't be made: {ensured.Error}, {ensured.Message}";
        }

        Topic topic = ensured.Topic!;
        int index = dead.From.Partition % topic.Partitions.Count;
        int leader = services.Cluster.LeaderOf(topic.Partitions[index].Identity.Stream).NodeId;
        if (leader < 0)
        {
            return $"nobody leads {dead.To}-{index} right now";
        }

        try
        {
            ProduceResponse response = await services.Peers.CallAsync<ProduceRequest, ProduceResponse>(
                leader, Request(dead, index, baseOffset), ProduceVersion, cancellation);
            ProduceResponse.PartitionProduceResponse answer = response.Responses[0].PartitionResponses[0];
            return answer.ErrorCode == 0 ? null : $"{dead.To}-{index}: {(KafkaError)answer.ErrorCode}, {answer.ErrorMessage}";
        }
        catch (PeerUnavailableException away)
        {
            return $"{dead.To}-{index}: {away.Message}";
        }
    }

    private static ProduceRequest Request(DeadLetters dead, int partition, long baseOffset)
    {
        using RecordBatchBuilder builder = new();
        foreach (DeadLetter letter in dead.Letters)
        {
            RecordHeader[] headers =
            [
                .. letter.Headers,
                Header("piperoll.dlq.topic", dead.From.Topic),
                Header("piperoll.dlq.partition", dead.From.Partition.ToString(CultureInfo.InvariantCulture)),
                Header("piperoll.dlq.offset", (baseOffset < 0 ? -1 : baseOffset + letter.OffsetDelta).ToString(CultureInfo.InvariantCulture)),
                Header("piperoll.dlq.principal", dead.From.Principal),
                Header(ReasonHeader, letter.Reason),
            ];
            builder.Append(
                letter.TimestampMs, letter.Key is null ? default(ReadOnlyMemory<byte>?) : letter.Key,
                letter.Value is null ? default(ReadOnlyMemory<byte>?) : letter.Value, headers);
        }

        return new ProduceRequest
        {
            Acks = -1,
            TimeoutMs = TimeoutMs,
            TopicData = [new() { Name = dead.To, PartitionData = [new() { Index = partition, Records = builder.Build() }] }],
        };
    }

    private static RecordHeader Header(string key, string value) => new(key, Encoding.UTF8.GetBytes(value));
}
