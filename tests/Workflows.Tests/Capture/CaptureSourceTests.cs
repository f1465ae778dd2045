using System.Text;
using PipeRoll.Policies;
using PipeRoll.Workflows.Capture;
using PipeRoll.Workflows.Kafka;

namespace PipeRoll.Workflows.Tests.Capture;

public class CaptureSourceTests
{
    [Fact]
    public void Csv_cells_become_typed_json_with_key_and_time()
    {
        List<SourceRow> rows = Read(
            "payment_id,account,amount,ok,time\n1,A7,12.50,true,2026-01-02T03:04:05Z\n2,A8,,false,2026-01-02T03:04:06Z\n");
        Assert.Equal("""{"payment_id":1,"account":"A7","amount":12.50,"ok":true,"time":"2026-01-02T03:04:05Z"}""", Text(rows[0].Json));
        Assert.Equal("""{"payment_id":2,"account":"A8","amount":null,"ok":false,"time":"2026-01-02T03:04:06Z"}""", Text(rows[1].Json));
        Assert.Equal("A7", Text(rows[0].Key));
        Assert.Equal(new DateTimeOffset(2026, 1, 2, 3, 4, 5, TimeSpan.Zero).ToUnixTimeMilliseconds(), rows[0].TimeMs);
    }

    [Fact]
    public void Key_and_time_may_lie_inside_of_objects()
    {
        PolicyBundle policy = PolicyBundle.Parse(new PolicySource(
            "p",
            """
            name: p
            version: "1"
            event:
              key: who
              time: { field: at, format: iso8601 }
              fields:
                who: { type: text, path: actor.id }
                at: { type: timestamp, path: meta.times.created }
                any: { type: any, path: data, default: "{}" }
            rules: [{ id: r, when: 'true', score: 1 }]
            fallback: { outcome: hold }
            """));
        const string File = """
            {"meta":{"x":1,"times":{"created":"2026-01-02T03:04:05Z"}},"actor":{"name":"n","id":7}}
            {"meta":{"times":[1]},"actor":{"id":"b"}}
            {"meta":{"times":{"created":"2026-01-02T03:04:05Z"}},"actor":5}

            """;
        CaptureSource source = CaptureSource.Open("e.jsonl", () => new MemoryStream(Encoding.UTF8.GetBytes(File)), new CaptureHints { Policy = policy.Event });
        using ISourceReader reader = source.Read();
        Assert.True(reader.TryNext(out SourceRow first));
        Assert.Equal("7", Text(first.Key));
        Assert.Equal(new DateTimeOffset(2026, 1, 2, 3, 4, 5, TimeSpan.Zero).ToUnixTimeMilliseconds(), first.TimeMs);
        Assert.True(reader.TryNext(out SourceRow second));
        Assert.Equal("field at, the time, is missing", second.Problem);
        Assert.True(reader.TryNext(out SourceRow third));
        Assert.Equal("field who, the key, is missing", third.Problem);
    }

    [Fact]
    public void A_cell_of_the_wrong_type_breaks_its_row_only()
    {
        string file = "account,amount,time\n" + string.Concat(
            Enumerable.Range(0, 6_000).Select(row => $"A{row % 9},1.5,2026-01-01T00:00:00Z\n"))
            + "B,lots,2026-01-01T00:00:00Z\nC,2,later\nD,3,2026-01-01T00:00:00Z\n";
        List<SourceRow> rows = Read(file);
        Assert.Equal(["column amount holds no double", "column time holds no time", null], rows.Skip(6_000).Select(row => row.Problem));
        Assert.Equal("B,lots,2026-01-01T00:00:00Z", Text(rows[6_000].Raw));
        Assert.Equal(6_002, rows[6_000].LineNumber);
    }

    [Theory]
    [InlineData("amlsim-20k/transactions.csv", "sourceNodeId", "time", TimeFormat.Step)]
    [InlineData("aws-fraud-events/transaction_data_2K_coldstart.csv", "ENTITY_ID", "EVENT_TIMESTAMP", TimeFormat.Iso8601)]
    public void Key_and_time_of_published_files_are_guessed(string file, string key, string time, TimeFormat format)
    {
        Assert.SkipUnless(SharedData(file) is not null, "the published samples are not beside the checkout");
        CaptureSource source = CaptureSource.Open(SharedData(file)!, new CaptureHints());
        Assert.Equal((key, time, format), (source.Schema.KeyField, source.Schema.TimeField, source.Schema.TimeFormat));
        using ISourceReader reader = source.Read();
        long broken = 0;
        long rows = 0;
        while (reader.TryNext(out SourceRow row))
        {
            rows++;
            broken += row.Problem is null ? 0 : 1;
        }

        Assert.True(rows > 1_600);
        Assert.Equal(0, broken);
    }

    [Fact]
    public void Guesses_can_be_overridden_and_unknown_columns_are_named()
    {
        CaptureSource source = Open("a,b,when\nx,y,2026-01-01T00:00:00Z\n", new CaptureHints { KeyField = "b", TimeField = "when" });
        Assert.Equal(("b", "when"), (source.Schema.KeyField, source.Schema.TimeField));
        WorkflowException error = Assert.Throws<WorkflowException>(() => Open("a,b\n1,2\n", new CaptureHints { KeyField = "c" }));
        Assert.Contains("no column 'c' (--key): it has a, b", error.Message);
        WorkflowException keyless = Assert.Throws<WorkflowException>(() => Open("p,q\n1.5,2.5\n", new CaptureHints()));
        Assert.Contains("--key", keyless.Message);
    }

    [Fact]
    public void Json_lines_go_on_as_they_stand_and_broken_ones_are_named()
    {
        string file = """
            {"account":"A","amount":1.5,"time":"2026-01-01T00:00:00Z","nested":{"x":[1]}}
            {"account":"B","amount":2.5,"time":"2026-01-01T00:00:00Z"

            [1,2]
            {"account":"C","amount":"x","time":"2026-01-01T00:00:00Z"}
            {"amount":3.5,"time":"2026-01-01T00:00:00Z"}
            {"account":"D","amount":4.5,"time":"2026-01-01T00:00:00Z"} trailing
              {"account":"E","amount":5.5,"time":"2026-01-01T00:00:00Z"}
            """;
        var hints = new CaptureHints { Policy = Events };
        List<SourceRow> rows = Read(file, hints);
        Assert.Equal([1, 2, 4, 5, 6, 7, 8], rows.Select(row => row.LineNumber));
        Assert.Null(rows[0].Problem);
        Assert.Contains("\"nested\":{\"x\":[1]}", Text(rows[0].Json));
        Assert.StartsWith("not valid JSON", rows[1].Problem);
        Assert.Equal("the line is not a JSON object", rows[2].Problem);
        Assert.Equal("field amount holds no double", rows[3].Problem);
        Assert.Equal("field account, the key, is missing", rows[4].Problem);
        Assert.StartsWith("not valid JSON", rows[5].Problem);
        Assert.Equal("""{"account":"E","amount":5.5,"time":"2026-01-01T00:00:00Z"}""", Text(rows[6].Json));
    }

    [Theory]
    [InlineData("a;account;c\n1;x;3\n", 3)]
    [InlineData("a\taccount\n1\tx\n", 2)]
    public void The_separator_is_seen_in_the_header(string file, int columns) =>
        Assert.Equal(columns, Open(file, new CaptureHints()).Columns.Count);

    [Fact]
    public void A_simulators_step_is_no_record_timestamp()
    {
        long now = new DateTimeOffset(2026, 11, 23, 0, 0, 0, TimeSpan.Zero).ToUnixTimeMilliseconds();
        Assert.False(EventTime.IsSane(EventTime.Parse("17"u8, TimeFormat.Step, 86_400_000)!.Value, now));
        Assert.True(EventTime.IsSane(EventTime.Parse("2022-12-24T15:53:30Z"u8, TimeFormat.Iso8601, 1)!.Value, now));
        Assert.False(EventTime.IsSane(now + 90_000_000, now));
        Assert.Null(EventTime.Parse("yesterday"u8, TimeFormat.Iso8601, 1));
    }

    private static EventSchema Events => new(
        "account", "time", TimeFormat.Iso8601, 1, null,
        [
            new EventField("account", FieldType.String, false, TimeFormat.Iso8601, 1),
            new EventField("amount", FieldType.Double, false, TimeFormat.Iso8601, 1),
            new EventField("time", FieldType.Timestamp, false, TimeFormat.Iso8601, 1),
        ]);

    /// <summary>The samples lie in "shared/data" beside the checkout or above it.</summary>
    private static string? SharedData(string file)
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            string candidate = Path.Combine(folder.FullName, "shared", "data", file);
            if (File.Exists(candidate))
            {
                return candidate;
            }
        }

        return null;
    }

    private static string Text(byte[]? bytes) => Encoding.UTF8.GetString(bytes!);

    private static CaptureSource Open(string file, CaptureHints hints) =>
        CaptureSource.Open("test", () => new MemoryStream(Encoding.UTF8.GetBytes(file)), hints);

    private static List<SourceRow> Read(string file, CaptureHints? hints = null)
    {
        using ISourceReader reader = Open(file, hints ?? new CaptureHints()).Read();
        var rows = new List<SourceRow>();
        while (reader.TryNext(out SourceRow row))
        {
            rows.Add(row);
        }

        return rows;
    }
}
