using PipeRoll.Policies;

namespace PipeRoll.Workflows.Versions;

/// <summary>
/// Which versions a workflow is to decide with. Immutable. A later assignment has a greater <paramref name="Sequence"/>; a worker takes it up at
/// an offset of its own choice in each partition, which it commits together with the decisions.
/// </summary>
/// <param name="Sequence">Rises with every change; 0 for a plan that nobody governs.</param>
/// <param name="Active">Decides all events, or all but the canary's.</param>
public sealed record PolicyAssignment(long Sequence, PolicyBundle Active)
{
    /// <summary>Decides a share of the keys in place of <see cref="Active"/>; null if there is none.</summary>
    public PolicyCanary? Canary { get; init; }

    /// <summary>Versions that decide every event too, into the shadow topic, and change nothing else.</summary>
    public IReadOnlyList<PolicyBundle> Shadows { get; init; } = [];
}

/// <summary>A version that decides a share of the keys.</summary>
/// <param name="Policy">The version.</param>
/// <param name="KeysPerMille">0 to 1,000: how many keys of a thousand. Which ones follows from the key and <paramref name="Salt"/> alone.</param>
/// <param name="Salt">Makes the choice of keys another one for each canary.</param>
public sealed record PolicyCanary(PolicyBundle Policy, int KeysPerMille, string Salt);
