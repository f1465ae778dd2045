using System.Text.Json;

namespace PipeRoll.Policies;

/// <summary>What a rule gave.</summary>
/// <param name="Rule">The rule's id.</param>
/// <param name="Held">True or false; null if it could not be evaluated.</param>
/// <param name="Error">Why it could not be evaluated; null if it could.</param>
public sealed record RuleValue(string Rule, bool? Held, string? Error);

/// <summary>What a window gave.</summary>
/// <param name="Window">The window's name.</param>
/// <param name="Value">The number; null if there was none.</param>
/// <param name="Error">Why it could not be evaluated; null if it could.</param>
public sealed record WindowValue(string Window, double? Value, string? Error);

/// <summary>Why a rule held, in words.</summary>
public sealed record DecisionReason(string Rule, string Text);

/// <summary>The case to which what a rule found belongs.</summary>
public sealed record DecisionCase(string Rule, string Case);

/// <summary>A list as the decision saw it.</summary>
public sealed record ListVersion(string List, string Version, string Hash);

/// <summary>A decision record, read back (docs/formats/decision-record.md).</summary>
public sealed class DecisionRecord
{
    /// <summary>The value of <c>format</c> in records of this version.</summary>
    public const string FormatName = "piperoll.decision/1";

    private DecisionRecord()
    {
    }

    /// <summary>The event's topic.</summary>
    public required string Topic { get; init; }

    /// <summary>The event's partition.</summary>
    public required int Partition { get; init; }

    /// <summary>The event's offset.</summary>
    public required long Offset { get; init; }

    /// <summary>The event's key; null if it had none or it is no text.</summary>
    public required string? Key { get; init; }

    /// <summary>The record's timestamp, in milliseconds since 1970.</summary>
    public required long TimestampMs { get; init; }

    /// <summary>When the event happened by its own account; null if it could not be read.</summary>
    public required long? EventTimeMs { get; init; }

    /// <summary>SHA-256 over the event, in hexadecimal.</summary>
    public required string EventDigest { get; init; }

    /// <summary>The policy's name.</summary>
    public required string PolicyName { get; init; }

    /// <summary>The policy's version.</summary>
    public required string PolicyVersion { get; init; }

    /// <summary>The policy's hash.</summary>
    public required string PolicyHash { get; init; }

    /// <summary>The lists that the policy was pinned to.</summary>
    public required IReadOnlyList<ListVersion> Lists { get; init; }

    /// <summary>The hash chain's head after this event, in hexadecimal.</summary>
    public required string StateHash { get; init; }

    /// <summary>What was decided.</summary>
    public required Outcome Outcome { get; init; }

    /// <summary>The sum of scores.</summary>
    public required long Score { get; init; }

    /// <summary>The gravest of the rules that held.</summary>
    public required Severity Severity { get; init; }

    /// <summary>Each rule's value in the order of the policy; empty if the event could not be read.</summary>
    public required IReadOnlyList<RuleValue> Rules { get; init; }

    /// <summary>Each window's value in the order of the policy; empty if the event could not be read.</summary>
    public required IReadOnlyList<WindowValue> Windows { get; init; }

    /// <summary>The windows that had to forget events of this key because of a bound, so that their value may be too small.</summary>
    public required IReadOnlyList<string> Clipped { get; init; }

    /// <summary>The labels.</summary>
    public required IReadOnlyList<string> Labels { get; init; }

    /// <summary>The reasons in words.</summary>
    public required IReadOnlyList<DecisionReason> Reasons { get; init; }

    /// <summary>The cases to which the decision belongs; empty where the policy names none.</summary>
    public IReadOnlyList<DecisionCase> Cases { get; init; } = [];

    /// <summary>The topics to which the event goes.</summary>
    public required IReadOnlyList<string> Routes { get; init; }

    /// <summary>Why the event could not be read; null if it could.</summary>
    public required string? Error { get; init; }

    /// <summary><c>topic/partition/offset</c>.</summary>
    public string Id => $"{Topic}/{Partition}/{Offset}";

    /// <summary>Reads a record.</summary>
    /// <exception cref="FormatException">The bytes are no decision record of this format.</exception>
    public static DecisionRecord Parse(ReadOnlySpan<byte> bytes)
    {
        try
        {
            var reader = new Utf8JsonReader(bytes, new JsonReaderOptions { MaxDepth = 8 });
            using JsonDocument document = JsonDocument.ParseValue(ref reader);
            if (reader.BytesConsumed != bytes.Length)
            {
                throw new FormatException("This is no decision record: something follows it.");
            }
            return FromJson(document.RootElement);
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            throw new FormatException($"This is no decision record: {e.Message}", e);
        }
    }

    private static DecisionRecord FromJson(JsonElement root)
    {
        string? format = root.GetProperty("format").GetString();
        if (format != FormatName)
        {
            throw new FormatException($"The record's format is '{format}'; this version reads '{FormatName}'.");
        }
        JsonElement happened = root.GetProperty("event");
        JsonElement policy = root.GetProperty("policy");
        return new DecisionRecord
        {
            Topic = Text(happened, "topic"),
            Partition = happened.GetProperty("partition").GetInt32(),
            Offset = happened.GetProperty("offset").GetInt64(),
            Key = happened.TryGetProperty("key", out JsonElement key) ? key.GetString() : null,
            TimestampMs = happened.GetProperty("timestamp").GetInt64(),
            EventTimeMs = happened.GetProperty("time").ValueKind == JsonValueKind.Null ? null : happened.GetProperty("time").GetInt64(),
            EventDigest = Text(happened, "digest"),
            PolicyName = Text(policy, "name"),
            PolicyVersion = Text(policy, "version"),
            PolicyHash = Text(policy, "hash"),
            Lists = [.. root.GetProperty("lists").EnumerateObject().Select(ListOf)],
            StateHash = Text(root, "stateHash"),
            Outcome = OutcomeNames.TryParse(Text(root, "outcome"), out Outcome outcome) ? outcome : throw Wrong("outcome"),
            Score = root.GetProperty("score").GetInt64(),
            Severity = OutcomeNames.TryParse(Text(root, "severity"), out Severity severity) ? severity : throw Wrong("severity"),
            Rules = [.. root.GetProperty("rules").EnumerateObject().Select(RuleOf)],
            Windows = [.. root.GetProperty("windows").EnumerateObject().Select(WindowOf)],
            Clipped = Texts(root, "clipped"),
            Labels = Texts(root, "labels"),
            Reasons = [.. root.GetProperty("reasons").EnumerateArray().Select(r => new DecisionReason(Text(r, "rule"), Text(r, "text")))],
            Cases = root.TryGetProperty("cases", out JsonElement cases)
                ? [.. cases.EnumerateArray().Select(each => new DecisionCase(Text(each, "rule"), Text(each, "case")))]
                : [],
            Routes = Texts(root, "routes"),
            Error = root.GetProperty("error").GetString(),
        };
    }

    private static ListVersion ListOf(JsonProperty list) => new(list.Name, Text(list.Value, "version"), Text(list.Value, "hash"));

    private static RuleValue RuleOf(JsonProperty rule) => rule.Value.ValueKind switch
    {
        JsonValueKind.True => new RuleValue(rule.Name, true, null),
        JsonValueKind.False => new RuleValue(rule.Name, false, null),
        _ => new RuleValue(rule.Name, null, rule.Value.GetString() ?? throw Wrong("rules")),
    };

    private static WindowValue WindowOf(JsonProperty window) => window.Value.ValueKind switch
    {
        JsonValueKind.Number => new WindowValue(window.Name, window.Value.GetDouble(), null),
        JsonValueKind.String => new WindowValue(window.Name, null, window.Value.GetString()),
        JsonValueKind.Null => new WindowValue(window.Name, null, null),
        _ => throw Wrong("windows"),
    };

    private static string Text(JsonElement element, string name) => element.GetProperty(name).GetString() ?? throw Wrong(name);

    private static string[] Texts(JsonElement element, string name) =>
        [.. element.GetProperty(name).EnumerateArray().Select(item => item.GetString() ?? throw Wrong(name))];

    private static FormatException Wrong(string name) => new($"This is no decision record: `{name}` has a value that it cannot have.");
}
