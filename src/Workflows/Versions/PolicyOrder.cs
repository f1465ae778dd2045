using PipeRoll.Policies;

namespace PipeRoll.Workflows.Versions;

/// <summary>Which versions are to decide from now on.</summary>
/// <param name="Sequence">Rises with every change; 0 for a workflow whose policy is a file.</param>
/// <param name="Active">Decides.</param>
/// <param name="Canary">Decides in its place for a share of the keys; null for none.</param>
/// <param name="CanaryShare">From 0 to 1.</param>
public sealed record PolicyOrder(long Sequence, PolicyBundle Active, PolicyBundle? Canary = null, double CanaryShare = 0);

/// <summary>Says which versions decide. A seam: a file, or the life of policies in <c>_piperoll.policies</c>.</summary>
/// <remarks>Any thread; never waits.</remarks>
public interface IPolicyVersions
{
    /// <summary>Whether versions change while workers run: then each partition records from which offset on which decides.</summary>
    bool IsGoverned { get; }

    /// <summary>The newest order.</summary>
    PolicyOrder Current { get; }

    /// <summary>A version that once was ordered, by its hash; null if it is not known.</summary>
    PolicyBundle? Find(string hash);
}

/// <summary>One version for good.</summary>
internal sealed class FixedPolicy(PolicyBundle policy) : IPolicyVersions
{
    public bool IsGoverned => false;

    public PolicyOrder Current { get; } = new(0, policy);

    public PolicyBundle? Find(string hash) => hash == policy.Hash ? policy : null;
}
