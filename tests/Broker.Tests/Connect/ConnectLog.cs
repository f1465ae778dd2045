using System.Text;
using PipeRoll.Broker.Tests.Support;
using PipeRoll.Wire;
using PipeRoll.Wire.Messages;
using PipeRoll.Wire.Records;

namespace PipeRoll.Broker.Tests.Connect;

/// <summary>
/// One of Connect's internal topics as a worker reads it: to the end that ListOffsets names for readers of everything, by fetching committed
/// records only. So whatever is open in it has to end before the reader comes to its end.
/// </summary>
/// <remarks>Owner: a test; one call at a time.</remarks>
internal sealed class ConnectLog(RawClient client, string topic, Guid topicId)
{
    private const sbyte ReadCommitted = 1;
    private const short FetchVersion = 17;

    private long _position;

    /// <summary>Every committed record that was read so far, in order.</summary>
    public List<(string Key, string? Value)> Records { get; } = [];

    /// <summary>The last value of each key, without those that were deleted.</summary>
    public Dictionary<string, string> Table => Records.GroupBy(static each => each.Key)
        .Where(static key => key.Last().Value is not null).ToDictionary(static key => key.Key, static key => key.Last().Value!);

    public static async Task<ConnectLog> OpenAsync(BrokerHost host, string topic)
    {
        RawClient client = await RawClient.ConnectAsync(host);
        MetadataResponse metadata = await client.CallAsync<MetadataRequest, MetadataResponse>(new MetadataRequest { Topics = [new() { Name = topic }] }, 13);
        return new ConnectLog(client, topic, Assert.Single(metadata.Topics).TopicId);
    }

    /// <returns>False when it did not come to the end in that time: a transaction is open before it.</returns>
    public async Task<bool> ReadToEndAsync(int patienceMs = 10_000)
    {
        long end = await EndAsync();
        long startedAt = TimeProvider.System.GetTimestamp();
        while (_position < end)
        {
            if (TimeProvider.System.GetElapsedTime(startedAt).TotalMilliseconds > patienceMs)
            {
                return false;
            }

            Take(await FetchAsync(waitMs: 200));
        }

        return true;
    }

    private async Task<long> EndAsync()
    {
        ListOffsetsResponse response = await client.CallAsync<ListOffsetsRequest, ListOffsetsResponse>(
            new ListOffsetsRequest
            {
                ReplicaId = -1,
                Topics = [new() { Name = topic, Partitions = [new() { Timestamp = -1, CurrentLeaderEpoch = -1 }] }],
            },
            11);
        return response.Topics[0].Partitions[0].Offset;
    }

    private async Task<FetchResponse.PartitionData> FetchAsync(int waitMs)
    {
        FetchResponse response = await client.CallAsync<FetchRequest, FetchResponse>(
            new FetchRequest
            {
                MaxWaitMs = waitMs,
                MinBytes = 1,
                MaxBytes = 50 << 20,
                IsolationLevel = ReadCommitted,
                SessionEpoch = -1,
                RackId = "",
                ForgottenTopicsData = [],
                Topics = [new() { TopicId = topicId, Partitions = [new() { FetchOffset = _position, PartitionMaxBytes = 1 << 20 }] }],
            },
            FetchVersion);
        FetchResponse.PartitionData only = response.Only();
        Assert.Equal(0, only.ErrorCode);
        return only;
    }

    private void Take(FetchResponse.PartitionData fetched)
    {
        var coming = new Queue<FetchResponse.AbortedTransaction>((fetched.AbortedTransactions ?? []).OrderBy(static one => one.FirstOffset));
        HashSet<long> aborted = [];
        ReadOnlyMemory<byte> rest = fetched.Records!.ToArray();
        while (RecordBatches.TryTakeFirst(ref rest, out RecordBatchHeader header, out ReadOnlyMemory<byte> batch))
        {
            while (coming.TryPeek(out FetchResponse.AbortedTransaction? next) && next.FirstOffset <= header.LastOffset)
            {
                aborted.Add(coming.Dequeue().ProducerId);
            }

            if (header.IsControl)
            {
                aborted.Remove(header.ProducerId);
            }
            else if (!header.IsTransactional || !aborted.Contains(header.ProducerId))
            {
                foreach (Wire.Records.Record record in new RecordReader(header, batch.Span[RecordBatchHeader.Bytes..]))
                {
                    Records.Add((Encoding.UTF8.GetString(record.Key), record.IsValueNull ? null : Encoding.UTF8.GetString(record.Value)));
                }
            }

            _position = header.LastOffset + 1;
        }
    }
}
