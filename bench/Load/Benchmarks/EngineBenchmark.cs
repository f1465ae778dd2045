using System.Diagnostics;
using System.Globalization;
using System.Text;
using PipeRoll.Policies;

namespace PipeRoll.Load.Benchmarks;

/// <summary>The decision engine alone, on one thread: 30 rules, 3 windows, 100,000 keys; the yardstick is a pass that only hashes the events.</summary>
internal static class EngineBenchmark
{
    private const int Keys = 100_000;
    private const int Rules = 30;

    public static void Decisions(BenchContext context)
    {
        // Each event once, in time order: going round would make every event of the second round a late one.
        byte[][] events = Events((int)(1_500_000 * Math.Max(context.TimeScale, 0.3)));
        int warm = events.Length / 5;
        var engine = new DecisionEngine(PolicyBundle.Parse(new PolicySource("bench.yaml", PolicyText())), "bench", 0);
        byte[] key = Encoding.UTF8.GetBytes("key");
        long recordBytes = 0;
        for (int offset = 0; offset < warm; offset++)
        {
            recordBytes += engine.Decide(offset, 0, key, events[offset], Next(events, offset)).Record.Length;
        }

        // Processor time, which neighbours on a busy machine take less from than from the clock.
        long allocatedBefore = GC.GetAllocatedBytesForCurrentThread();
        TimeSpan cpuBefore = Environment.CpuUsage.TotalTime;
        long started = Stopwatch.GetTimestamp();
        for (int offset = warm; offset < events.Length; offset++)
        {
            engine.Decide(offset, 0, key, events[offset], Next(events, offset));
        }

        double seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
        double cpuSeconds = (Environment.CpuUsage.TotalTime - cpuBefore).TotalSeconds;
        int counted = events.Length - warm;
        double allocated = (GC.GetAllocatedBytesForCurrentThread() - allocatedBefore) / (double)counted;
        double folded = FoldRate(new DecisionEngine(engine.Policy, "bench", 0), events, key, warm);
        double hashed = HashRate(events, context.Scale(3));
        context.Report.Add("engine", $"decisions, {Rules} rules, 3 windows, {Keys:N0} keys, one core", counted / seconds, "decisions/s", ">= 300,000");
        context.Report.Add("engine", "decisions per CPU second", counted / cpuSeconds, "decisions/s", ">= 300,000");
        context.Report.Add("engine", "events folded without a record, per CPU second", folded, "events/s");
        context.Report.Add("engine", "yardstick: SHA-256 of the same events", hashed, "events/s");
        context.Report.Add("engine", "decisions per hashed event", counted / seconds / hashed, "x");
        context.Report.Add("engine", "allocated per decision", allocated, "bytes", $"<= record ({recordBytes / (double)warm:0})");
    }

    /// <summary>Workers have the next event of a fetched batch at hand as well.</summary>
    private static UpcomingEvent Next(byte[][] events, int offset) => new(0, offset + 1 < events.Length ? events[offset + 1] : default);

    private static double FoldRate(DecisionEngine engine, byte[][] events, byte[] key, int warm)
    {
        TimeSpan cpuBefore = default;
        for (int offset = 0; offset < events.Length; offset++)
        {
            cpuBefore = offset == warm ? Environment.CpuUsage.TotalTime : cpuBefore;
            engine.Fold(offset, 0, key, events[offset], Next(events, offset));
        }

        return (events.Length - warm) / (Environment.CpuUsage.TotalTime - cpuBefore).TotalSeconds;
    }

    private static double HashRate(byte[][] events, TimeSpan time)
    {
        Span<byte> hash = stackalloc byte[32];
        long count = 0;
        long started = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(started) < time)
        {
            for (int i = 0; i < 10_000; i++, count++)
            {
                System.Security.Cryptography.SHA256.HashData(events[count % events.Length], hash);
            }
        }

        return count / Stopwatch.GetElapsedTime(started).TotalSeconds;
    }

    private static byte[][] Events(int count)
    {
        var random = new Random(5);
        string[] countries = ["DE", "FR", "US", "GB", "IR", "PL"];
        return
        [
            .. Enumerable.Range(0, count).Select(i => Encoding.UTF8.GetBytes(string.Create(
                CultureInfo.InvariantCulture,
                $$"""{"account":"a{{random.Next(Keys)}}","merchant":"m{{random.Next(500)}}","country":"{{countries[random.Next(6)]}}","amount":{{random.Next(100, 2_000_000) / 100.0}},"time":{{1_700_000_000_000L + (i * 20L)}}}"""))),
        ];
    }

    private static string PolicyText()
    {
        var text = new StringBuilder("""
            name: bench
            version: "1"
            event:
              key: account
              time: { field: time, format: unix-ms }
              fields:
                account: string
                merchant: string
                country: string
                amount: double
                time: int
            windows:
              count_1h: { key: event.account, aggregate: count, over: 1h }
              sum_1d: { key: event.account, aggregate: sum, value: event.amount, over: 24h }
              merchants_1h: { key: event.account, aggregate: distinct, value: event.merchant, over: 1h }
            fallback: { outcome: hold }
            rules:

            """);
        for (int i = 0; i < Rules; i++)
        {
            string when = (i % 5) switch
            {
                0 => $"event.amount > {9_000 + (i * 300)}.0 && event.country in ['IR', 'KP']",
                1 => $"windows.count_1h > {3 + i}",
                2 => $"windows.sum_1d > {20_000 + (i * 1_000)}.0 && event.amount >= 100.0",
                3 => $"windows.merchants_1h >= {2 + i} || event.merchant == 'm{i}'",
                _ => $"event.country != 'DE' && event.amount * 2.0 > {30_000 + i}.0",
            };
            text.AppendLine(CultureInfo.InvariantCulture, $"  - {{ id: rule-{i}, when: \"{when}\", score: {i + 1}, reason: 'rule {i} on an amount' }}");
        }

        return text.ToString();
    }
}
