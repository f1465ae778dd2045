using System.Text;
using CsCheck;
using PipeRoll.Policies.Snapshots;
using PipeRoll.Policies.Windows;

namespace PipeRoll.Policies.Tests.Windows;

public class KeyedWindowTests
{
    private static readonly Gen<(string Key, long TimeMs, bool Counts, double Value, string Text)> Observation = Gen.Select(
        Gen.Int[0, 5].Select(i => $"k{i}"),
        Gen.Frequency((8, Gen.Long[0, 300]), (1, Gen.Long[0, 2_000])),
        Gen.Frequency((4, Gen.Const(true)), (1, Gen.Const(false))),
        Gen.Int[-500, 500].Select(i => i / 100.0),
        Gen.Int[0, 4].Select(i => $"t{i}"));

    private static readonly Gen<PolicyWindow> AnyWindow = Gen.Select(
        Gen.Enum<WindowAggregate>(), Gen.Long[1, 200], Gen.Bool, Gen.Bool, Gen.Int[1, 6], Gen.Int[1, 6],
        Gen.Select(Gen.Bool, Gen.Long[0, 300].Nullable(), Gen.Bool))
        .Select((aggregate, overMs, current, empty, keysMax, eventsPerKeyMax, more) =>
        {
            // What min, max and distinct keep is less than all events, so their bounds bite elsewhere than the naive ones.
            bool plain = aggregate is not (WindowAggregate.Min or WindowAggregate.Max or WindowAggregate.Distinct or WindowAggregate.DistinctApprox);
            int perKeyMax = plain ? eventsPerKeyMax : 10_000;
            (bool tumbling, long? late, bool small) = more;
            return new PolicyWindow(
                "w", "", "", "", aggregate, overMs, current && aggregate != WindowAggregate.Since, empty ? 7 : null, keysMax, perKeyMax, plain ? 20 : 10_000)
            {
                IsTumbling = tumbling,
                LateMs = late,
                BytesMax = small && plain && !tumbling ? 300 : PolicyWindow.BytesMaxDefault,
            };
        });

    [Fact]
    public void EqualsTheNaiveWindowForAnyEvents() =>
        Gen.Select(AnyWindow, Observation.Array[0, 120]).Sample(
            (window, observations) =>
            {
                var state = new KeyedWindow(window);
                var naive = new NaiveWindow(window);
                foreach ((string key, long timeMs, bool counts, double value, string text) in observations)
                {
                    WindowReading reading = Observe(state, key, timeMs, counts, value, text);
                    double? got = reading.IsEmpty ? null : reading.Value;
                    double? expected = naive.Observe(key, timeMs, counts, value, text);
                    Assert.Equal(expected is null, got is null);
                    Assert.Equal(expected ?? 0, got ?? 0, 9);
                }
            },
            iter: 2_000,
            seed: "0N0XIzNsQ0O2");

    [Fact]
    public void RestoredStateHasTheSameBytesAndGoesOnAlike() =>
        Gen.Select(AnyWindow, Observation.Array[0, 80], Gen.Int[0, 80]).Sample(
            (window, observations, cut) =>
            {
                var state = new KeyedWindow(window);
                KeyedWindow restored = state;
                for (int i = 0; i < observations.Length; i++)
                {
                    if (i == cut)
                    {
                        byte[] bytes = BytesOf(window, state);
                        restored = Restore(window, bytes);
                        Assert.Equal(bytes, BytesOf(window, restored));
                    }
                    (string key, long timeMs, bool counts, double value, string text) = observations[i];
                    WindowReading expected = Observe(state, key, timeMs, counts, value, text);
                    if (!ReferenceEquals(state, restored))
                    {
                        Assert.Equal(expected, Observe(restored, key, timeMs, counts, value, text));
                    }
                }
                Assert.Equal(BytesOf(window, state), BytesOf(window, restored));
            },
            iter: 800,
            seed: "0N0XIzNsQ0O2");

    [Fact]
    public void ApproximateCountStaysWithinItsStatedError()
    {
        var window = new PolicyWindow("w", "", "", "", WindowAggregate.DistinctApprox, 100, true, null, 10, 1_000_000, 1_000_000);
        foreach (int different in (int[])[10, 500, 5_000, 30_000])
        {
            var state = new KeyedWindow(window);
            double value = 0;
            for (int i = 0; i < different * 2; i++)
            {
                value = Observe(state, "k", i % 50, true, 0, $"card-{i % different}").Value;
            }
            // Three standard errors.
            Assert.InRange(value, different * 0.93, different * 1.07);
            Assert.InRange(state.EventCount, 1, 40_000);
            Assert.Equal(1, Observe(state, "k", 149, true, 0, "one").Value);
        }
    }

    [Fact]
    public void TumblingLengthsFollowEachOther()
    {
        var window = new PolicyWindow("w", "", "", "", WindowAggregate.Count, 10, true, null, 10, 100, 100) { IsTumbling = true, LateMs = 10 };
        var state = new KeyedWindow(window);
        Assert.Equal(1, Observe(state, "k", 1, true, 0, "").Value);
        Assert.Equal(2, Observe(state, "k", 9, true, 0, "").Value);
        Assert.Equal(1, Observe(state, "k", 10, true, 0, "").Value);
        Assert.Equal(3, Observe(state, "k", 5, true, 0, "").Value);
        Assert.Equal(1, Observe(state, "k", 20, true, 0, "").Value);
        Assert.Equal(0, Observe(state, "k", 5, true, 0, "").Value);
        Assert.Equal(2, Observe(state, "k", 15, true, 0, "").Value);
        Assert.Equal(3, state.EventCount);
    }

    [Fact]
    public void BytesAreMeteredAndBounded()
    {
        var window = new PolicyWindow("w", "", "", "", WindowAggregate.Distinct, 1_000, true, null, 1_000, 1_000, 1_000) { BytesMax = 2_000 };
        var state = new KeyedWindow(window);
        for (int i = 0; i < 500; i++)
        {
            Observe(state, $"k{i % 40}", i, true, 0, new string('x', i % 30));
            Assert.InRange(state.ByteCount, 1, 2_000);
        }
        byte[] bytes = BytesOf(window, state);
        Assert.Equal(state.ByteCount, Restore(window, bytes).ByteCount);
    }

    [Fact]
    public void SumForgetsWithoutATrace()
    {
        var window = new PolicyWindow("w", "", "", "", WindowAggregate.Sum, 10, true, null, 10, 100, 100);
        var state = new KeyedWindow(window);
        Observe(state, "k", 0, true, 1e15, "");
        Observe(state, "k", 1, true, 0.1, "");
        Observe(state, "k", 2, true, 0.2, "");
        Assert.Equal(0.3 + 0.7, Observe(state, "k", 10, true, 0.7, "").Value, 15);
        Assert.Equal(0.7, Observe(state, "k", 19, true, 0, "").Value);
    }

    [Fact]
    public void OldestKeyGoesFirstAndTheSmallerNameAmongEquals()
    {
        var window = new PolicyWindow("w", "", "", "", WindowAggregate.Count, 1_000, true, null, 2, 100, 100);
        var state = new KeyedWindow(window);
        Observe(state, "b", 5, true, 0, "");
        Observe(state, "a", 5, true, 0, "");
        Observe(state, "c", 6, true, 0, "");
        Assert.Equal(2, Observe(state, "b", 7, true, 0, "").Value);
        Assert.Equal(1, Observe(state, "a", 8, true, 0, "").Value);
    }

    [Fact]
    public void ClippedValueIsMarkedUntilTheDroppedEventWouldHaveLeft()
    {
        var window = new PolicyWindow("w", "", "", "", WindowAggregate.Count, 10, true, null, 10, 2, 100);
        var state = new KeyedWindow(window);
        Assert.False(Observe(state, "k", 0, true, 0, "").IsClipped);
        Assert.False(Observe(state, "k", 1, true, 0, "").IsClipped);
        Assert.Equal(new WindowReading(2, false, true), Observe(state, "k", 2, true, 0, ""));
        Assert.False(Observe(state, "k", 10, false, 0, "").IsClipped);
    }

    [Fact]
    public void BurstGivesItsMemoryBack()
    {
        var window = new PolicyWindow("w", "", "", "", WindowAggregate.Sum, 1_000, true, null, 10, 100_000, 100_000);
        var state = new KeyedWindow(window);
        for (int i = 0; i < 50_000; i++)
        {
            Observe(state, "k", 1, true, 1, "");
        }
        Assert.Equal(50_000, state.EventCount);
        Assert.Equal(1, Observe(state, "k", 2_000, true, 1, "").Value);
        Assert.Equal(1, state.EventCount);
    }

    [Theory]
    [InlineData(0.1)]
    [InlineData(163.3)]
    [InlineData(-9_999.99)]
    [InlineData(1_234_567.89)]
    [InlineData(987_654_321.01)]
    [InlineData(1e15)]
    [InlineData(0)]
    public void UnitsGiveTheValueBack(double value) => Assert.Equal(value, ExactSum.ToDouble(ExactSum.ToUnits(value)));

    private static WindowReading Observe(KeyedWindow state, string key, long timeMs, bool counts, double value, string text) =>
        state.Observe(Encoding.UTF8.GetBytes(key), timeMs, counts, value, Encoding.UTF8.GetBytes(text));

    private static byte[] BytesOf(PolicyWindow window, KeyedWindow state)
    {
        var writer = new ByteWriter();
        WindowSnapshot.Write(writer, window, state);
        return writer.Written.ToArray();
    }

    private static KeyedWindow Restore(PolicyWindow window, byte[] bytes)
    {
        var reader = new ByteReader(bytes);
        return WindowSnapshot.Read(ref reader, window);
    }
}
