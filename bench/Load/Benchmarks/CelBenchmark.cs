using System.Diagnostics;
using System.Text;
using PipeRoll.Cel;

namespace PipeRoll.Load.Benchmarks;

/// <summary>Expressions alone, on one thread: a rule over a host's struct; the yardstick is the same rule in C#.</summary>
internal static class CelBenchmark
{
    private const string Rule = "event.amount > 1000.0 && event.country in ['IR', 'KP'] && event.count >= 5";
    private const int Batch = 100_000;

    public static void Expressions(BenchContext context)
    {
        CelEnvironment environment = new CelEnvironment.Builder().Extensions(CelExtensions.All).Variable("event", Payment.Type.Type).Build();
        CelProgram rule = environment.Compile(Rule);
        var payment = new Payment();
        CelValue[] variables = [CelValue.Struct(payment)];
        double byHand = Nanoseconds(context, () => payment.Amount > 1000.0 && payment.IsListed && payment.Count >= 5);
        double compiled = Nanoseconds(context, () => rule.TryEvaluateBool(variables, out bool holds, out _) && holds);
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int round = 0; round < Batch; round++)
        {
            rule.TryEvaluateBool(variables, out _, out _);
        }

        double allocated = (GC.GetAllocatedBytesForCurrentThread() - before) / (double)Batch;
        double compile = Nanoseconds(context, () => environment.Compile(Rule).WorstCost.Worst > 0) / 1000;
        context.Report.Add("cel", "yardstick: the rule in C#", byHand, "ns");
        context.Report.Add("cel", "a rule of three terms over a struct", compiled, "ns");
        context.Report.Add("cel", "allocated by it", allocated, "bytes", "0");
        context.Report.Add("cel", "parsed, checked, its worst cost computed, compiled", compile, "us");
    }

    // The best of many batches: neighbours only ever make it slower.
    private static double Nanoseconds(BenchContext context, Func<bool> action)
    {
        double best = double.MaxValue;
        long until = Stopwatch.GetTimestamp() + (long)(context.Scale(2).TotalSeconds * Stopwatch.Frequency);
        int batch = 1000;
        while (Stopwatch.GetTimestamp() < until)
        {
            bool all = true;
            long started = Stopwatch.GetTimestamp();
            for (int round = 0; round < batch; round++)
            {
                all &= action();
            }

            double each = Stopwatch.GetElapsedTime(started).TotalNanoseconds / batch;
            best = all ? Math.Min(best, each) : throw new InvalidOperationException("The rule does not hold.");
        }

        return best;
    }

    private sealed class Payment : CelStruct
    {
        public static readonly CelStructType Type = new(
            "Payment", new CelField("amount", CelType.Double), new CelField("country", CelType.String), new CelField("count", CelType.Int));

        private readonly byte[] _country = [(byte)'K', (byte)'P'];

        public double Amount { get; set; } = 2000;

        public long Count { get; set; } = 7;

        public bool IsListed => _country.AsSpan().SequenceEqual("IR"u8) || _country.AsSpan().SequenceEqual("KP"u8);

        public string Country => Encoding.UTF8.GetString(_country);

        public override CelStructType StructType => Type;

        public override CelValue GetField(int index) => index switch
        {
            0 => CelValue.Double(Amount),
            1 => CelValue.String(Country),
            _ => CelValue.Int(Count),
        };

        public override bool HasField(int index) => true;

        public override bool TryGetDouble(int index, out double value)
        {
            value = Amount;
            return index == 0;
        }

        public override bool TryGetInt(int index, out long value)
        {
            value = Count;
            return index == 2;
        }

        public override bool TryGetUtf8(int index, out ReadOnlySpan<byte> utf8)
        {
            utf8 = _country;
            return index == 1;
        }
    }
}
