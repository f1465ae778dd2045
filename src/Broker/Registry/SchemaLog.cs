using System.Text;
using PipeRoll.Broker.Cluster;
using PipeRoll.Broker.Partitions;
using PipeRoll.Broker.Topics;
using PipeRoll.Schemas.Registry;
using PipeRoll.Streams;
using PipeRoll.Wire;
using PipeRoll.Wire.Messages;
using PipeRoll.Wire.Records;

namespace PipeRoll.Broker.Registry;

/// <summary>A record of the registry's topic as it is stored. Shared with brokers that don't lead the topic.</summary>
/// <param name="Value">Null for a tombstone.</param>
public sealed record SchemaLogEntry(long Offset, byte[] Key, byte[]? Value);

/// <summary>
/// The topic <c>_schemas</c>: one partition, compacted by key. Whoever leads it is the registry's only writer: an append counts only under the epoch
/// under which the broker leads it.
/// </summary>
internal sealed class SchemaLog(TopicDirectory topics, PartitionRegistry registry, IClusterView cluster, IPeers peers, TimeProvider time)
{
    public const string TopicName = "_schemas";

    private const short FetchVersion = 11;
    private const int ReadBytes = 1024 * 1024;
    private const int RecordsBytesMax = 256 * 1024 * 1024;
    private const int OpenPollMs = 20;

    private static readonly TimeSpan OpenPatience = TimeSpan.FromSeconds(10);

    private static readonly Dictionary<string, string> Configs = new()
    {
        ["cleanup.policy"] = "compact",
        ["max.message.bytes"] = "16777216",
    };

    public Topic? Topic => topics.Find(TopicName);

    public Partition? Partition => Topic?.Partition(0);

    /// <summary>Other brokers may have made it, and word of it may not have come here yet.</summary>
    public bool IsShared => registry.IsClustered;

    /// <summary>Ends when this broker knows all topics that there are.</summary>
    public ValueTask CatchUpWithTopicsAsync() => topics.CatchUpAsync(CancellationToken.None);

    /// <summary>Node id of who leads it; -1 when nobody does.</summary>
    public int LeaderOf(Partition partition) => cluster.LeaderOf(partition.Identity.Stream) is { IsSelf: false } other ? other.NodeId : cluster.NodeId;

    public bool IsOurs(Partition partition) => LeaderOf(partition) == cluster.NodeId;

    /// <returns>Null when it is there, else why it can't be made.</returns>
    public async ValueTask<string?> EnsureAsync(CancellationToken cancellation)
    {
        TopicChange made = await topics.EnsureInternalAsync(TopicName, 1, Configs, cancellation);
        return made.Error != KafkaError.None ? $"the topic {TopicName} can't be made: {made.Error}, {made.Message}"
            : made.Topic!.Partitions.Count != 1
                ? $"the topic {TopicName} has {made.Topic.Partitions.Count} partitions; a registry has one order, and so one partition"
            : null;
    }

    /// <returns>False when it is not open in time, or not here any more.</returns>
    public async ValueTask<bool> WhenOpenAsync(Partition partition, CancellationToken cancellation)
    {
        long started = time.GetTimestamp();
        while (!partition.IsReadable)
        {
            if (partition.State is PartitionState.Deleted or PartitionState.Elsewhere || time.GetElapsedTime(started) > OpenPatience)
            {
                return false;
            }

            await Task.Delay(TimeSpan.FromMilliseconds(OpenPollMs), time, cancellation);
        }

        return true;
    }

    /// <summary>What is durable from <paramref name="offset"/> on, at most about a mebibyte.</summary>
    /// <returns>The entries, and the offset to go on from.</returns>
    /// <exception cref="StreamUnavailableException">The partition is not open here any more.</exception>
    public static async ValueTask<(List<SchemaLogEntry> Entries, long Next)> ReadAsync(Partition partition, long offset, CancellationToken cancellation)
    {
        List<SchemaLogEntry> entries = [];
        using RecordDecompressor decompressor = new();
        using FetchedBatches batches = await partition.ReadAsync(Math.Max(offset, partition.LogStartOffset), ReadBytes, cancellation);
        foreach (ReadOnlyMemory<byte> segment in batches.Segments)
        {
            Read(segment, offset, decompressor, entries);
        }

        return (entries, Math.Max(offset, batches.EndOffset));
    }

    /// <summary>As <see cref="ReadAsync"/>, from the broker that leads the partition.</summary>
    /// <returns>Also where the durable part ends, as the leader says; null when it does not answer, or is no leader.</returns>
    public async ValueTask<(List<SchemaLogEntry> Entries, long Next, long End)?> ReadFromLeaderAsync(
        Partition partition, long offset, CancellationToken cancellation)
    {
        int leader = LeaderOf(partition);
        if (leader < 0)
        {
            return null;
        }

        try
        {
            FetchResponse response = await peers.CallAsync<FetchRequest, FetchResponse>(leader, Request(offset), FetchVersion, cancellation);
            FetchResponse.PartitionData answer = response.Responses[0].Partitions[0];
            var error = (KafkaError)answer.ErrorCode;
            if (error == KafkaError.OffsetOutOfRange && answer.LogStartOffset > offset)
            {
                return ([], answer.LogStartOffset, answer.HighWatermark);
            }

            if (error != KafkaError.None)
            {
                return null;
            }

            List<SchemaLogEntry> entries = [];
            using RecordDecompressor decompressor = new();
            long next = Read(answer.Records?.ToArray() ?? [], offset, decompressor, entries);
            return (entries, next, answer.HighWatermark);
        }
        catch (PeerUnavailableException)
        {
            return null;
        }
    }

    /// <param name="records">Written as one batch: all of them or none.</param>
    /// <param name="principal">Who wants it: stands in the header of each record, as evidence.</param>
    public async Task<AppendResult> AppendAsync(Partition partition, int epoch, IReadOnlyList<RegistryRecord> records, string principal)
    {
        long nowMs = time.GetUtcNow().ToUnixTimeMilliseconds();
        RecordHeader[] headers = [new("principal", Encoding.UTF8.GetBytes(principal))];
        using RecordBatchBuilder builder = new();
        foreach (RegistryRecord record in records)
        {
            (byte[] key, byte[]? value) = RegistryRecordCodec.Write(record);
            // A null array would become an empty value, which is no tombstone.
            builder.Append(nowMs, key, value is null ? default(ReadOnlyMemory<byte>?) : value, headers);
        }

        return await partition.AppendAsync(builder.Build(), owner: null, epoch);
    }

    /// <summary>Under which an append counts; -1 with the embedded default, where nobody else can lead it.</summary>
    public int EpochOf(Partition partition) => registry.IsClustered ? partition.AssignedEpoch : -1;

    private static FetchRequest Request(long offset) => new()
    {
        MaxWaitMs = 0,
        MinBytes = 0,
        MaxBytes = ReadBytes,
        RackId = "",
        ForgottenTopicsData = [],
        Topics = [new() { Topic = TopicName, Partitions = [new() { Partition = 0, FetchOffset = offset, PartitionMaxBytes = ReadBytes }] }],
    };

    /// <returns>The offset behind what was read.</returns>
    private static long Read(ReadOnlyMemory<byte> segment, long from, RecordDecompressor decompressor, List<SchemaLogEntry> into)
    {
        long next = from;
        while (RecordBatches.TryTakeFirst(ref segment, out RecordBatchHeader header, out ReadOnlyMemory<byte> batch))
        {
            next = Math.Max(next, header.LastOffset + 1);
            if (header.IsControl || header.LastOffset < from)
            {
                continue;
            }

            ReadOnlyMemory<byte> records = RecordBatches.OpenRecords(header, batch, decompressor, RecordsBytesMax, out PooledBytes? lease);
            using (lease)
            {
                foreach (Record record in new RecordReader(header, records.Span))
                {
                    if (record.Offset >= from)
                    {
                        into.Add(new SchemaLogEntry(record.Offset, record.Key.ToArray(), record.IsValueNull ? null : record.Value.ToArray()));
                    }
                }
            }
        }

        return next;
    }
}
