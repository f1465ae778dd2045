using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Simulation.Kafka;

/// <summary>What one producer sends.</summary>
/// <param name="Batches">Per partition.</param>
/// <param name="PauseMsMax">Between two batches of a partition; 0 sends as fast as the window lets it.</param>
internal sealed record ProducerPlan(int Batches, int RecordsMax, int PaddingMax, int PauseMsMax, int InFlightMax);

/// <summary>
/// An idempotent producer that never gives up: several batches of a partition in flight, sequence numbers, and retries in
/// order under the same numbers, as librdkafka and the Java client have it.
/// </summary>
/// <remarks>Owner: the scenario. One process. It ends when everything was acknowledged.</remarks>
internal sealed class IdempotentProducer(KafkaClient client, int number, ProducerPlan plan, IReadOnlyList<PartitionModel> partitions)
{
    private const short Version = 4;

    private readonly Dictionary<int, int> _sent = [];
    private readonly List<PartitionSender> _senders = [];

    public int Number => number;

    /// <summary>Everything was acknowledged.</summary>
    public bool IsDone { get; private set; }

    /// <summary>Identity that the cluster gave; set before the first send.</summary>
    public long ProducerId { get; private set; } = -1;

    public short ProducerEpoch { get; private set; } = -1;

    public KafkaClient Client => client;

    public ProducerPlan Plan => plan;

    public int SentTo(int partition) => _sent.GetValueOrDefault(partition);

    public string Describe() => $"producer {number} (id {ProducerId}): {string.Join(", ", _senders.Select(static sender => sender.Describe()))}";

    public async Task RunAsync()
    {
        await InitialiseAsync();
        var senders = new List<Task>();
        foreach (PartitionModel partition in partitions)
        {
            var sender = new PartitionSender(this, partition);
            _senders.Add(sender);
            senders.Add(SendAsync(sender, partition.Partition));
        }

        await Task.WhenAll(senders);
        IsDone = true;
        client.Close();
    }

    private async Task SendAsync(PartitionSender sender, int partition)
    {
        await sender.RunAsync();
        _sent[partition] = sender.Sent;
    }

    private async Task InitialiseAsync()
    {
        while (true)
        {
            InitProducerIdResponse answer = await client.CallAnyAsync<InitProducerIdRequest, InitProducerIdResponse>(
                new InitProducerIdRequest { TransactionalId = null, TransactionTimeoutMs = 60_000, ProducerId = -1, ProducerEpoch = -1 }, Version);
            if (answer.ErrorCode == 0)
            {
                ProducerId = answer.ProducerId;
                ProducerEpoch = answer.ProducerEpoch;
                client.Host.World.Trace.Note("client.producerid", number, ProducerId);
                return;
            }

            Retriable.Require((KafkaError)answer.ErrorCode, "InitProducerId");
            await client.Host.BackOffAsync();
        }
    }
}
