using PipeRoll.Policies;

namespace PipeRoll.Workflows.Versions;

/// <summary>
/// Where a worker learns which policy versions are to decide. Read by the threads of all workers; an implementation is thread-safe.
/// </summary>
public interface IPolicySource
{
    /// <summary>The newest assignment. Cheap: it is asked for before every batch of events.</summary>
    PolicyAssignment Current { get; }

    /// <summary>A version by its hash, among all that were ever assigned, for partitions that stopped under an older one; null if unknown.</summary>
    PolicyBundle? Find(string hash);

    /// <summary>An assignment by its sequence, for the same reason; null if unknown.</summary>
    PolicyAssignment? Find(long sequence);
}

/// <summary>One version for ever: what a workflow has that nobody governs.</summary>
public sealed class FixedPolicySource(PolicyBundle policy) : IPolicySource
{
    public PolicyAssignment Current { get; } = new(0, policy);

    public PolicyBundle? Find(string hash) => hash == policy.Hash ? policy : null;

    public PolicyAssignment? Find(long sequence) => sequence == 0 ? Current : null;
}
