using PipeRoll.Policies.Reading;

namespace PipeRoll.Policies.Model;

/// <summary>A policy as it was read, before its expressions are compiled.</summary>
internal sealed class PolicyModel
{
    public string Name { get; set; } = "";

    public string Version { get; set; } = "";

    public string Description { get; set; } = "";

    public EventSchema? Event { get; set; }

    public List<PolicyList> Lists { get; } = [];

    public List<Placed<PolicyWindow>> Windows { get; } = [];

    public List<Placed<PolicyRule>> Rules { get; } = [];

    public List<PolicyThreshold> Thresholds { get; } = [];

    public PolicyFallback Fallback { get; set; } = new(Outcome.Hold, [], null);

    public PolicyHolds? Holds { get; set; }

    public Dictionary<Outcome, PolicyRoute> Routes { get; } = [];
}

/// <summary>Something of the policy with the places of its expressions in the file, by key.</summary>
internal sealed record Placed<T>(T Value, IReadOnlyDictionary<string, YamlText> Places);
