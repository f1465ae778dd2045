using System.Text.Json.Serialization;
using PipeRoll.Policies;

namespace PipeRoll.Workflows.Holding;

/// <summary>How a hold stands.</summary>
public enum HoldState
{
    Open,

    /// <summary>Somebody let the event pass.</summary>
    Released,

    /// <summary>Somebody stopped it for good.</summary>
    Refused,

    /// <summary>Nobody said anything in time.</summary>
    Expired,
}

/// <summary>A held event, and what became of it (docs/formats/holds-topic.md). Immutable.</summary>
/// <param name="HeldAtMs">Of the event's record, ms since 1970.</param>
/// <param name="DueMs">When it expires; null: never.</param>
/// <param name="OnExpiry">What then happens: allow or block.</param>
/// <param name="Reasons">Why it is held, in words.</param>
/// <param name="Cases">To which cases it belongs.</param>
public sealed record Hold(
    string Workflow, string Topic, int Partition, long Offset, string PolicyHash, long HeldAtMs, long? DueMs, string? OnExpiry,
    IReadOnlyList<string> Reasons, IReadOnlyList<string> Cases)
{
    public HoldState State { get; init; } = HoldState.Open;

    /// <summary>Who ended it; <c>expiry</c> when its time was up.</summary>
    public string? By { get; init; }

    public DateTimeOffset? At { get; init; }

    /// <summary>Why, in the words of whoever did it.</summary>
    public string? Reason { get; init; }

    /// <summary><c>topic/partition/offset</c> of the event.</summary>
    [JsonIgnore]
    public string Id => $"{Topic}/{Partition}/{Offset}";

    /// <summary>What happens to the event now: null while it is held.</summary>
    [JsonIgnore]
    public Outcome? Outcome => State switch
    {
        HoldState.Open => null,
        HoldState.Released => Policies.Outcome.Allow,
        HoldState.Expired when OnExpiry == "allow" => Policies.Outcome.Allow,
        _ => Policies.Outcome.Block,
    };

    /// <summary>What a decision that holds its event begins.</summary>
    /// <param name="holds">Of the policy version that decided; null: it never expires.</param>
    public static Hold Of(string workflow, DecisionRecord decision, PolicyHolds? holds) => new(
        workflow, decision.Topic, decision.Partition, decision.Offset, decision.PolicyHash, decision.TimestampMs,
        decision.TimestampMs + holds?.ExpireAfterMs, holds?.OnExpiry.ToText(), [.. decision.Reasons.Select(static reason => reason.Text)],
        [.. decision.Cases.Select(static each => each.Case).Distinct()]);
}

/// <summary>A hold that can't be ended as asked; the text says why.</summary>
public sealed class HoldRefusedException(string message) : Exception(message);
