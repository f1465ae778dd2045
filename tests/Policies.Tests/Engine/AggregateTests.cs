using CsCheck;
using PipeRoll.Policies.Tests.Support;

namespace PipeRoll.Policies.Tests.Engine;

/// <summary>The aggregates as policies write them.</summary>
public class AggregateTests
{
    private static readonly PolicyBundle Policy = Make.Policy(
        """
        windows:
          spread: { key: event.account, value: event.amount, aggregate: stddev, over: 1s, empty: 0 }
          first: { key: event.account, value: event.amount, aggregate: first, over: 1s, empty: -1 }
          last: { key: event.account, value: event.amount, aggregate: last, over: 1s, current: excluded, empty: -1 }
          rate: { key: event.account, aggregate: rate, over: 10s }
          since: { key: event.account, aggregate: since, over: 1m, empty: -1 }
          about: { key: event.account, value: "event.amount > 3.0 ? 'high' : 'low'", aggregate: distinctApprox, over: 1s }
          minute: { key: event.account, aggregate: count, over: 1s, kind: tumbling, late: 500ms, bytesMax: 100000 }
          late: { key: event.account, aggregate: count, over: 1m, late: 100ms }
        rules:
          - { id: r, when: windows.spread > 1.0 && windows.since >= 0.0 && windows.about > 0, score: 1 }
        """);

    [Fact]
    public void AggregatesAreWhatTheyAreCalled()
    {
        var engine = new DecisionEngine(Policy, "t", 0);
        engine.Decide(Make.Event("a", 2, 10_100));
        engine.Decide(Make.Event("a", 4, 10_600));
        DecisionRecord record = engine.Decide(Make.Event("a", 6, 10_850));
        Assert.Equal(
            [Math.Sqrt(8 / 3.0), 2, 4, 0.3, 0.25, 2, 3, 3],
            record.Windows.Select(window => window.Value!.Value));
        record = engine.Decide(Make.Event("a", 1, 10_600));
        Assert.Equal([4, 3], record.Windows.TakeLast(2).Select(window => window.Value!.Value));
        record = engine.Decide(Make.Event("b", 1, 11_000));
        Assert.Equal([0, 1, -1, 0.1, -1, 1, 1, 1], record.Windows.Select(window => window.Value!.Value));
        Assert.Equal(["spread", "first"], engine.Usage.Take(2).Select(usage => usage.Window));
        Assert.All(engine.Usage, usage => Assert.True(usage is { Keys: 2, Events: >= 2, Bytes: > 200 }));
    }

    [Fact]
    public void RestartsAnywhereGiveTheSameBytes() =>
        Gen.Select(Gen.Select(Gen.Int[0, 3], Gen.Int[0, 9], Gen.Int[0, 4_000]).Array[1, 60], Gen.Int[0, 60]).Sample(
            (events, cut) =>
            {
                var through = new DecisionEngine(Policy, "t", 0);
                var restarted = new DecisionEngine(Policy, "t", 0);
                for (int i = 0; i < events.Length; i++)
                {
                    if (i == cut)
                    {
                        restarted = DecisionEngine.Restore(Policy, "t", 0, restarted.Snapshot());
                    }
                    byte[] json = Make.Event($"k{events[i].Item1}", events[i].Item2, events[i].Item3);
                    byte[] expected = through.Decide(i, 0, "k"u8, json).Record.ToArray();
                    Assert.Equal(expected, restarted.Decide(i, 0, "k"u8, json).Record.ToArray());
                }
                Assert.Equal(through.Snapshot(), restarted.Snapshot());
            },
            iter: 300,
            seed: "0N0XIzNsQ0O2");

    [Theory]
    [InlineData("{ key: event.account, aggregate: since, over: 1s, current: included }", "makes every `since` 0")]
    [InlineData("{ key: event.account, aggregate: rate, value: event.amount, over: 1s }", "a rate takes no `value`")]
    [InlineData("{ key: event.account, aggregate: stddev, over: 1s }", "has no `value`")]
    [InlineData("{ key: event.account, aggregate: count, over: 1s, kind: hopping }", "`kind` is 'hopping'")]
    [InlineData("{ key: event.account, aggregate: count, over: 1s, kind: tumbling, late: 1h }", "more than 100 lengths")]
    public void WrongWindowsAreRefused(string window, string message) =>
        Assert.Contains(message, Assert.Throws<PolicyException>(() => Make.WithWindow(window)).Message);

    [Fact]
    public void PoliciesThatUseNothingNewKeepTheirHash()
    {
        Assert.DoesNotContain("tumbling", System.Text.Encoding.UTF8.GetString(EventStream.Policy.CanonicalBytes.Span));
        Assert.NotEqual(
            Make.WithWindow("{ key: event.account, aggregate: count, over: 1s }").Hash,
            Make.WithWindow("{ key: event.account, aggregate: count, over: 1s, kind: tumbling }").Hash);
    }
}
