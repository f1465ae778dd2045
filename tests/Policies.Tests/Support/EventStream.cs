using System.Text;
using CsCheck;

namespace PipeRoll.Policies.Tests.Support;

/// <summary>Streams of events for a policy that uses all kinds of windows; some events are broken on purpose.</summary>
internal static class EventStream
{
    public static readonly PolicyBundle Policy = Make.Policy(
        """
        lists:
          watched: { values: [Ann Lee, Bob Ray], match: name, version: "7" }
        windows:
          count: { key: event.account, aggregate: count, over: 50ms, keysMax: 5 }
          sum: { key: event.account, value: event.amount, aggregate: sum, over: 50ms, eventsPerKeyMax: 3 }
          avg: { key: event.account, value: event.amount, aggregate: avg, over: 80ms, current: excluded, empty: 0 }
          most: { key: event.country, value: event.amount, aggregate: max, over: 60ms }
          least: { key: event.flag, value: event.amount, aggregate: min, over: 60ms, where: has(event.flag) }
          who: { key: event.count, value: event.account, aggregate: distinct, over: 100ms, where: event.amount > 1.0 }
        rules:
          - id: busy
            when: windows.count > 3
            outcome: alert
            score: 10
            labels: [velocity]
            severity: low
            reason: "${windows.count} from ${event.account}"
          - id: spent
            when: windows.sum > 20.5
            outcome: hold
            score: 30
            labels: [amount, velocity]
            severity: high
            reason: "\"${event.amount}\" of ${windows.sum}"
          - { id: spike, when: event.amount > 2.0 * windows.avg && windows.avg > 0.0, score: 25, route: spikes }
          - id: listed
            when: listed('watched', event.account)
            outcome: block
            score: 100
            severity: critical
            route: { topic: everywhere }
          - { id: in-list, when: event.account in lists.watched, score: 1 }
          - { id: country, when: windows.most > 9.0, labels: [geography] }
          - { id: people, when: windows.who >= 2, labels: [fan-in] }
        thresholds: [ { score: 25, outcome: alert }, { score: 60, outcome: hold } ]
        routes: { block: blocked, hold: held, alert: { topic: alerts } }

        """);

    private static readonly Gen<(long Gap, string Key, byte[] Value)> Event = Gen.Select(
        Gen.Long[0, 2],
        OneOf("k1", "k2", ""),
        Gen.Frequency((20, Good()), (1, OneOf("", "{", "[]", "{\"account\":\"a\"}").Select(Encoding.UTF8.GetBytes))));

    public static readonly Gen<(long Gap, string Key, byte[] Value)[]> Events = Event.Array[0, 80];

    /// <summary>Decides all events and gives the bytes of all records.</summary>
    public static List<byte[]> DecideAll(DecisionEngine engine, ReadOnlySpan<(long Gap, string Key, byte[] Value)> events)
    {
        var records = new List<byte[]>();
        foreach ((long gap, string key, byte[] value) in events)
        {
            records.Add(engine.Decide(engine.NextOffset + gap, 1_000, Encoding.UTF8.GetBytes(key), value).Record.ToArray());
        }
        return records;
    }

    private static Gen<string> OneOf(params string[] texts) => Gen.Int[0, texts.Length - 1].Select(i => texts[i]);

    private static Gen<byte[]> Good() => Gen.Select(
        OneOf("a", "b", "c", "d", "e", "ann  lee", "É\\n\\\"", "BOB RAY"),
        Gen.Int[0, 1_500].Select(i => i / 100.0),
        Gen.Long[0, 400],
        OneOf("", ",\"country\":\"DE\"", ",\"country\":\"FR\",\"flag\":true", ",\"flag\":false,\"count\":3", ",\"count\":-1"))
        .Select((account, amount, timeMs, more) => Make.Event(account, amount, timeMs, more));
}
