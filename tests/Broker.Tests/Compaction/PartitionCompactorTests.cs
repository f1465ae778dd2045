using CsCheck;
using PipeRoll.Broker.Compaction;
using PipeRoll.Wire.Records;

namespace PipeRoll.Broker.Tests.Compaction;

public sealed class PartitionCompactorTests
{
    private static readonly Gen<(int Producer, int Codec, (string? Key, string? Value)[] Records, int Then)> Batch = Gen.Select(
        Gen.Int[-1, 2], Gen.Int[0, 4],
        Gen.Select(
            Gen.Int[0, 9].Select(static key => key == 9 ? null : $"k{key}"),
            Gen.Int[0, 99].Select(static value => value < 25 ? null : $"v{value}")).Array[1, 6],
        Gen.Int[0, 9]);

    [Fact]
    public async Task OnlyTheLatestRecordOfAKeyStaysWithItsOffset()
    {
        CompactionHarness log = await CompactionHarness.CreateAsync();
        await log.AppendAsync(("a", "1"), ("b", "1"), ("a", "2"));
        await log.AppendAsync(("c", "1"), ("b", "2"));
        await log.CompactAsync();
        Assert.Equal([(2L, "a", "2"), (3L, "c", "1"), (4L, "b", "2")], log.ReadAll().Select(static e => (e.Offset, e.Key!, e.Value!)));
        Assert.Equal(5, log.Stream.NextOffset);
    }

    [Fact]
    public Task AnyHistoryReadsAsTheSameMapAndSurvivorsAreUnchanged() =>
        Batch.Array[1, 30].SampleAsync(CheckAsync, iter: 400, threads: 1);

    [Fact]
    public async Task ATombstoneStaysForItsRetentionAfterItWasFirstCompacted()
    {
        CompactionHarness log = await CompactionHarness.CreateAsync();
        await log.AppendAsync(("a", "1"));
        await log.AppendAsync(("a", null));
        await log.AppendAsync(("b", "1"));
        log.Time.Pass(100_000);
        await log.CompactAsync();
        Assert.Equal([1L, 2L], log.ReadAll().Select(static e => e.Offset));
        long firstHorizon = log.NowMs + 1_000;
        Assert.Equal(firstHorizon, log.Headers()[0].DeleteHorizonMs);

        log.Time.Pass(999);
        await log.AppendAsync(("c", "1"));
        await log.CompactAsync();
        Assert.Equal([1L, 2L, 3L], log.ReadAll().Select(static e => e.Offset));
        Assert.Equal(firstHorizon, log.Headers()[0].DeleteHorizonMs);

        log.Time.Pass(1);
        await log.CompactAsync();
        Assert.Equal([2L, 3L], log.ReadAll().Select(static e => e.Offset));
    }

    [Fact]
    public async Task YoungRecordsAreLeftAlone()
    {
        CompactionHarness log = await CompactionHarness.CreateAsync();
        log.Settings = log.Settings with { LagMinMs = 5_000 };
        await log.AppendAsync(("a", "1"), ("a", "2"));
        log.Time.Pass(3_000);
        await log.AppendAsync(("a", "3"));
        await log.CompactAsync();
        Assert.Equal(3, log.ReadAll().Count);
        log.Time.Pass(70_000);
        await log.CompactAsync();
        Assert.Equal([2L], log.ReadAll().Select(static e => e.Offset));
    }

    [Fact]
    public async Task NothingFromTheFirstOpenTransactionOnIsTouched()
    {
        CompactionHarness log = await CompactionHarness.CreateAsync();
        await log.AppendAsync(("a", "1"), ("a", "2"));
        await log.AppendInTransactionAsync(9, ("a", "3"));
        await log.AppendAsync(("a", "4"));
        await log.CompactAsync();
        Assert.Equal([1L, 2L, 3L], log.ReadAll().Select(static e => e.Offset));
    }

    [Fact]
    public async Task WhatWasCommittedCountsAndWhatWasAbortedShadowsNothing()
    {
        CompactionHarness log = await CompactionHarness.CreateAsync();
        await log.AppendAsync(("a", "1"), ("b", "1"));
        await log.AppendInTransactionAsync(9, ("a", "2"));
        await log.AppendInTransactionAsync(8, ("b", "2"), ("c", "2"));
        await log.EndTransactionAsync(9, isCommit: true);
        await log.EndTransactionAsync(8, isCommit: false);
        await log.AppendAsync(("d", "1"));
        await log.CompactAsync();
        Assert.Equal(["b1", "a2", "d1"], log.Values());
    }

    [Fact]
    public async Task AMarkerStaysWithItsRecordsAndForItsRetentionAfterThem()
    {
        CompactionHarness log = await CompactionHarness.CreateAsync();
        await log.AppendInTransactionAsync(9, ("a", "1"));
        await log.EndTransactionAsync(9, isCommit: true);
        await log.AppendInTransactionAsync(9, ("b", "1"));
        await log.EndTransactionAsync(9, isCommit: false);
        await log.AppendInTransactionAsync(9, ("c", "1"));
        await log.EndTransactionAsync(9, isCommit: true);
        await log.CompactAsync();
        Assert.Equal(["a1", "c1"], log.Values());
        Assert.Equal([1L, 3L, 5L], log.Markers());

        log.Time.Pass(1_000);
        await log.CompactAsync();
        Assert.Equal([1L, 5L], log.Markers());

        await log.AppendAsync(("a", "2"), ("c", "2"));
        await log.AppendInTransactionAsync(9, ("d", "1"));
        await log.EndTransactionAsync(9, isCommit: true);
        await log.CompactAsync();
        Assert.Equal([1L, 5L, 9L], log.Markers());
        log.Time.Pass(1_000);
        await log.CompactAsync();
        Assert.Equal([9L], log.Markers());
        Assert.Equal(["a2", "c2", "d1"], log.Values());
    }

    [Fact]
    public async Task TransactionsThatOverlapForEverDoNotHoldCompactionBack()
    {
        CompactionHarness log = await CompactionHarness.CreateAsync();
        await log.AppendInTransactionAsync(1, ("a", "0"));
        for (int round = 0; round < 20; round++)
        {
            await log.AppendInTransactionAsync(2 + (round % 2), ("a", $"{round + 1}"));
            await log.EndTransactionAsync(round == 0 ? 1 : 2 + ((round - 1) % 2), isCommit: true);
        }

        await log.CompactAsync();
        Assert.Equal(["a19", "a20"], log.Values());
    }

    [Fact]
    public async Task TheLastBatchOfAProducerStaysAsABareHeader()
    {
        CompactionHarness log = await CompactionHarness.CreateAsync();
        await log.AppendAsync(5, CompressionCodec.Zstd, ("a", "1"), ("b", "1"));
        await log.AppendAsync(5, CompressionCodec.Zstd, ("a", "2"), ("b", "2"));
        await log.AppendAsync(6, CompressionCodec.None, ("a", "3"), ("b", "3"));
        await log.CompactAsync();
        IReadOnlyList<RecordBatchHeader> headers = log.Headers();
        Assert.Equal([(2L, 5L, 0), (4L, 6L, 2)], headers.Select(static header => (header.BaseOffset, header.ProducerId, header.RecordCount)));
        Assert.Equal((2, 3), (headers[0].BaseSequence, headers[0].LastSequence));
        Assert.Equal(CompressionCodec.None, headers[0].Codec);
        await log.AppendAsync(5, CompressionCodec.None, ("c", "1"));
        await log.CompactAsync();
        Assert.Equal([4L, 6L], log.Headers().Select(static header => header.BaseOffset));
    }

    [Fact]
    public async Task TheLogKeepsItsEndWhenItsLastRecordGoes()
    {
        CompactionHarness log = await CompactionHarness.CreateAsync();
        await log.AppendAsync(("a", null));
        await log.CompactAsync();
        log.Time.Pass(1_000);
        await log.CompactAsync();
        Assert.Empty(log.ReadAll());
        Assert.Equal((0L, 0), (log.Headers().Single().BaseOffset, log.Headers().Single().RecordCount));
    }

    [Fact]
    public async Task ALogWithMoreKeysThanMayBeRememberedTakesSeveralPasses()
    {
        CompactionHarness log = await CompactionHarness.CreateAsync();
        log.Options = log.Options with { KeysMax = 10 };
        for (int round = 0; round < 3; round++)
        {
            for (int key = 0; key < 50; key++)
            {
                await log.AppendAsync(($"k{key}", $"{round}"));
            }
        }

        Assert.InRange(await log.CompactAsync(), 5, 200);
        List<Entry> left = log.ReadAll();
        Assert.Equal(50, left.Count);
        Assert.All(left, static entry => Assert.Equal("2", entry.Value));
    }

    [Fact]
    public async Task ABatchWithMoreKeysThanMayBeRememberedIsAnError()
    {
        CompactionHarness log = await CompactionHarness.CreateAsync();
        log.Options = log.Options with { KeysMax = 2 };
        await log.AppendAsync(("a", "1"), ("b", "1"), ("c", "1"));
        InvalidOperationException error = await Assert.ThrowsAsync<InvalidOperationException>(log.CompactAsync);
        Assert.Contains("raise the bound", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ALogWithoutDuplicatesIsNotRewritten()
    {
        CompactionHarness log = await CompactionHarness.CreateAsync();
        await log.AppendAsync(("a", "1"), ("b", "1"));
        byte[] before = log.Stream.Batches[0].Bytes;
        Assert.Equal(1, await log.CompactAsync());
        Assert.Same(before, log.Stream.Batches[0].Bytes);
        Assert.Equal(0, await log.CompactAsync());
    }

    [Fact]
    public async Task WhatTheStartOffsetCutsInTwoIsLeftAloneAndKeepsItsTombstones()
    {
        CompactionHarness log = await CompactionHarness.CreateAsync();
        await log.AppendAsync(("a", "1"), ("a", "2"), ("b", "1"));
        await log.AppendAsync(("a", null));
        await log.AppendAsync(("c", "1"));
        await log.Stream.TrimAsync(1);
        await log.CompactAsync();
        log.Time.Pass(10_000);
        await log.CompactAsync();
        Assert.Equal([0L, 1L, 2L, 3L, 4L], log.ReadAll().Select(static e => e.Offset));
    }

    [Theory]
    [InlineData(0.5, 10, false)]
    [InlineData(0.5, 100, true)]
    [InlineData(0.0, 1, true)]
    [InlineData(1.0, 100_000, false)]
    public void ARunIsDueWhenEnoughIsNew(double ratio, long newRecords, bool due)
    {
        CompactionState state = new();
        CompactionSettings settings = new(1_000, ratio, 0, 60_000);
        Assert.True(state.IsDue(0, 100, settings, 0));
        state.Ran(new CompactionResult(100, 1_000, 10, 5, long.MaxValue, false), settings, 0);
        Assert.False(state.IsDue(0, 100, settings, 1));
        Assert.Equal(due, state.IsDue(0, 100 + newRecords, settings, 1));
        Assert.True(state.IsDue(0, 100 + newRecords, settings, 60_000));
    }

    private static async Task CheckAsync((int Producer, int Codec, (string? Key, string? Value)[] Records, int Then)[] batches)
    {
        CompactionHarness log = await CompactionHarness.CreateAsync();
        log.Options = log.Options with { KeysMax = 12 };
        List<Entry> written = [];
        foreach ((int producer, int codec, (string? Key, string? Value)[] records, int then) in batches)
        {
            written.AddRange(records.Select((record, index) =>
                new Entry(log.Stream.NextOffset + index, record.Key, record.Value, log.NowMs)));
            await log.AppendAsync(producer, (CompressionCodec)codec, records);
            if (then == 0)
            {
                await log.CompactAsync();
                Check(written, log);
            }

            log.Time.Pass(then * 100);
        }

        await log.CompactAsync();
        Check(written, log);

        // Once all is quiet and every tombstone's time is up, what is left is exactly the map and the records without key.
        log.Time.Pass(5_000);
        await log.CompactAsync();
        Check(written, log);
        List<Entry> left = log.ReadAll();
        Assert.Equal(Map(left).Count + left.Count(static entry => entry.Key is null), left.Count);
    }

    private static void Check(List<Entry> written, CompactionHarness log)
    {
        List<Entry> left = log.ReadAll();
        Dictionary<long, Entry> byOffset = written.ToDictionary(static entry => entry.Offset);
        Assert.All(left, entry => Assert.Equal(byOffset[entry.Offset], entry));
        Assert.Equal(Map(written).OrderBy(static pair => pair.Key), Map(left).OrderBy(static pair => pair.Key));
        Assert.Equal(written.Where(static entry => entry.Key is null), left.Where(static entry => entry.Key is null));
        Assert.Equal(written[^1].Offset + 1, log.Stream.ConfirmedOffset);
        foreach (IGrouping<long, RecordBatchHeader> producer in log.Headers().Where(static h => h.ProducerId >= 0).GroupBy(static h => h.ProducerId))
        {
            Assert.True(producer.Last().LastSequence >= 0);
        }
    }

    private static Dictionary<string, string> Map(IEnumerable<Entry> log)
    {
        Dictionary<string, string> map = [];
        foreach (Entry entry in log.Where(static entry => entry.Key is not null))
        {
            if (entry.Value is null)
            {
                map.Remove(entry.Key!);
            }
            else
            {
                map[entry.Key!] = entry.Value;
            }
        }

        return map;
    }
}
