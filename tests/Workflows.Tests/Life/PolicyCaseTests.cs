using PipeRoll.Policies;
using PipeRoll.Workflows.Life;

namespace PipeRoll.Workflows.Tests.Life;

/// <summary>Unit cases of policies, and the time of their records.</summary>
public sealed class PolicyCaseTests
{
    private const string OfRecords = """
        name: p
        version: "1"
        event:
          key: account
          time: record
          fields: { account: string, amount: double }
        windows:
          spent: { key: event.account, value: event.amount, aggregate: sum, over: 1h }
        rules:
          - { id: big, when: windows.spent > 100.0, outcome: block, reason: much }
        fallback: { outcome: hold }
        """;

    private static readonly string OfEvents = OfRecords
        .Replace("time: record", "time: { field: at, format: iso8601, aheadMax: 1d }", StringComparison.Ordinal)
        .Replace("amount: double }", "amount: double, at: timestamp }", StringComparison.Ordinal);

    [Theory]
    [InlineData("""["2026-11-27T09:00:00Z","2026-11-27T09:59:59Z"]""", "block")]
    [InlineData("""["2026-11-27T09:00:00Z","2026-11-27T10:00:01Z"]""", "allow")]
    [InlineData("[1795770000000,1795773599000]", "block")]
    public void RecordsAreAsOldAsTheCaseSays(string timestamps, string outcome)
    {
        string text = $$$"""{"name":"two","events":[{"account":"a","amount":60},{"account":"a","amount":60}],"timestamps":{{{timestamps}}},"expect":{"outcome":"{{{outcome}}}"}}""";
        (PolicyTestResult result, IReadOnlyList<string> failures) = PolicyCase.RunAll(Policy(OfRecords), text);
        Assert.True(result.Passed, string.Join('\n', failures));
    }

    /// <summary>A record is as old as its event, so that no event is too far ahead of it.</summary>
    [Fact]
    public void EventsWithATimeOfTheirOwnNeedNoOther()
    {
        const string Text = """
            {"name":"late","events":[{"account":"a","amount":60,"at":"2026-11-27T09:00:00Z"},{"account":"a","amount":60,"at":"2026-11-27T09:30:00Z"}],"expect":{"outcome":"block"}}
            {"name":"ahead","events":[{"account":"a","amount":60,"at":"2026-11-29T09:00:00Z"}],"timestamps":["2026-11-27T09:00:00Z"],"expect":{"outcome":"hold"}}
            {"name":"unreadable","events":[{"account":"a"}],"expect":{"outcome":"hold"}}
            """;
        (PolicyTestResult result, IReadOnlyList<string> failures) = PolicyCase.RunAll(Policy(OfEvents), Text);
        Assert.True(result.Passed, string.Join('\n', failures));
    }

    [Theory]
    [InlineData("""{"name":"x","events":[{"account":"a","amount":1}],"expect":{"outcome":"allow"}}""", "`time: record`")]
    [InlineData("""{"name":"x","events":[{"account":"a","amount":1}],"timestamps":[],"expect":{"outcome":"allow"}}""", "line 1: there are 0 timestamps for 1 events")]
    [InlineData("""{"name":"x","events":[{"account":"a","amount":1}],"timestamps":["noon"],"expect":{"outcome":"allow"}}""", "\"noon\" is no timestamp")]
    public void MissingAndWrongTimestampsAreRefusedInWords(string text, string message) =>
        Assert.Contains(message, Assert.Throws<FormatException>(() => PolicyCase.RunAll(Policy(OfRecords), text)).Message, StringComparison.Ordinal);

    private static PolicyBundle Policy(string text) => new PolicyFiles(text, new Dictionary<string, byte[]>(), null).Parse();
}
