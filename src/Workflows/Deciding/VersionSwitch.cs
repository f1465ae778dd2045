using PipeRoll.Policies;
using PipeRoll.Workflows.Kafka;
using PipeRoll.Workflows.Versions;

namespace PipeRoll.Workflows.Deciding;

/// <summary>
/// Versions that are about to take over a partition: each has to have the state of all events before it decides. Owner: a
/// <see cref="PartitionDecider"/>, one thread. Failure: <see cref="WorkflowException"/>; the partition is then taken over again.
/// </summary>
/// <param name="existing">The folds that decide now: a version that goes on keeps its state.</param>
/// <param name="join">Makes what brings another version up to the partition's end.</param>
internal sealed class VersionSwitch(
    PolicyOrder order, IReadOnlyList<PolicyFold> existing, Func<PolicyBundle, JoiningFold> join) : IDisposable
{
    private readonly Dictionary<string, JoiningFold> _joining = new[] { order.Active, order.Canary }
        .OfType<PolicyBundle>()
        .Where(version => existing.All(fold => fold.Hash != version.Hash))
        .ToDictionary(static version => version.Hash, join);

    public PolicyOrder Order => order;

    /// <summary>Folds an event into those that are up to it already.</summary>
    public void Pass(in SourceEvent source)
    {
        foreach (JoiningFold joining in _joining.Values)
        {
            joining.Joined?.Pass(source);
        }
    }

    /// <summary>Called when all events below an offset are committed. True when every version stands there.</summary>
    public bool IsReady(LogReader reader, long committed)
    {
        foreach ((string hash, JoiningFold joining) in _joining)
        {
            joining.OnCommitted(reader, committed);
            if (joining.IsGivenUp)
            {
                throw new WorkflowException($"the policy version {hash[..12]} could not be brought up to offset {committed}");
            }
        }

        return _joining.Values.All(static joining => joining.Joined is not null);
    }

    /// <summary>The fold of a version, to decide from an offset on.</summary>
    public PolicyFold Take(PolicyBundle version, long decideFrom)
    {
        PolicyFold fold = existing.FirstOrDefault(each => each.Hash == version.Hash) ?? _joining[version.Hash].Joined!;
        fold.DecideOnlyFrom(decideFrom);
        return fold;
    }

    public void Dispose()
    {
        foreach (JoiningFold joining in _joining.Values)
        {
            joining.Dispose();
        }
    }
}
