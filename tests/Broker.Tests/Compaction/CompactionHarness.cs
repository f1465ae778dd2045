using System.Text;
using PipeRoll.Broker.Compaction;
using PipeRoll.Broker.Partitions;
using PipeRoll.Broker.Tests.Groups;
using PipeRoll.Broker.Tests.Support;
using PipeRoll.Streams;
using PipeRoll.Wire.Records;

namespace PipeRoll.Broker.Tests.Compaction;

internal sealed record Entry(long Offset, string? Key, string? Value, long Timestamp);

/// <summary>One stream in memory under compaction, in virtual time.</summary>
internal sealed class CompactionHarness
{
    private readonly MemoryStreamStorage _storage = new();
    private readonly CompactionState _state = new();
    private int _lastSequence;

    public ManualTime Time { get; } = new();

    public CompactionOptions Options { get; set; } = new() { KeysMax = 1_000, ReadBytes = 500 };

    public CompactionSettings Settings { get; set; } = new(DeleteRetentionMs: 1_000, DirtyRatioMin: 0, LagMinMs: 0, LagMaxMs: long.MaxValue);

    public MemoryLogStream Stream { get; private set; } = null!;

    public long NowMs => Time.GetUtcNow().ToUnixTimeMilliseconds();

    public static async Task<CompactionHarness> CreateAsync()
    {
        CompactionHarness harness = new();
        harness.Stream = (MemoryLogStream)await harness._storage.OpenAsync(new StreamId(7), 1, null);
        return harness;
    }

    public async Task AppendAsync(long producerId, CompressionCodec codec, params (string? Key, string? Value)[] records)
    {
        using RecordBatchBuilder builder = new()
        {
            Codec = codec,
            BaseOffset = Stream.NextOffset,
            ProducerId = producerId,
            ProducerEpoch = (short)(producerId < 0 ? -1 : 0),
            BaseSequence = producerId < 0 ? -1 : _lastSequence,
        };
        _lastSequence += records.Length;
        foreach ((string? key, string? value) in records)
        {
            builder.Append(NowMs, Bytes(key), Bytes(value));
        }

        byte[] batch = builder.Build();
        await Stream.Append(new StreamBatch(Stream.NextOffset, records.Length, NowMs, batch, null));
    }

    public Task AppendAsync(params (string? Key, string? Value)[] records) => AppendAsync(-1, CompressionCodec.None, records);

    public async Task AppendInTransactionAsync(long producerId, params (string Key, string Value)[] records)
    {
        using RecordBatchBuilder builder = new()
        {
            BaseOffset = Stream.NextOffset,
            ProducerId = producerId,
            ProducerEpoch = 0,
            BaseSequence = _lastSequence,
            IsTransactional = true,
        };
        _lastSequence += records.Length;
        foreach ((string key, string value) in records)
        {
            builder.Append(NowMs, Bytes(key), Bytes(value));
        }

        await Stream.Append(new StreamBatch(Stream.NextOffset, records.Length, NowMs, builder.Build(), null));
    }

    public async Task EndTransactionAsync(long producerId, bool isCommit)
    {
        byte[] marker = new TransactionMarker(producerId, 0, 0, isCommit).ToBatch(NowMs);
        RecordBatchPatch.SetBaseOffset(marker, Stream.NextOffset);
        await Stream.Append(new StreamBatch(Stream.NextOffset, 1, NowMs, marker, null));
    }

    /// <summary>Key and value of each record, in order.</summary>
    public IEnumerable<string> Values()
    {
        HashSet<long> markers = [.. Markers()];
        return ReadAll().Where(entry => !markers.Contains(entry.Offset)).Select(static entry => entry.Key + entry.Value);
    }

    public IEnumerable<long> Markers() => Headers().Where(static header => header.IsControl).Select(static header => header.BaseOffset);

    /// <summary>Compacts until there is nothing left to do now. Returns how many runs that took.</summary>
    public async Task<int> CompactAsync()
    {
        int runs = 0;
        CompactionResult result = default;
        while (result.IsPartial || _state.IsDue(Stream.StartOffset, Stream.CommittedOffset, Settings, NowMs))
        {
            result = await new PartitionCompactor(Stream, Settings, Options, Time).RunAsync(_state.CleanTo, CancellationToken.None);
            _state.Ran(result, Settings, NowMs);
            runs++;
            Assert.InRange(runs, 1, 1_000);
        }

        return runs;
    }

    public List<Entry> ReadAll()
    {
        using RecordDecompressor decompressor = new();
        List<Entry> all = [];
        long end = -1;
        foreach (StoredBatch stored in Stream.Batches)
        {
            Assert.True(RecordBatchHeader.TryRead(stored.Bytes, out RecordBatchHeader header));
            Assert.Equal((stored.BaseOffset, stored.EndOffset - 1, stored.MaxTimestamp), (header.BaseOffset, header.LastOffset, header.MaxTimestamp));
            Assert.Equal(PipeRoll.Foundation.Hashing.Crc32C.Compute(stored.Bytes.AsSpan(21)), header.Crc);
            Assert.True(header.BaseOffset > end, "batches stay in order");
            end = header.LastOffset;
            ReadOnlyMemory<byte> records = RecordBatches.OpenRecords(header, stored.Bytes, decompressor, 1 << 20, out PooledBytes? lease);
            using (lease)
            {
                foreach (Wire.Records.Record record in new RecordReader(header, records.Span))
                {
                    all.Add(new Entry(
                        record.Offset, record.IsKeyNull ? null : Encoding.UTF8.GetString(record.Key),
                        record.IsValueNull ? null : Encoding.UTF8.GetString(record.Value), record.Timestamp));
                }
            }
        }

        return all;
    }

    public IReadOnlyList<RecordBatchHeader> Headers() => [.. Stream.Batches.Select(static stored =>
    {
        RecordBatchHeader.TryRead(stored.Bytes, out RecordBatchHeader header);
        return header;
    })];

    private static ReadOnlyMemory<byte>? Bytes(string? text) =>
        text is null ? default(ReadOnlyMemory<byte>?) : Encoding.UTF8.GetBytes(text);
}
