using System.Text;
using System.Text.Json;
using CsCheck;
using PipeRoll.Policies.Tests.Support;

namespace PipeRoll.Policies.Tests.Events;

/// <summary>Whatever comes as an event gives a decision and a record that is valid JSON; the partition goes on.</summary>
public class EventFuzzTests
{
    private static readonly byte[] Good = Make.Event(
        "ann lee", 12.5, 77, ",\"country\":\"DE\",\"flag\":true,\"count\":3,\"x\":{\"y\":[1,\"\\u00e9\"]}");

    [Fact]
    public void ChangedEventsAreDecided()
    {
        var engine = new DecisionEngine(EventStream.Policy, "t", 0);
        Gen.Select(Gen.Select(Gen.Int[0, Good.Length - 1], Gen.Byte).Array[0, 4], Gen.Int[0, 10]).Sample(
            (changes, cut) =>
            {
                byte[] value = Good[..^cut];
                foreach ((int at, byte b) in changes)
                {
                    value[Math.Min(at, value.Length - 1)] = b;
                }
                Check(engine, value);
            },
            iter: 5_000,
            seed: "0N0XIzNsQ0O2",
            threads: 1);
    }

    [Fact]
    public void RandomBytesAreDecided()
    {
        var engine = new DecisionEngine(EventStream.Policy, "t", 0);
        Gen.Byte.Array[0, 100].Sample(value => Check(engine, value), iter: 5_000, threads: 1);
    }

    [Fact]
    public void RandomTextsInFieldsAreDecided()
    {
        var engine = new DecisionEngine(EventStream.Policy, "t", 0);
        Gen.String.Sample(
            text => Check(engine, JsonSerializer.SerializeToUtf8Bytes(new { account = text, amount = 30.0, time = 5, country = text })),
            iter: 2_000,
            threads: 1);
    }

    [Fact]
    public void DeepNestingIsAnErrorAndNoOverflow()
    {
        var engine = new DecisionEngine(EventStream.Policy, "t", 0);
        byte[] deep = Encoding.UTF8.GetBytes("{\"x\":" + new string('[', 1_000_000));
        Assert.NotNull(engine.Decide(deep).Error);
    }

    private static void Check(DecisionEngine engine, byte[] value)
    {
        DecisionRecord record = DecisionRecord.Parse(engine.Decide(engine.NextOffset, 0, "k"u8, value).Record.Span);
        Assert.Equal(engine.NextOffset - 1, record.Offset);
        if (record.Error is not null)
        {
            Assert.Equal(Outcome.Hold, record.Outcome);
        }
    }
}
