using PipeRoll.Policies.Tests.Support;

namespace PipeRoll.Policies.Tests.Engine;

/// <summary>What a policy's author sees of windows.</summary>
public class WindowSemanticsTests
{
    [Fact]
    public void EventLeavesWhenItIsAsOldAsTheWindow()
    {
        Assert.Equal([1, 2, 2], Values("{ key: event.account, aggregate: count, over: 10ms }", ("a", 0), ("a", 9), ("a", 10)));
    }

    [Fact]
    public void LateEventTakesThePlaceOfItsOwnTime()
    {
        // At 12 the window is (2, 12]: the late 5 is in it, the late 1 never enters; at 16 the 5 has left.
        const string Window = "{ key: event.account, aggregate: count, over: 10ms }";
        Assert.Equal([1, 2, 2, 2], Values(Window, ("a", 12), ("a", 5), ("a", 1), ("a", 16)));
    }

    [Fact]
    public void CurrentEventCanBeLeftOut()
    {
        const string Window = "{ key: event.account, aggregate: count, over: 1s, current: excluded }";
        Assert.Equal([0, 1, 2], Values(Window, ("a", 0), ("a", 1), ("a", 2)));
    }

    [Fact]
    public void KeysAreApart()
    {
        Assert.Equal([1, 1, 2], Values("{ key: event.account, aggregate: count, over: 1s }", ("a", 0), ("b", 1), ("a", 2)));
    }

    [Fact]
    public void KeyIsTheSameHoweverItsTextIsEscaped() =>
        Assert.Equal([1, 2, 3], Values("{ key: event.account, aggregate: count, over: 1s }", ("né", 0), ("n\\u00e9", 1), ("\\u006eé", 2)));

    [Fact]
    public void KeyCanBeComputed()
    {
        PolicyBundle policy = Make.WithWindow("{ key: 'event.account + string(int(event.amount))', aggregate: count, over: 1s }");
        DecisionRecord[] records = Decide(policy, Make.Event("a", 1.2, 0), Make.Event("a", 1.9, 1), Make.Event("a", 2, 2));
        Assert.Equal([1, 2, 1], records.Select(record => record.Windows[0].Value!.Value));
    }

    [Fact]
    public void KeyThatIsTooLongIsAnError()
    {
        PolicyBundle policy = Make.WithWindow("{ key: event.account, aggregate: count, over: 1s }");
        Assert.Contains("longer than 1024 bytes", Decide(policy, Make.Event(new string('a', 1_025), 1, 0))[0].Windows[0].Error);
        Assert.Equal(1, Decide(policy, Make.Event(new string('a', 1_024), 1, 0))[0].Windows[0].Value);
    }

    [Fact]
    public void WhereChoosesWhatCounts()
    {
        const string Window = "{ key: event.account, aggregate: count, over: 1s, where: event.amount > 5.0 }";
        DecisionRecord[] records = Decide(Make.WithWindow(Window), Make.Event("a", 10, 0), Make.Event("a", 1, 1), Make.Event("a", 6, 2));
        Assert.Equal([1, 1, 2], records.Select(record => record.Windows[0].Value!.Value));
    }

    [Theory]
    [InlineData("sum", 60.3)]
    [InlineData("avg", 20.1)]
    [InlineData("min", 10.1)]
    [InlineData("max", 30.1)]
    public void NumbersAreAggregated(string aggregate, double expected)
    {
        PolicyBundle policy = Make.WithWindow($"{{ key: event.account, value: event.amount, aggregate: {aggregate}, over: 1s }}");
        DecisionRecord[] records = Decide(policy, Make.Event("a", 30.1, 0), Make.Event("a", 10.1, 1), Make.Event("a", 20.1, 2));
        Assert.Equal(expected, records[^1].Windows[0].Value);
    }

    [Fact]
    public void DistinctCountsDifferentValues()
    {
        PolicyBundle policy = Make.WithWindow("{ key: event.country, value: event.account, aggregate: distinct, over: 1s }");
        DecisionRecord[] records = Decide(
            policy,
            Make.Event("a", 1, 0, ",\"country\":\"DE\""),
            Make.Event("b", 1, 1, ",\"country\":\"DE\""),
            Make.Event("a", 1, 2, ",\"country\":\"DE\""));
        Assert.Equal([1, 2, 2], records.Select(record => record.Windows[0].Value!.Value));
    }

    [Fact]
    public void MissingKeyIsAnErrorOfTheWindowAndOfTheRulesThatReadIt()
    {
        PolicyBundle policy = Make.Policy(
            "windows:\n  w: { key: event.country, aggregate: count, over: 1s }\n"
            + "rules:\n  - { id: reads, when: windows.w > 1, outcome: block }\n"
            + "  - { id: other, when: event.amount > 0.0, labels: [seen] }");
        DecisionRecord record = new DecisionEngine(policy, "t", 0).Decide(Make.Event("a", 1, 0));
        Assert.Contains("no 'country'", record.Rules[0].Error);
        Assert.Contains("no 'country'", record.Windows[0].Error);
        Assert.True(record.Rules[1].Held);
        Assert.Equal(Outcome.Hold, record.Outcome);
        Assert.Equal(["seen", "unreadable"], record.Labels);
    }

    [Fact]
    public void EventThatDoesNotCountNeedsNoKey()
    {
        PolicyBundle policy = Make.WithWindow("{ key: event.country, aggregate: count, over: 1s, where: has(event.country) }");
        DecisionRecord record = new DecisionEngine(policy, "t", 0).Decide(Make.Event("a", 1, 0));
        Assert.Equal(0, record.Windows[0].Value);
        Assert.Equal(Outcome.Allow, record.Outcome);
    }

    [Fact]
    public void EmptyAverageHasNoValueUnlessThePolicyGivesOne()
    {
        PolicyBundle policy = Make.Policy(
            "windows:\n"
            + "  bare: { key: event.account, value: event.amount, aggregate: avg, over: 1s, current: excluded }\n"
            + "  given: { key: event.account, value: event.amount, aggregate: avg, over: 1s, current: excluded, empty: 5 }\n"
            + "rules:\n"
            + "  - { id: asks, when: has(windows.bare) && windows.bare > 1.0, labels: [x] }\n"
            + "  - { id: reads, when: windows.bare > 1.0, labels: [y] }\n"
            + "  - { id: given, when: windows.given == 5.0, labels: [z] }");
        DecisionRecord record = new DecisionEngine(policy, "t", 0).Decide(Make.Event("a", 1, 0));
        Assert.False(record.Rules[0].Held);
        Assert.Contains("empty: 0", record.Rules[1].Error);
        Assert.True(record.Rules[2].Held);
        Assert.Null(record.Windows[0].Value);
        Assert.Equal(5, record.Windows[1].Value);
    }

    [Fact]
    public void BoundsAreNamedInTheRecord()
    {
        PolicyBundle policy = Make.WithWindow("{ key: event.account, aggregate: count, over: 1s, eventsPerKeyMax: 2 }");
        DecisionRecord[] records = Decide(policy, Make.Event("a", 1, 0), Make.Event("a", 1, 1), Make.Event("a", 1, 2));
        Assert.Empty(records[1].Clipped);
        Assert.Equal(["w"], records[2].Clipped);
        Assert.Equal(2, records[2].Windows[0].Value);
    }

    private static IEnumerable<double> Values(string window, params (string Account, long TimeMs)[] events) =>
        Decide(Make.WithWindow(window), [.. events.Select(e => Make.Event(e.Account, 1, e.TimeMs))])
            .Select(record => record.Windows[0].Value!.Value);

    private static DecisionRecord[] Decide(PolicyBundle policy, params byte[][] events)
    {
        var engine = new DecisionEngine(policy, "t", 0);
        return [.. events.Select(value => engine.Decide(value))];
    }
}
