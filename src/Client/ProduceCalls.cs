using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Client;

/// <summary>Sends batches to whoever leads their partitions, and again where that may help.</summary>
internal sealed class ProduceCalls(KafkaCluster cluster, string? transactionalId, short acks)
{
    private const int TimeoutMs = 10_000;

    /// <summary>Batches of one partition go one after the other, those of different partitions together.</summary>
    /// <param name="joins">Whether writing to a partition makes it part of the transaction.</param>
    /// <param name="giveUpAt">By <see cref="Environment.TickCount64"/>.</param>
    public async Task SendAsync(IReadOnlyList<SealedBatch> batches, bool joins, long giveUpAt, CancellationToken cancellation)
    {
        List<SealedBatch> left = [.. batches];
        for (int tries = 0; left.Count > 0;)
        {
            SealedBatch[] round = [.. left.DistinctBy(static batch => batch.Partition)];
            try
            {
                await SendRoundAsync(round, joins, batch => left.Remove(batch), cancellation);
                tries = 0;
            }
            catch (ClientException error) when (error.IsRetriable && Environment.TickCount64 < giveUpAt)
            {
                await cluster.PauseAsync(++tries, error, cancellation);
            }
        }
    }

    private async Task SendRoundAsync(SealedBatch[] round, bool joins, Action<SealedBatch> onDone, CancellationToken cancellation)
    {
        Dictionary<int, List<SealedBatch>> byLeader = [];
        foreach (SealedBatch batch in round)
        {
            int leader = await cluster.LeaderAsync(batch.Partition, cancellation);
            (byLeader.TryGetValue(leader, out List<SealedBatch>? led) ? led : byLeader[leader] = []).Add(batch);
        }

        (SealedBatch Batch, ClientException? Error)[][] results = await Task.WhenAll(
            byLeader.Select(each => SendToAsync(each.Key, each.Value, joins, cancellation)));
        ClientException? worst = null;
        foreach ((SealedBatch batch, ClientException? error) in results.SelectMany(static each => each))
        {
            if (error is null)
            {
                onDone(batch);
                continue;
            }

            cluster.ForgetLeader(batch.Partition);
            worst = worst is { IsRetriable: false } ? worst : error;
        }

        if (worst is not null)
        {
            throw worst;
        }
    }

    private async Task<(SealedBatch Batch, ClientException? Error)[]> SendToAsync(
        int leader, List<SealedBatch> batches, bool joins, CancellationToken cancellation)
    {
        var request = new ProduceRequest
        {
            TransactionalId = transactionalId,
            Acks = acks,
            TimeoutMs = TimeoutMs,
            TopicData =
            [
                .. batches.GroupBy(static batch => batch.Partition.Topic).Select(static topic => new ProduceRequest.TopicProduceData
                {
                    Name = topic.Key,
                    PartitionData =
                    [
                        .. topic.Select(static batch => new ProduceRequest.PartitionProduceData { Index = batch.Partition.Partition, Records = batch.Bytes }),
                    ],
                }),
            ],
        };
        try
        {
            BrokerLink link = await cluster.LinkAsync(leader, LinkUse.Write, cancellation);
            ProduceResponse answer = await link.CallAsync<ProduceRequest, ProduceResponse>(
                request, link.Version(ApiKey.Produce, joins ? (short)12 : (short)11), KafkaCluster.CallTimeout, cancellation);
            Dictionary<PartitionId, ClientException?> errors = answer.Responses
                .SelectMany(static topic => topic.PartitionResponses.Select(each => (Partition: new PartitionId(topic.Name, each.Index), Response: each)))
                .ToDictionary(static each => each.Partition, static each => ErrorOf(each.Partition, each.Response));
            return [.. batches.Select(batch => (batch, errors.TryGetValue(batch.Partition, out ClientException? error)
                ? error
                : new ClientException($"the broker did not say what became of {batch.Partition}", isRetriable: true)))];
        }
        catch (ClientException error)
        {
            return [.. batches.Select(batch => (batch, (ClientException?)error))];
        }
    }

    /// <summary>A batch that was there already is as good as written.</summary>
    private static ClientException? ErrorOf(PartitionId partition, ProduceResponse.PartitionProduceResponse response) =>
        (KafkaError)response.ErrorCode is KafkaError.None or KafkaError.DuplicateSequenceNumber
            ? null
            : new ClientException(
                $"{partition} did not take a record{(response.ErrorMessage is { } more ? $" ({more})" : "")}", (KafkaError)response.ErrorCode);
}
