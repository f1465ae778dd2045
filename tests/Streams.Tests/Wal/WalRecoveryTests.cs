using PipeRoll.Streams.Tests.Support;
using PipeRoll.Streams.Wal;

namespace PipeRoll.Streams.Tests.Wal;

public sealed class WalRecoveryTests
{
    private const int Page = WalFormat.AlignmentBytes;

    [Fact]
    public async Task What_was_confirmed_is_replayed_in_order()
    {
        var device = new MemoryWalDevice();
        WalHarness first = await WalHarness.StartAsync(device);
        await first.AppendGroupsAsync(1, 0, 30);
        await first.AppendGroupsAsync(2, 0, 30);
        WalHarness second = await WalHarness.StartAsync(device);
        second.AssertReplayed(1, 0, 30);
        second.AssertReplayed(2, 0, 30);
    }

    [Fact]
    public async Task A_tail_torn_at_any_byte_of_the_last_group_loses_that_group_only()
    {
        var device = new MemoryWalDevice();
        WalHarness first = await WalHarness.StartAsync(device);
        await first.AppendGroupsAsync(1, 0, 3);
        byte[] before = [.. device.Segments[0].Content];
        await first.Append(1, 3, 300);
        byte[] after = [.. device.Segments[0].Content];
        int start = 3 * Page;
        int length = WalFormat.GroupHeaderBytes + WalFormat.RecordEntryBytes + 300;
        for (int written = 0; written <= length; written++)
        {
            MemoryWalDevice torn = device.Copy();
            before.CopyTo(torn.Segments[0].Content, 0);
            after.AsSpan(start, written).CopyTo(torn.Segments[0].Content.AsSpan(start));
            WalHarness recovered = await WalHarness.StartAsync(torn);
            Assert.Equal(written == length ? 4 : 3, recovered.Replayed.Count);

            // The log goes on where the valid prefix ends, and is whole again.
            await recovered.Append(1, recovered.Replayed.Count);
            WalHarness again = await WalHarness.StartAsync(torn);
            Assert.Equal(Enumerable.Range(0, recovered.Replayed.Count + 1).Select(i => (long)i), again.Replayed.Select(r => r.BaseOffset));
        }
    }

    [Fact]
    public async Task A_tail_of_which_pages_were_lost_in_any_combination_is_cut()
    {
        var device = new MemoryWalDevice();
        WalHarness first = await WalHarness.StartAsync(device);
        await first.AppendGroupsAsync(1, 0, 2);
        byte[] before = [.. device.Segments[0].Content];
        await first.Append(1, 2, 3 * Page);
        for (int lost = 1; lost < 16; lost++)
        {
            MemoryWalDevice torn = device.Copy();
            for (int page = 0; page < 4; page++)
            {
                if ((lost & (1 << page)) != 0)
                {
                    before.AsSpan((2 + page) * Page, Page).CopyTo(torn.Segments[0].Content.AsSpan((2 + page) * Page));
                }
            }

            WalHarness recovered = await WalHarness.StartAsync(torn);
            recovered.AssertReplayed(1, 0, 2);
        }
    }

    [Fact]
    public async Task Damage_before_an_intact_group_is_refused_and_explained()
    {
        var device = new MemoryWalDevice();
        WalHarness first = await WalHarness.StartAsync(device);
        await first.AppendGroupsAsync(1, 0, 5);
        foreach (int position in new[] { 0, 70, 130, 2 * Page, (2 * Page) + 20, (2 * Page) + 90, (2 * Page) + 150, 3 * Page })
        {
            MemoryWalDevice damaged = device.Copy();
            damaged.Segments[0].Content[position] ^= 1;
            var refused = await Assert.ThrowsAsync<CorruptDataException>(() => WalHarness.StartAsync(damaged));
            Assert.Contains("0001", refused.Message, StringComparison.Ordinal);
            Assert.Contains($"at byte {position / Page * Page}", refused.Message, StringComparison.Ordinal);
            Assert.Contains("Restore", refused.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Damage_to_the_end_of_a_segment_before_the_last_one_is_refused()
    {
        var device = new MemoryWalDevice();
        WalHarness first = await WalHarness.StartAsync(device);
        await first.AppendGroupsAsync(1, 0, 40);
        Assert.True(device.Segments.Count > 2);
        device.Segments[0].Content[(14 * Page) + 10] ^= 1;
        await Assert.ThrowsAsync<CorruptDataException>(() => WalHarness.StartAsync(device));
    }

    [Fact]
    public async Task A_missing_segment_is_noticed()
    {
        var device = new MemoryWalDevice();
        WalHarness first = await WalHarness.StartAsync(device);
        await first.AppendGroupsAsync(1, 0, 40);
        MemoryWalDevice withoutMiddle = device.Copy();
        withoutMiddle.Segments.RemoveAt(1);
        await Assert.ThrowsAsync<CorruptDataException>(() => WalHarness.StartAsync(withoutMiddle));
        MemoryWalDevice withoutFirst = device.Copy();
        withoutFirst.Segments.RemoveAt(0);
        var refused = await Assert.ThrowsAsync<CorruptDataException>(() => WalHarness.StartAsync(withoutFirst));
        Assert.Contains("missing", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_segment_of_another_log_is_refused()
    {
        var mine = new MemoryWalDevice();
        await (await WalHarness.StartAsync(mine)).AppendGroupsAsync(1, 0, 3);
        var other = new MemoryWalDevice();
        var log = new WriteAheadLog(
            other, WalHarness.Options, TimeProvider.System, new Random(8), new StreamMetrics(),
            Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance, null, () => { }, _ => { });
        var harness = new WalHarness(other);
        await log.StartAsync(harness, CancellationToken.None);
        await log.Append(new StreamId(1), 1, new StreamBatch(0, 1, 0, new byte[10], null), harness);
        mine.Segments.Add(other.Segments[0]);
        var refused = await Assert.ThrowsAsync<CorruptDataException>(() => WalHarness.StartAsync(mine));
        Assert.Contains("another log", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Bytes_of_an_earlier_use_of_a_segment_are_never_taken_for_new_ones()
    {
        var device = new MemoryWalDevice { SegmentsMax = 3 };
        WalHarness first = await WalHarness.StartAsync(device);
        // Round and round: every segment is used many times, and always full of stale groups.
        long offset = 0;
        for (int round = 0; round < 60; round++)
        {
            await first.AppendGroupsAsync(1, offset, offset + 7);
            offset += 7;
            first.Log.Trim(first.Log.ConfirmedGroup - 3);
            WalHarness recovered = await WalHarness.StartAsync(device.Copy());
            Assert.Equal(offset - 1, recovered.Replayed[^1].BaseOffset);
            long from = recovered.Replayed[0].BaseOffset;
            Assert.True(from <= offset - 3, $"offset {from} is too late");
            recovered.AssertReplayed(1, from, offset);
        }

        Assert.Equal(3, device.Segments.Count);
    }

    [Fact]
    public async Task A_first_group_torn_in_a_segment_used_again_leaves_what_was_before()
    {
        var device = new MemoryWalDevice { SegmentsMax = 2 };
        WalHarness first = await WalHarness.StartAsync(device);
        await first.AppendGroupsAsync(1, 0, 30);
        first.Log.Trim(first.Log.ConfirmedGroup - 1);
        MemoryWalDevice before = device.Copy();
        byte[][] contents = [.. device.Segments.Select(s => (byte[])[.. s.Content])];
        int segment = -1;
        for (long offset = 30; segment < 0; offset++)
        {
            before = device.Copy();
            await first.Append(1, offset);
            segment = device.Segments.FindIndex(s => !s.Content.AsSpan(0, Page).SequenceEqual(contents[device.Segments.IndexOf(s)].AsSpan(0, Page)));
            if (segment >= 0)
            {
                // The group that went into the segment used again, torn within its header and within its body.
                foreach (int written in new[] { 1, 40, 63, 64, 100, 150 })
                {
                    MemoryWalDevice torn = device.Copy();
                    before.Segments[segment].Content.CopyTo(torn.Segments[segment].Content, 0);
                    device.Segments[segment].Content.AsSpan(0, written).CopyTo(torn.Segments[segment].Content);
                    WalHarness recovered = await WalHarness.StartAsync(torn);
                    Assert.Equal(offset - 1, recovered.Replayed[^1].BaseOffset);
                    await recovered.Append(1, offset);
                    WalHarness again = await WalHarness.StartAsync(torn);
                    Assert.Equal(offset, again.Replayed[^1].BaseOffset);
                }
            }
        }
    }

    [Fact]
    public async Task After_a_clean_stop_there_is_nothing_to_replay_and_the_log_goes_on()
    {
        var device = new MemoryWalDevice();
        WalHarness first = await WalHarness.StartAsync(device);
        await first.AppendGroupsAsync(1, 0, 40);
        await first.Log.StopAsync(clean: true);
        for (long start = 40; start < 45; start++)
        {
            WalHarness next = await WalHarness.StartAsync(device);
            Assert.Empty(next.Replayed);
            await next.Append(1, start);
            WalHarness crashed = await WalHarness.StartAsync(device.Copy());
            Assert.Equal(start, Assert.Single(crashed.Replayed).BaseOffset);
            await next.Log.StopAsync(clean: true);
        }
    }

    [Fact]
    public async Task Random_and_mutated_segments_end_in_recovery_or_refusal()
    {
        var device = new MemoryWalDevice();
        WalHarness first = await WalHarness.StartAsync(device);
        await first.AppendGroupsAsync(1, 0, 25);
        var random = new Random(3);
        int refused = 0;
        for (int i = 0; i < 300; i++)
        {
            MemoryWalDevice mutated = device.Copy();
            foreach (MemoryWalDevice.MemorySegment segment in mutated.Segments)
            {
                for (int m = random.Next(4); m > 0; m--)
                {
                    int at = random.Next(segment.Content.Length);
                    random.NextBytes(segment.Content.AsSpan(at, Math.Min(random.Next(1, 5000), segment.Content.Length - at)));
                }
            }

            try
            {
                WalHarness recovered = await WalHarness.StartAsync(mutated);
                // Whatever is taken for good is good.
                recovered.AssertReplayed(1, 0, recovered.Replayed.Count);
            }
            catch (CorruptDataException)
            {
                refused++;
            }
        }

        Assert.True(refused > 100, $"only {refused} were refused");
    }
}
