using System.Text;
using CsCheck;
using PipeRoll.Policies.Tests.Support;

namespace PipeRoll.Policies.Tests.Engine;

/// <summary>What an engine is told about events to come changes neither records nor state, whether it is true or not.</summary>
public class LookaheadTests
{
    [Fact]
    public void HintsChangeNothing() =>
        Gen.Select(EventStream.Events, Gen.Int[0, 5].Array[80], Gen.Bool.Array[80]).Sample(
            (events, hints, folds) =>
            {
                var plain = new DecisionEngine(EventStream.Policy, "t", 0);
                var told = new DecisionEngine(EventStream.Policy, "t", 0);
                for (int i = 0; i < events.Length; i++)
                {
                    (long gap, string key, byte[] value) = events[i];
                    byte[] keyBytes = Encoding.UTF8.GetBytes(key);
                    byte[] next = i + 1 < events.Length ? events[i + 1].Value : [];
                    UpcomingEvent hint = hints[i] switch
                    {
                        // As it will be; with another timestamp; another event; broken; the one that is there now; none.
                        0 => new UpcomingEvent(1_000 + i + 1, next),
                        1 => new UpcomingEvent(7, next),
                        2 => new UpcomingEvent(1_000, Make.Event("x", 5, 3)),
                        3 => new UpcomingEvent(1_000, "{\"account\":"u8),
                        4 => new UpcomingEvent(1_000 + i, value),
                        _ => default,
                    };
                    long offset = plain.NextOffset + gap;
                    if (folds[i])
                    {
                        plain.Fold(offset, 1_000 + i, keyBytes, value);
                        told.Fold(offset, 1_000 + i, keyBytes, value, hint);
                    }
                    else
                    {
                        byte[] expected = plain.Decide(offset, 1_000 + i, keyBytes, value).Record.ToArray();
                        Assert.Equal(expected, told.Decide(offset, 1_000 + i, keyBytes, value, hint).Record.ToArray());
                    }
                }

                Assert.Equal(plain.Snapshot(), told.Snapshot());
            },
            iter: 3_000);
}
