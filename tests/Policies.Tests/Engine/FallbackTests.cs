using System.Text;
using PipeRoll.Policies.Tests.Support;

namespace PipeRoll.Policies.Tests.Engine;

/// <summary>What cannot be read or judged is decided all the same, with a full record, and the stream goes on.</summary>
public class FallbackTests
{
    private static readonly PolicyBundle Policy = Make.Policy(
        "rules:\n  - { id: large, when: event.amount > 100.0, outcome: block, score: 10 }\n"
        + "  - { id: division, when: 'has(event.count) && 10 / event.count > 1', outcome: alert, score: 5 }\n"
        + "thresholds: [ { score: 0, outcome: block } ]");

    [Theory]
    [InlineData("", "the event has no value")]
    [InlineData("nonsense", "not valid JSON after byte 0")]
    [InlineData("[]", "not a JSON object")]
    [InlineData("null", "not a JSON object")]
    [InlineData("{\"account\":\"a\",\"amount\":1,\"time\":1", "not valid JSON")]
    [InlineData("{\"account\":\"a\",\"amount\":1,\"time\":1} x", "not valid JSON")]
    [InlineData("{\"account\":\"a\",\"amount\":1,\"time\":1,}", "not valid JSON")]
    [InlineData("{\"account\":\"a\",\"time\":1}", "the event has no 'amount'")]
    [InlineData("{\"account\":null,\"amount\":1,\"time\":1}", "'account' is null and not optional")]
    [InlineData("{\"account\":5,\"amount\":1,\"time\":1}", "'account' is no text")]
    [InlineData("{\"account\":\"a\",\"amount\":\"1\",\"time\":1}", "'amount' is no finite number")]
    [InlineData("{\"account\":\"a\",\"amount\":1e999,\"time\":1}", "'amount' is no finite number")]
    [InlineData("{\"account\":\"a\",\"amount\":1,\"time\":\"now\"}", "'time' is no number of milliseconds since 1970")]
    [InlineData("{\"account\":\"a\",\"amount\":1,\"time\":1e30}", "'time' is no number of milliseconds since 1970")]
    [InlineData("{\"account\":\"a\",\"amount\":1,\"time\":1,\"count\":1.5}", "'count' is no 64-bit whole number")]
    [InlineData("{\"account\":\"a\",\"amount\":1,\"time\":1,\"flag\":1}", "'flag' is no true or false")]
    [InlineData("{\"account\":\"a\",\"amount\":1,\"time\":1,\"account\":\"b\"}", "the event has 'account' twice")]
    [InlineData("{\"account\":\"\\ud800\",\"amount\":1,\"time\":1}", "no Unicode")]
    public void UnreadableEventGetsTheFallback(string json, string error)
    {
        var engine = new DecisionEngine(Policy, "t", 0);
        byte[] before = engine.StateHash.ToArray();
        DecisionRecord record = engine.Decide(json);
        Assert.Equal(Outcome.Hold, record.Outcome);
        Assert.Contains(error, record.Error);
        Assert.Equal(["unreadable"], record.Labels);
        Assert.Empty(record.Rules);
        Assert.Null(record.EventTimeMs);
        Assert.NotEqual(before, engine.StateHash.ToArray());
        Assert.Equal(1, engine.NextOffset);
        Assert.Null(engine.Decide(Make.Event("a", 1, 1)).Error);
    }

    [Fact]
    public void BytesThatAreNoTextGetTheFallback()
    {
        byte[] json = Make.Event("a?", 1, 1);
        json[Array.IndexOf(json, (byte)'?')] = 0xFF;
        Assert.Equal("the event is not valid UTF-8", new DecisionEngine(Policy, "t", 0).Decide(json).Error);
    }

    [Fact]
    public void RuleThatFailsNamesItsErrorAndTheOthersStand()
    {
        DecisionRecord record = new DecisionEngine(Policy, "t", 0).Decide(Make.Event("a", 200, 1, ",\"count\":0"));
        Assert.True(record.Rules[0].Held);
        Assert.Contains("zero", record.Rules[1].Error);
        Assert.Equal(Outcome.Block, record.Outcome);
        Assert.Equal(10, record.Score);
        Assert.Null(record.Error);
        Assert.Equal(["unreadable"], record.Labels);
    }

    [Fact]
    public void FarFutureIsRefusedWhenThePolicySaysSo()
    {
        string head = Make.Head.Replace("format: unix-ms }", "format: unix-ms, aheadMax: 1m }");
        PolicyBundle policy = PolicyBundle.Parse(new PolicySource("t", head + "rules: [{ id: r, when: 'true', score: 1 }]" + Make.Tail));
        var engine = new DecisionEngine(policy, "t", 0);
        Assert.Null(engine.Decide(Make.Event("a", 1, 61_000)).Error);
        Assert.Contains("60001 ms after the record's timestamp", engine.Decide(Make.Event("a", 1, 61_001)).Error);
    }

    [Fact]
    public void OffsetsGoForward()
    {
        var engine = new DecisionEngine(Policy, "t", 0);
        engine.Decide(5, 0, default, Make.Event("a", 1, 1));
        Assert.Equal(6, engine.NextOffset);
        string hash = Convert.ToHexString(engine.StateHash);
        Assert.Throws<InvalidOperationException>(() => engine.Decide(5, 0, default, Make.Event("a", 1, 1)));
        Assert.Equal(hash, Convert.ToHexString(engine.StateHash));
        engine.Decide(9, 0, default, Make.Event("a", 1, 1));
        Assert.Equal(10, engine.NextOffset);
    }

    [Fact]
    public void UndeclaredFieldsAreSkippedHoweverDeepAndEscapedNamesAreRead()
    {
        const string Json = """
            {"x":{"y":[1,{"account":"no"}]},"acc\u006funt":"\u00e9\n","amount":1.5,"time":7,"z":null}
            """;
        DecisionRecord record = new DecisionEngine(Policy, "t", 0).Decide(Json);
        Assert.Null(record.Error);
        Assert.Equal(7, record.EventTimeMs);
    }

    [Fact]
    public void KeyThatIsNoTextIsInTheRecordAsBase64()
    {
        Decision decision = new DecisionEngine(Policy, "t", 0).Decide(0, 1, [0xFF, 0xFE], Make.Event("a", 1, 1));
        Assert.Contains("\"keyBase64\":\"//4=\"", Encoding.UTF8.GetString(decision.Record.Span));
        Assert.Null(DecisionRecord.Parse(decision.Record.Span).Key);
    }
}
