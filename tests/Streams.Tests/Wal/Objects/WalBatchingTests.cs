using PipeRoll.Streams.Tests.Support;

namespace PipeRoll.Streams.Tests.Wal.Objects;

/// <summary>When groups are written, under virtual time: how many requests it takes, and how long appends wait.</summary>
public sealed class WalBatchingTests
{
    [Fact]
    public void A_quiet_load_takes_no_more_than_four_requests_a_second() => VirtualTime.Run(async time =>
    {
        var harness = new ObjectWalHarness(time);
        harness.Store.BeforePut = _ => time.DelayMsAsync(20);
        await OfferAsync(harness, seconds: 60, perSecond: 50, bytes: 100);
        // Four a second, and what was saved up for a minute before.
        Assert.InRange(harness.Store.Puts, 470, (2 * 60 * 4) + 2);
        await OfferAsync(harness, seconds: 60, perSecond: 50, bytes: 100);
        Assert.InRange(harness.Store.Puts, 710, (3 * 60 * 4) + 2);
    });

    [Fact]
    public void One_batch_after_the_other_waits_for_the_store_alone_while_there_are_requests_saved_up() => VirtualTime.Run(async time =>
    {
        var harness = new ObjectWalHarness(time);
        harness.Store.BeforePut = _ => time.DelayMsAsync(20);
        for (int i = 0; i < 200; i++)
        {
            double started = time.NowMs;
            await harness.Append(1, i);
            Assert.InRange(time.NowMs - started, 20, 28);
        }
    });

    [Fact]
    public void The_first_batch_after_a_quiet_spell_goes_at_once() => VirtualTime.Run(async time =>
    {
        var harness = new ObjectWalHarness(time);
        harness.Store.BeforePut = _ => time.DelayMsAsync(20);
        for (int i = 0; i < 20; i++)
        {
            double started = time.NowMs;
            await harness.Append(1, i);
            Assert.InRange(time.NowMs - started, 20, 21);
            await time.DelayMsAsync(1000);
        }
    });

    [Fact]
    public void Under_load_a_request_is_sent_each_third_of_its_time() => VirtualTime.Run(async time =>
    {
        var harness = new ObjectWalHarness(time, ObjectWalHarness.Options with { WalGroupBytesMax = 8 * 1024 * 1024 });
        harness.Store.BeforePut = _ => time.DelayMsAsync(60);
        await OfferAsync(harness, seconds: 1, perSecond: 1000, bytes: 4096);
        int warm = harness.Store.Puts;
        List<double> waits = await OfferAsync(harness, seconds: 10, perSecond: 1000, bytes: 4096);
        Assert.InRange(harness.Store.Puts - warm, 450, 510);
        Assert.InRange(waits.Max(), 60, 90);
    });

    [Fact]
    public void Latency_falls_as_bytes_pay_for_requests() => VirtualTime.Run(async time =>
    {
        double before = double.MaxValue;
        foreach (int perSecond in (int[])[20, 200, 2000])
        {
            var harness = new ObjectWalHarness(time);
            harness.Store.BeforePut = _ => time.DelayMsAsync(20);
            await OfferAsync(harness, seconds: 30, perSecond: 20, bytes: 2048); // what was saved up is spent
            double mean = (await OfferAsync(harness, seconds: 20, perSecond, bytes: 2048)).Average();
            Assert.True(mean < before, $"{mean} ms at {perSecond} a second, {before} ms at fewer");
            before = mean;
        }

        Assert.InRange(before, 20, 30);
    });

    [Fact]
    public void Full_groups_do_not_linger_and_requests_under_way_are_bounded() => VirtualTime.Run(async time =>
    {
        StreamStorageOptions options = ObjectWalHarness.Options with { WalInFlightMax = 4, WalInFlightBytesMax = 3 * 64 * 1024 };
        var harness = new ObjectWalHarness(time, options);
        int underWay = 0;
        int most = 0;
        harness.Store.BeforePut = async _ =>
        {
            most = Math.Max(most, ++underWay);
            await time.DelayMsAsync(100);
            underWay--;
        };
        var appends = new List<Task>();
        for (int i = 0; i < 200; i++)
        {
            appends.Add(harness.Append(1, i, 10_000));
        }

        foreach (Task append in appends)
        {
            await append;
        }

        Assert.Equal(3, most);
        Assert.Equal(34, harness.Store.Puts);
        Assert.InRange(time.NowMs, 1100, 1300);
    });

    [Fact]
    public void A_flush_waits_for_nothing() => VirtualTime.Run(async time =>
    {
        var harness = new ObjectWalHarness(time);
        for (int i = 0; i < 20; i++)
        {
            double started = time.NowMs;
            Task append = harness.Append(1, i);
            harness.Log.Flush();
            await append;
            Assert.InRange(time.NowMs - started, 0, 0.01);
        }

        Assert.Equal(20, harness.Store.Puts);
    });

    [Theory]
    [InlineData(60, 200, 130, 350)]
    [InlineData(10, 20, 25, 45)]
    public void The_designs_latencies_hold_for_its_stores(double storeP50, double storeP99, double p50Max, double p99Max) => VirtualTime.Run(async time =>
    {
        var harness = new ObjectWalHarness(time, ObjectWalHarness.Options with { WalGroupBytesMax = 8 * 1024 * 1024 });
        var random = new Random(3);
        double sigma = Math.Log(storeP99 / storeP50) / 2.326;
        harness.Store.BeforePut = _ => time.DelayMsAsync(storeP50 * Math.Exp(sigma * Normal(random)));
        List<double> waits = await OfferAsync(harness, seconds: 60, perSecond: 1000, bytes: 1024);
        waits.Sort();
        double p50 = waits[waits.Count / 2];
        double p99 = waits[waits.Count * 99 / 100];
        TestContext.Current.TestOutputHelper?.WriteLine(
            $"store {storeP50}/{storeP99} ms: append {p50:F1}/{p99:F1} ms, {harness.Store.Puts / 60.0:F1} requests a second");
        Assert.InRange(p50, storeP50, p50Max);
        Assert.InRange(p99, storeP99, p99Max);
    });

    [Fact]
    public void The_latency_told_is_that_of_the_last_half_minute_and_of_what_hangs() => VirtualTime.Run(async time =>
    {
        var harness = new ObjectWalHarness(time);
        Assert.Equal(0, harness.Log.LatencyMs);
        harness.Store.BeforePut = _ => time.DelayMsAsync(40);
        await harness.Append(1, 0);
        Assert.InRange(harness.Log.LatencyMs, 40, 41);
        await time.DelayMsAsync(31_000);
        Assert.Equal(0, harness.Log.LatencyMs);
        harness.Store.BeforePut = _ => new TaskCompletionSource().Task;
        _ = harness.Append(1, 1);
        await time.DelayMsAsync(10_000);
        Assert.InRange(harness.Log.LatencyMs, 9_990, 10_010);
    });

    /// <summary>An open loop of appends at even intervals.</summary>
    /// <returns>How long each waited, in milliseconds.</returns>
    private static async Task<List<double>> OfferAsync(ObjectWalHarness harness, int seconds, int perSecond, int bytes)
    {
        var waits = new List<double>();
        var appends = new List<Task>();
        for (int i = 0; i < seconds * perSecond; i++)
        {
            appends.Add(TimeAsync(harness, i, bytes, waits));
            await harness.Time.DelayMsAsync(1000.0 / perSecond);
        }

        foreach (Task append in appends)
        {
            await append;
        }

        return waits;
    }

    private static async Task TimeAsync(ObjectWalHarness harness, long offset, int bytes, List<double> waits)
    {
        double started = harness.Time.NowMs;
        await harness.Append(1, offset, bytes);
        waits.Add(harness.Time.NowMs - started);
    }

    private static double Normal(Random random) =>
        Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
}
