using System.Globalization;
using System.Text;
using CsCheck;
using PipeRoll.Cel;
using PipeRoll.Policies.Events;
using PipeRoll.Policies.Tests.Support;

namespace PipeRoll.Policies.Tests.Events;

/// <summary>The shorter way of plain events gives the same slots, the same time and the same complaints as the long one, whatever comes.</summary>
public class PlainEventsTests
{
    private const string Fields = """
            account: string
            amount: double
            count: int
            flag: bool
            at: { type: timestamp, optional: true }
            ms: { type: timestamp, format: unix-ms, optional: true }
            raw: { type: text, optional: true }
            note: { type: string, optional: true, default: '"none"' }
        """;

    private static readonly string[] Values =
    [
        "0", "-0", "1", "-1", "01", "1.", ".5", "1.0", "12.50", "-3.75", "1e3", "1E-2", "0.1", "123456789012345", "1234567890123456", "999999999999999999",
        "9223372036854775807", "9223372036854775808", "12345678901234567890123", "0.000000000000001", "0.1234567890123456", "+1", "1 2", "1x", "-", "tru",
        "true", "false", "null", "nul", "\"\"", "\"a\"", "\"é\"", "\"a\\u0041\"", "\"\\\"\"", "\"a\tb\"", "\"2026-11-27T09:00:00.5Z\"", "\"2026-11-27\"",
        "\"2026-13-27\"", "\"open", "{}", "[]", "{\"a\":1}", "[1,2]", "", "1700000000000", "99999999999999999",
    ];

    private static readonly string[] Plain = ["\"account\":\"A1\"", "\"amount\":12.5", "\"count\":3", "\"flag\":true", "\"time\":1700000000000"];

    private static readonly string[] Names =
        ["account", "amount", "count", "flag", "at", "ms", "raw", "note", "time", "other", "", "acc\\u006funt", "amoun", "amounts"];

    private static readonly Gen<string> Space = OneOf("", "", "", "", " ", "\n\t", "\r ", "\u000b", "\u00a0");
    private static readonly Gen<string> Separator = OneOf(",", ",", ",", ",", ",", ",", "", ",,", ";");

    private static readonly Gen<string> Member = Gen.Select(
        OneOf(Names), OneOf(Values), Space.Array[4], (name, value, spaces) => $"{spaces[0]}\"{name}\"{spaces[1]}:{spaces[2]}{value}{spaces[3]}");

    private static readonly Gen<string> AnyEvent = Gen.Select(
        Member.Array[0, 6], Separator.Array[6], Gen.Int[0, 9], (members, separators, kind) => Join([.. kind < 8 ? Plain : [], .. members], separators));

    public static TheoryData<string> Times => ["{ field: time, format: unix-ms }", "{ field: time, format: unix-s }", "{ field: time, format: step, unit: 1d }"];

    [Theory]
    [MemberData(nameof(Times))]
    public void BothWaysReadTheSame(string time)
    {
        foreach (string type in new[] { "int", "double" })
        {
            var pair = new Pair(Policy(time, type));
            AnyEvent.Sample(text => pair.Check(Encoding.UTF8.GetBytes(text)), iter: 20_000, threads: 1);
        }
    }

    [Fact]
    public void ChangedBytesAreReadTheSame()
    {
        byte[] good = Encoding.UTF8.GetBytes("{" + string.Join(',', Plain) + ",\"at\":\"2026-11-27T09:00:00Z\",\"ms\":17,\"raw\":\"x\",\"other\":null}");
        var pair = new Pair(Policy("{ field: at, format: iso8601 }", "int"));
        Gen.Select(Gen.Select(Gen.Int[0, good.Length - 1], Gen.Byte).Array[0, 3], Gen.Int[0, 4]).Sample(
            (changes, cut) =>
            {
                byte[] value = good[..^cut];
                foreach ((int at, byte b) in changes)
                {
                    value[Math.Min(at, value.Length - 1)] = b;
                }
                pair.Check(value);
            },
            iter: 30_000,
            threads: 1);
        Assert.True(pair.Read > 1_000);
    }

    /// <summary>The exact double is the one that the platform's own reader gives.</summary>
    [Fact]
    public void NumbersAreExact()
    {
        var pair = new Pair(Policy("record", "int"));
        Gen.Select(Gen.Long[-999_999_999_999_999, 999_999_999_999_999], Gen.Int[0, 15]).Sample(
            (digits, fraction) =>
            {
                string text = Math.Abs(digits).ToString(CultureInfo.InvariantCulture).PadLeft(fraction + 1, '0');
                string number = (digits < 0 ? "-" : "") + (fraction == 0 ? text : text[..^fraction] + "." + text[^fraction..]);
                pair.Check(Encoding.UTF8.GetBytes($"{{\"account\":\"A\",\"amount\":{number},\"count\":1,\"flag\":false,\"time\":1}}"));
            },
            iter: 50_000,
            threads: 1);
        Assert.True(pair.Read > 40_000);
    }

    /// <summary>After many that are not plain, plain ones are found again.</summary>
    [Fact]
    public void ATopicThatChangesIsFollowed()
    {
        var pair = new Pair(Policy("record", "int"));
        for (int i = 0; i < 500; i++)
        {
            string amount = i is > 20 and < 300 ? "1e1" : "10.0";
            pair.Check(Encoding.UTF8.GetBytes($"{{\"account\":\"A{i}\",\"amount\":{amount},\"count\":1,\"flag\":false,\"time\":1}}"));
        }
        Assert.Equal(500, pair.Read);
    }

    private static Gen<string> OneOf(params string[] texts) => Gen.Int[0, texts.Length - 1].Select(index => texts[index]);

    private static string Join(string[] members, string[] separators)
    {
        var text = new StringBuilder("{");
        for (int i = 0; i < members.Length; i++)
        {
            text.Append(members[i]).Append(i + 1 < members.Length ? separators[i % separators.Length] : "");
        }
        return text.Append('}').ToString();
    }

    private static PolicyBundle Policy(string time, string timeType) => PolicyBundle.Parse(new PolicySource("p.yaml", $$"""
        name: p
        version: "1"
        event:
          key: account
          time: {{time}}
          fields:
        {{(time.Contains("field: at", StringComparison.Ordinal) ? Fields.Replace("{ type: timestamp, optional: true }", "timestamp", StringComparison.Ordinal) : Fields)}}
            time: {{timeType}}
        rules:
          - { id: r, when: event.flag, outcome: block, reason: r }
        fallback: { outcome: hold }
        """));

    private sealed class Pair
    {
        private readonly EventSchema _schema;
        private readonly EventSlots _shortSlots;
        private readonly EventSlots _longSlots;
        private readonly EventReader _shortWay;
        private readonly EventReader _longWay;

        public Pair(PolicyBundle policy)
        {
            _schema = policy.Event;
            _shortSlots = new EventSlots(policy.Compiled.EventType, _schema.Fields.Count, new TextCache());
            _longSlots = new EventSlots(policy.Compiled.EventType, _schema.Fields.Count, new TextCache());
            _shortWay = new EventReader(_schema, _shortSlots);
            _longWay = new EventReader(_schema, _longSlots, takesPlain: false);
            Assert.True(PlainEvents.CanRead(_schema));
        }

        /// <summary>How many could be read at all.</summary>
        public int Read { get; private set; }

        public void Check(byte[] json)
        {
            string? problem = _longWay.Read(json, 42);
            Assert.Equal(problem, _shortWay.Read(json, 42));
            if (problem is not null)
            {
                return;
            }
            Read++;
            Assert.Equal(_longWay.EventTimeMs, _shortWay.EventTimeMs);
            for (int i = 0; i < _schema.Fields.Count; i++)
            {
                Assert.Equal(_longSlots.HasField(i), _shortSlots.HasField(i));
                CelValue expected = _longSlots.GetField(i);
                Assert.Equal(expected.Kind, _shortSlots.GetField(i).Kind);
                if (expected.Kind == CelKind.Double)
                {
                    Assert.Equal(BitConverter.DoubleToInt64Bits(expected.DoubleValue), BitConverter.DoubleToInt64Bits(_shortSlots.GetField(i).DoubleValue));
                }
                else if (!expected.IsError)
                {
                    Assert.Equal(expected, _shortSlots.GetField(i));
                }
            }
        }
    }
}
